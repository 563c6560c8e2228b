"""`sentiment ui`."""

import os
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment import folders
from sentiment.errors import UnavailableError

if TYPE_CHECKING:
    import subprocess

_PATIENCE = 60  # seconds for the server to answer; it takes 5 to 20


def command(
    port: Annotated[int, typer.Option(min=1, max=65535, help="port; a free one if taken")] = 5000,
    experiment: Annotated[
        str, typer.Option(envvar="MLFLOW_EXPERIMENT_NAME", help="experiment to show")
    ] = "sentiment",
    browser: Annotated[bool, typer.Option(help="open the page where there is a desktop")] = True,
) -> None:
    """Open MLflow's own pages on the runs of this folder, until Ctrl-C."""
    typer.echo("Starting the MLflow UI ...")
    from sentiment import tracking

    place = folders.find()
    store = tracking.store_uri(place)
    if store.startswith("http"):
        _offer(tracking.ui_address(place, experiment, store.rstrip("/")), browser)
        return
    port = tracking.free_port(port)
    address = tracking.ui_address(place, experiment, f"http://127.0.0.1:{port}")
    server = tracking.start_ui(place, port)
    try:
        _wait(server, f"http://127.0.0.1:{port}/health")
        _offer(address, browser)
        typer.echo("Ctrl-C ends it.")
        server.wait()
    except KeyboardInterrupt:
        typer.echo("Ended.")
    finally:
        tracking.stop_ui(server)


def _wait(server: "subprocess.Popen", address: str) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise UnavailableError("the MLflow server did not start", remedy="mlflow server, for its log")


def _offer(address: str, browser: bool) -> None:
    typer.echo(f"The runs are at {address}")
    desktop = (
        sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if browser and desktop and sys.stdout.isatty():
        webbrowser.open(address)
