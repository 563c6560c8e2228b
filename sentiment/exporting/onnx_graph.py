"""Write a trained model as an ONNX graph.

The recurrence is a `Scan` in float64. ONNX's operator `RNN` and its `Tanh` in float32 are
approximations in onnxruntime: their errors add up over the steps, and in a merged model, whose sum
is read with a weight of 300, they reach 2e-4 and 2e-5 in the logit after 139 tokens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import UnavailableError
from sentiment.inference.bundle import Bundle
from sentiment.inference.weights import (
    CLASSIFIER_BIAS,
    CLASSIFIER_KERNEL,
    directions,
    weight_name,
)

_OPERATORS = 17  # the version of ONNX's operators, of 2022: older runtimes read it too
_FILE_VERSION = 8  # of the file format, likewise
_BELOW_STATES = -4.0  # a state is -1 to 1


def write_onnx(path: Path, bundle: Bundle, inputs: Sequence[str]) -> None:
    """Write a SimpleRNN model as an ONNX file.

    Inputs and outputs are those of `nn.stock_network`, and `states` are zeros at padding. Raises
    UnavailableError if the package `onnx` is not installed.
    """
    onnx = import_onnx()
    graph = _Graph(onnx)
    _build(graph, bundle, inputs)
    size = bundle.settings.state_size
    outputs = {"probability": (1,), "logit": (1,), "state": (size,), "states": ("tokens", size)}
    model = onnx.helper.make_model(
        graph.finish(
            "sentiment",
            [graph.value(name, onnx.TensorProto.INT32, "batch", "tokens") for name in inputs],
            [
                graph.value(name, onnx.TensorProto.FLOAT, "batch", *shape)
                for name, shape in outputs.items()
            ],
        ),
        opset_imports=[onnx.helper.make_opsetid("", _OPERATORS)],
        ir_version=_FILE_VERSION,
        producer_name="sentiment",
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def import_onnx() -> Any:
    """Return the package onnx; raise UnavailableError if it is not installed."""
    try:
        import onnx
    except ImportError as error:
        raise UnavailableError(
            "this needs the package onnx, which is not installed",
            hint="pip install onnx",
        ) from error
    return onnx


class _Graph:
    """The operations and the constants of a graph; values are known by their names."""

    def __init__(self, onnx: Any):
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def add(self, operator: str, *inputs: str, name: str = "", **options: Any) -> str:
        """Add an operation; return the name of its result."""
        name = name or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, [name], **options))
        return name

    def constant(self, name: str, array: Any) -> str:
        """Add a constant, unless it is there already; return its name."""
        self._constants[name] = self._onnx.numpy_helper.from_array(np.asarray(array), name)
        return name

    def axis(self, number: int) -> str:
        """Add a constant that stands for one axis; return its name."""
        return self.constant(f"axis_{number}", np.array([number]))

    def cast(self, value: str, dtype: str, name: str = "") -> str:
        """Add a conversion to `dtype`, such as DOUBLE; return the name of its result."""
        return self.add("Cast", value, name=name, to=getattr(self._onnx.TensorProto, dtype))

    def value(self, name: str, kind: int, *shape: Any) -> Any:
        """Return the declaration of an input or an output."""
        return self._onnx.helper.make_tensor_value_info(name, kind, shape)

    def finish(self, name: str, inputs: list[Any], outputs: list[Any]) -> Any:
        """Return the graph with its inputs and outputs."""
        return self._onnx.helper.make_graph(
            self._nodes, name, inputs, outputs, list(self._constants.values())
        )

    def scan(self, first: str, steps: str, real: str, kernel: str, *, backward: bool) -> str:
        """Add h_t = tanh(steps_t + h_(t-1)·kernel), where `real`; else h_t = h_(t-1).

        first: (B, H), the state before the first step; steps: (T, B, H); real: bool (T, B, 1).
        Returns the name of all states, (T, B, H).
        """
        body, kind = _Graph(self._onnx), self._onnx.TensorProto
        total = body.add("Add", "step", body.add("MatMul", "before", kernel))
        body.add("Where", "is_real", body.add("Tanh", total), "before", name="after")
        body.add("Identity", "after", name="state_of_step")
        inputs = [
            body.value("before", kind.DOUBLE, "batch", None),
            body.value("step", kind.DOUBLE, "batch", None),
            body.value("is_real", kind.BOOL, "batch", 1),
        ]
        outputs = [
            body.value(name, kind.DOUBLE, "batch", None) for name in ("after", "state_of_step")
        ]
        number = len(self._nodes)
        names = [f"last_{number}", f"states_{number}"]
        node = self._onnx.helper.make_node(
            "Scan",
            [first, steps, real],
            names,
            body=body.finish(f"step_{number}", inputs, outputs),
            num_scan_inputs=2,
            scan_input_directions=[int(backward)] * 2,
            scan_output_directions=[int(backward)],
        )
        self._nodes.append(node)
        return names[1]


def _build(graph: _Graph, bundle: Bundle, inputs: Sequence[str]) -> None:
    """Add the network to `graph`. B texts, T tokens, E numbers in a vector, S in a state."""
    is_word = graph.add("Greater", inputs[0], graph.constant("padding", np.int32(0)))  # (B, T)
    real = graph.add("Unsqueeze", graph.add("Transpose", is_word, perm=(1, 0)), graph.axis(2))
    table = graph.constant("embedding", np.asarray(bundle.embedding))
    vectors = [graph.cast(graph.add("Gather", table, ids), "DOUBLE") for ids in inputs]
    flow = graph.add("Transpose", graph.add("Sum", *vectors), perm=(1, 0, 2))  # (T, B, E)
    for number in range(1, bundle.settings.layers + 1):
        flow = _recur(graph, bundle, number, flow, real)
    zero = graph.constant("zero", np.float64(0))
    states = graph.add("Where", real, flow, zero)
    graph.cast(graph.add("Transpose", states, perm=(1, 0, 2)), "FLOAT", name="states")
    state = _read_out(graph, bundle, flow, real)
    kernel = graph.constant(CLASSIFIER_KERNEL, bundle.weights[CLASSIFIER_KERNEL].astype("f8"))
    bias = graph.constant(CLASSIFIER_BIAS, bundle.weights[CLASSIFIER_BIAS].astype("f8"))
    logit = graph.add("Add", graph.add("MatMul", state, kernel), bias)
    temperature = graph.constant("temperature", np.float64(bundle.temperature))
    probability = graph.add("Sigmoid", graph.add("Div", logit, temperature))
    for name, value in (("state", state), ("logit", logit), ("probability", probability)):
        graph.cast(value, "FLOAT", name=name)


def _recur(graph: _Graph, bundle: Bundle, number: int, flow: str, real: str) -> str:
    """Add a recurrent layer; return the name of its states at all steps, (T, B, S)."""
    results = []
    for way in directions(bundle.settings):
        kernel, recurrent_kernel, bias = (
            graph.constant(name, bundle.weights[name].astype("f8"))
            for name in (
                weight_name(number, way, part) for part in ("kernel", "recurrent_kernel", "bias")
            )
        )
        steps = graph.add("Add", graph.add("MatMul", flow, kernel), bias)
        zero = graph.constant("zero", np.float64(0))
        first = graph.add("Mul", graph.add("ReduceSum", steps, graph.axis(0), keepdims=0), zero)
        backward = way == "backward"
        results.append(graph.scan(first, steps, real, recurrent_kernel, backward=backward))
    return graph.add("Concat", *results, axis=2)


def _read_out(graph: _Graph, bundle: Bundle, flow: str, real: str) -> str:
    """Add what the classifier reads of the states `flow`; return its name, (B, S)."""
    settings = bundle.settings
    if settings.readout == "last":
        # In padding a state stays as it was: the last step has the forward state after all words.
        forward = graph.add("Gather", flow, graph.constant("last", np.int64(-1)), axis=0)
        if not settings.bidirectional:
            return forward
        backward = graph.add("Gather", flow, graph.constant("first", np.int64(0)), axis=0)
        half, end = settings.units, 2 * settings.units
        parts = [
            graph.add("Slice", forward, *_range(graph, 0, half), graph.axis(1)),
            graph.add("Slice", backward, *_range(graph, half, end), graph.axis(1)),
        ]
        return graph.add("Concat", *parts, axis=1)
    zero = graph.constant("zero", np.float64(0))
    each = graph.cast(real, "DOUBLE")
    count = graph.add("ReduceSum", each, graph.axis(0), keepdims=0)  # (B, 1)
    if settings.readout == "mean":
        total = graph.add("ReduceSum", graph.add("Mul", flow, each), graph.axis(0), keepdims=0)
        return graph.add("Div", total, graph.add("Max", count, graph.constant("one", 1.0)))
    low = graph.constant("low", np.float64(_BELOW_STATES))
    largest = graph.add("ReduceMax", graph.add("Where", real, flow, low), axes=[0], keepdims=0)
    return graph.add("Where", graph.add("Greater", count, zero), largest, zero)


def _range(graph: _Graph, start: int, end: int) -> tuple[str, str]:
    """Add the two ends of a slice; return their names."""
    return (
        graph.constant(f"from_{start}", np.array([start])),
        graph.constant(f"to_{end}", np.array([end])),
    )
