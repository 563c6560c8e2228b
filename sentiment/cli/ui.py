"""`sentiment ui`."""

import os
import sys
import webbrowser
from typing import Annotated

import typer

from sentiment.cli import _terminal
from sentiment.cli._common import ExperimentOption, HostOption
from sentiment.utils.paths import find_project
from sentiment.utils.ports import free_port


def command(
    port: Annotated[int, typer.Option(min=1, max=65535, help="port; a free one if taken")] = 5000,
    host: HostOption = "127.0.0.1",
    experiment: ExperimentOption = "sentiment",
    browser: Annotated[bool, typer.Option(help="open the page where there is a desktop")] = True,
) -> None:
    """Open MLflow's own pages on the runs of this folder, until Ctrl-C."""
    typer.echo("Starting the MLflow UI ...")
    from sentiment.tracking import server, store

    place = find_project()
    uri = store.tracking_uri(place)
    if uri.startswith("http"):
        _offer(server.ui_url(place, experiment, uri.rstrip("/")), browser)
        return
    port = free_port(port, host)
    base = server.base_url(host, port)
    address = server.ui_url(place, experiment, base)
    if server.is_public(host):
        _terminal.warn_of_others(host, "read, change and delete the runs")
    started = server.start_ui(place, port, host)
    with server.running(started, f"{base}/health"):
        _offer(address, browser)
        _terminal.until_interrupted(started)


def _offer(address: str, browser: bool) -> None:
    _terminal.say(f"The runs are at {address}", err=False)
    desktop = (
        sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if browser and desktop and sys.stdout.isatty():
        webbrowser.open(address)
