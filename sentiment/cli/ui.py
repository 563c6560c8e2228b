"""`sentiment ui`."""

import os
import sys
import webbrowser
from typing import Annotated

import typer

from sentiment.cli import _terminal
from sentiment.cli._options import ExperimentOption, HostOption, PortOption
from sentiment.utils.paths import find_project
from sentiment.utils.ports import free_port


def command(
    port: PortOption = 5000,
    host: HostOption = "127.0.0.1",
    experiment: ExperimentOption = "sentiment",
    browser: Annotated[bool, typer.Option(help="open a browser if there is a desktop")] = True,
) -> None:
    """Start the MLflow UI with the runs of this project, until Ctrl-C."""
    typer.echo("Starting the MLflow UI ...")
    from sentiment.tracking import server, store

    paths = find_project()
    uri = store.tracking_uri(paths)
    if uri.startswith("http"):
        _show_address(server.ui_url(paths, experiment, uri.rstrip("/")), browser)
        return
    port = free_port(port, host)
    base = server.base_url(host, port)
    address = server.ui_url(paths, experiment, base)
    if server.is_public(host):
        _terminal.warn_public(host, "read, change and delete the runs")
    process = server.start_ui(paths, port, host)
    with server.running(process, f"{base}/health"):
        _show_address(address, browser)
        _terminal.wait_for_interrupt(process)


def _show_address(address: str, browser: bool) -> None:
    _terminal.print_message(f"The runs are at {address}", err=False)
    desktop = (
        sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if browser and desktop and sys.stdout.isatty():
        webbrowser.open(address)
