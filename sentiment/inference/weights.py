"""The names and shapes of the arrays in a model's `weights.npz`."""

from sentiment.config import ModelSettings

CELL_PARTS = ("kernel", "recurrent_kernel", "bias")
CLASSIFIER_KERNEL, CLASSIFIER_BIAS = "classifier.kernel", "classifier.bias"


def directions(settings: ModelSettings) -> tuple[str, ...]:
    """Return the directions that each layer reads in."""
    return ("forward", "backward") if settings.bidirectional else ("forward",)


def layer_name(number: int) -> str:
    """Return the name of recurrent layer `number`, from 1."""
    return f"rnn_{number}"


def weight_name(number: int, direction: str, part: str) -> str:
    """Return the name of one array of a recurrent layer, such as `rnn_1.forward.kernel`."""
    return f"{layer_name(number)}.{direction}.{part}"


def weight_shapes(settings: ModelSettings) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array in `weights.npz`, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    input_size, units = settings.embedding, settings.units
    for number in range(1, settings.layers + 1):
        for direction in directions(settings):
            for part, shape in zip(
                CELL_PARTS, ((input_size, units), (units, units), (units,)), strict=True
            ):
                shapes[weight_name(number, direction, part)] = shape
        input_size = settings.state_size
    return shapes | {CLASSIFIER_KERNEL: (settings.state_size, 1), CLASSIFIER_BIAS: (1,)}
