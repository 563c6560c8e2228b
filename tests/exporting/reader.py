"""Run exported models without this package; a process of its own calls this file by its path.

Arguments: the format, and a folder that holds exported folders. Reads texts, a JSON list, from
standard input, and writes what each model answers, by the name of its folder, as JSON.
"""

import json
import sys
from pathlib import Path

sys.modules["sentiment"] = None  # from here on, importing it is an ImportError
FORMAT, HOME = sys.argv[1], Path(sys.argv[2])
FOLDERS = sorted(HOME.iterdir())
sys.path.insert(0, str(FOLDERS[0]))
import numpy as np  # noqa: E402
from encode import Encoder  # noqa: E402


def keras_outputs(folder, ids):
    import keras

    return keras.saving.load_model(folder / "model.keras", safe_mode=True)(ids)


def onnx_outputs(folder, ids):
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, ids), strict=True))


def safetensors_outputs(folder, ids):
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


run = {"keras": keras_outputs, "onnx": onnx_outputs, "safetensors": safetensors_outputs}[FORMAT]
texts, answers = json.load(sys.stdin), {}
for folder in FOLDERS:
    encoder = Encoder.read(folder)
    ids = {name: np.array(rows, np.int32) for name, rows in encoder.encode(texts).items()}
    outputs = {name: np.asarray(array).tolist() for name, array in run(folder, ids).items()}
    lengths = [len(encoder.features(text)["words"]) for text in texts]
    answers[folder.name] = {"lengths": lengths, **outputs}
json.dump(answers, sys.stdout)
