"""Choose the device that a training process computes on: one GPU, or else the CPU."""

import tensorflow as tf

from sentiment.training.tf_config import Worker


def choose_gpu(worker: Worker) -> str | None:
    """Let this process use one GPU; return its name, or None if there is none.

    Workers of one machine share its GPUs evenly. The name is such as `GPU:0 (NVIDIA H100)`. Must be
    called before anything else in TensorFlow is used: afterwards it can choose no other GPU than
    the first.
    """
    gpus = tf.config.get_visible_devices("GPU")
    if not gpus:
        return None
    gpu = gpus[worker.index % len(gpus)]
    try:
        tf.config.set_visible_devices([gpu], "GPU")
    except RuntimeError:  # reading a data set, or the user's own code, has used TensorFlow before
        gpu = gpus[0]
    # GPUs round the factors of products to 10 bits if they may: the model that is saved would give
    # other probabilities than the network that was measured.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    number = gpu.name.removeprefix("/physical_device:")
    model = tf.config.experimental.get_device_details(gpu).get("device_name")
    return f"{number} ({model})" if model else number
