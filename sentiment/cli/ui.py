"""`sentiment ui`."""

import os
import sys
import webbrowser
from typing import Annotated

import typer

from sentiment.cli import _terminal as terminal
from sentiment.cli._common import ExperimentOption, HostOption
from sentiment.utils import paths as folders


def command(
    port: Annotated[int, typer.Option(min=1, max=65535, help="port; a free one if taken")] = 5000,
    host: HostOption = "127.0.0.1",
    experiment: ExperimentOption = "sentiment",
    browser: Annotated[bool, typer.Option(help="open the page where there is a desktop")] = True,
) -> None:
    """Open MLflow's own pages on the runs of this folder, until Ctrl-C."""
    typer.echo("Starting the MLflow UI ...")
    from sentiment.tracking import server, store

    place = folders.find()
    uri = store.uri(place)
    if uri.startswith("http"):
        _offer(server.ui_address(place, experiment, uri.rstrip("/")), browser)
        return
    port = server.free_port(port, host)
    base = server.base(host, port)
    address = server.ui_address(place, experiment, base)
    if server.is_open(host):
        terminal.warn_of_others(host, "read, change and delete the runs")
    started = server.start_ui(place, port, host)
    with server.running(started, f"{base}/health"):
        _offer(address, browser)
        terminal.until_interrupted(started)


def _offer(address: str, browser: bool) -> None:
    terminal.say(f"The runs are at {address}", err=False)
    desktop = (
        sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if browser and desktop and sys.stdout.isatty():
        webbrowser.open(address)
