"""`sentiment serve`."""

from typing import Annotated

import typer

from sentiment.cli import _terminal
from sentiment.cli._options import HostOption, PortOption
from sentiment.utils.paths import find_project
from sentiment.utils.ports import free_port


def command(
    model: Annotated[
        str, typer.Option(help="registered or logged model in MLflow")
    ] = "models:/sentiment@champion",
    port: PortOption = 5001,
    host: HostOption = "127.0.0.1",
) -> None:
    """Serve a registered model over HTTP on this machine, until Ctrl-C."""
    _terminal.print_message(f"Starting MLflow's scoring server for {model} ...", err=False)
    from sentiment.tracking import registry, server

    paths = find_project()
    registry.download_bundle(paths, model)  # now, so that a missing model is reported at once
    port = free_port(port, host)
    address = server.base_url(host, port)
    if server.is_public(host):
        _terminal.warn_public(host, "classify texts")
    process = server.start_model(paths, model, port, host)
    with server.running(process, f"{address}/health"):
        typer.echo(
            f"curl {address}/invocations -H 'Content-Type: application/json' "
            """-d '{"inputs": ["An unforgettable film."]}'"""
        )
        _terminal.wait_for_interrupt(process)
