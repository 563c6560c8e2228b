"""The formats that a trained model can be written in for use without this package.

To add one to `FORMATS`, write a function that imports what it needs when it is called.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

from sentiment.errors import InputError
from sentiment.exporting.companions import input_names, write_companions
from sentiment.inference.bundle import Bundle
from sentiment.inference.cells import SIMPLE_RNN, cell_of
from sentiment.utils import environment, files, opening

# Writes the model to a path: a file, which may be replaced, or a folder, which must be new.
Exporter = Callable[[Bundle, Path], None]


def _write_html(bundle: Bundle, path: Path) -> None:
    """Write one page that holds the model, runs it and needs no network."""
    from sentiment.reports.model_page import render_model_page

    page = render_model_page(bundle)
    files.write_text(opening.output_path(path), page)


def _write_keras(bundle: Bundle, path: Path) -> None:
    """Write a folder with the model as a network of Keras's own layers."""
    with _new_folder(bundle, path) as folder:
        with environment.suppress_stderr():
            from sentiment.nn.stock_network import build_stock_network

            network = build_stock_network(bundle, input_names(bundle.settings))
        network.save(folder / "model.keras")
        write_companions(folder, bundle, "keras.md")


def _write_onnx(bundle: Bundle, path: Path) -> None:
    """Write a folder with the model as an ONNX graph."""
    from sentiment.exporting import onnx_graph

    with _new_folder(bundle, path) as folder:
        onnx_graph.write_onnx(folder / "model.onnx", bundle, input_names(bundle.settings))
        write_companions(folder, bundle, "onnx.md")


def _write_safetensors(bundle: Bundle, path: Path) -> None:
    """Write a folder with the model's arrays in one safetensors file."""
    from sentiment.exporting import safetensors

    with _new_folder(bundle, path) as folder:
        arrays = {"embedding": bundle.embedding, **bundle.weights}
        safetensors.write_safetensors(folder / "model.safetensors", arrays)
        write_companions(folder, bundle, "safetensors.md")


FORMATS: dict[str, Exporter] = {
    "html": _write_html,
    "keras": _write_keras,
    "onnx": _write_onnx,
    "safetensors": _write_safetensors,
}


def check_format(format: str) -> None:
    """Raise InputError if there is no such format, UnavailableError if it needs what is missing."""
    if format not in FORMATS:
        close = get_close_matches(format, FORMATS)
        raise InputError(
            f"there is no format {format!r}; there is {', '.join(FORMATS)}",
            hint=f"--format {(close or [*FORMATS])[0]}",
        )
    if format == "onnx":
        from sentiment.exporting.onnx_graph import import_onnx

        import_onnx()


@contextmanager
def _new_folder(bundle: Bundle, path: Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes `path` when the body ends."""
    if cell_of(bundle.settings) is not SIMPLE_RNN:
        raise InputError(
            f"only a SimpleRNN can be exported, and the cells of {bundle.name} are "
            f"{bundle.settings.cell!r}"
        )
    if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"{path} exists already", hint="name a folder that does not exist yet")
    with files.atomic_dir(path, replace=False) as folder:
        yield folder
