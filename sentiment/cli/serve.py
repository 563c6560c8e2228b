"""`sentiment serve`."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from sentiment.cli import _terminal
from sentiment.cli._options import HostOption, PortOption
from sentiment.utils.paths import find_project
from sentiment.utils.ports import free_port


def command(
    model: Annotated[
        str, typer.Option(help="models:/NAME@ALIAS, run name, or model folder")
    ] = "models:/sentiment@champion",
    port: PortOption = 5001,
    host: HostOption = "127.0.0.1",
) -> None:
    """Serve a model over HTTP on this machine, until Ctrl-C.

    The model's arrays are served with this program's code. Code that came with the model is not
    run.
    """
    _terminal.print_message(f"Starting MLflow's scoring server for {model} ...", err=False)
    from sentiment.inference import resolve
    from sentiment.tracking import registry, server

    bundle = resolve.resolve_model(model, find_project())
    port = free_port(port, host)
    address = server.base_url(host, port)
    if server.is_public(host):
        _terminal.warn_public(host, "classify texts")
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp) / "model"
        registry.save_model(bundle.folder, folder)
        process = server.start_model(folder, port, host)
        with server.running(process, f"{address}/health"):
            typer.echo(
                f"curl {address}/invocations -H 'Content-Type: application/json' "
                """-d '{"inputs": ["An unforgettable film."]}'"""
            )
            _terminal.wait_for_interrupt(process)
