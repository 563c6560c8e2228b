"""Name the arrays in a model's `weights.npz` and give their shapes."""

from sentiment.config import ModelSettings
from sentiment.inference.cells import SIMPLE_RNN, cell_of

CELL_PARTS = SIMPLE_RNN.parts
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
    cell, input_size = cell_of(settings), settings.embedding
    for number in range(1, settings.layers + 1):
        for direction in directions(settings):
            for part, shape in cell.weight_shapes(input_size, settings.units).items():
                shapes[weight_name(number, direction, part)] = shape
        input_size = settings.state_size
    return shapes | {CLASSIFIER_KERNEL: (settings.state_size, 1), CLASSIFIER_BIAS: (1,)}
