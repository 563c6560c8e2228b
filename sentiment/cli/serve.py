"""`sentiment serve`."""

from typing import Annotated

import typer

from sentiment import folders
from sentiment.cli import terminal


def command(
    model: Annotated[
        str, typer.Option(help="address of a registered or logged model in MLflow")
    ] = "models:/sentiment@champion",
    port: Annotated[int, typer.Option(min=1, max=65535, help="port; a free one if taken")] = 5001,
) -> None:
    """Answer over HTTP on this machine with a registered model, until Ctrl-C."""
    terminal.say(f"Starting MLflow's scoring server for {model} ...", err=False)
    from sentiment.tracking import registry, server

    place = folders.find()
    registry.fetch(place, model)  # where there is no such model, say so now
    port = server.free_port(port)
    address = f"http://{server.LOCAL}:{port}"
    started = server.start_model(place, model, port)
    with server.running(started, f"{address}/health"):
        typer.echo(
            f"curl {address}/invocations -H 'Content-Type: application/json' "
            """-d '{"inputs": ["An unforgettable film."]}'"""
        )
        terminal.until_interrupted(started)
