"""`sentiment serve`."""

from typing import Annotated

import typer

from sentiment.cli import _terminal
from sentiment.cli._common import HostOption
from sentiment.utils.paths import find_project
from sentiment.utils.ports import free_port


def command(
    model: Annotated[
        str, typer.Option(help="address of a registered or logged model in MLflow")
    ] = "models:/sentiment@champion",
    port: Annotated[int, typer.Option(min=1, max=65535, help="port; a free one if taken")] = 5001,
    host: HostOption = "127.0.0.1",
) -> None:
    """Answer over HTTP with a registered model, on this machine alone, until Ctrl-C."""
    _terminal.say(f"Starting MLflow's scoring server for {model} ...", err=False)
    from sentiment.tracking import registry, server

    place = find_project()
    registry.download_bundle(place, model)  # where there is no such model, say so now
    port = free_port(port, host)
    address = server.base_url(host, port)
    if server.is_public(host):
        _terminal.warn_of_others(host, "have texts classified")
    started = server.start_model(place, model, port, host)
    with server.running(started, f"{address}/health"):
        typer.echo(
            f"curl {address}/invocations -H 'Content-Type: application/json' "
            """-d '{"inputs": ["An unforgettable film."]}'"""
        )
        _terminal.until_interrupted(started)
