"""`sentiment ui`."""

import os
import re
import secrets
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment.cli import _terminal
from sentiment.cli._options import ExperimentOption, HostOption, PortOption, refuse_ignored
from sentiment.errors import InputError
from sentiment.utils.credentials import without_credentials
from sentiment.utils.paths import find_project
from sentiment.utils.ports import base_url, free_port, is_public

if TYPE_CHECKING:
    from sentiment.tracking.server import Login

_VARIABLE = "MLFLOW_AUTH_ADMIN_PASSWORD"  # MLflow's own
_ADDRESS = "MLFLOW_TRACKING_URI"
_OF_OWN_SERVER = ("port", "host", "allowed_hosts", "auth")  # parameters
_RANDOM_BYTES, _MIN_LENGTH = 15, 12  # of a password; MLflow wants 12 characters
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


EXAMPLES = {
    "sentiment ui": "show the runs in a browser",
    "sentiment ui --experiment sentiment-sweeps": "show the trials of sweeps",
    "sentiment ui --auth": "ask for a password",
}


def command(
    ctx: typer.Context,
    port: PortOption = 5000,
    host: HostOption = "127.0.0.1",
    allowed_hosts: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="host names under which browsers reach this machine, separated by commas",
        ),
    ] = None,
    auth: Annotated[
        bool,
        typer.Option(
            "--auth",
            help="ask for a password: that in MLFLOW_AUTH_ADMIN_PASSWORD, else a new one",
        ),
    ] = False,
    experiment: ExperimentOption = "sentiment",
    browser: Annotated[bool, typer.Option(help="open a browser if there is a desktop")] = True,
) -> None:
    """Show the runs of this project in the MLflow UI.

    Runs until Ctrl-C.
    """
    names = _host_names(allowed_hosts)
    if os.environ.get(_ADDRESS, "").startswith("http"):  # before the slow import of MLflow
        refuse_ignored(ctx, _OF_OWN_SERVER, f"no server is started, as {_ADDRESS} names one")
    typer.echo("Starting the MLflow UI ...")
    from sentiment.tracking import server, store

    paths = find_project()
    uri = store.tracking_uri(paths)
    if uri.startswith("http"):
        # A browser asks for a password; its command line would show one to other users.
        base = without_credentials(uri).rstrip("/")
        _show_address(server.ui_url(paths, experiment, base), browser)
        return
    port = free_port(port, host)
    base = base_url(host, port)
    address = server.ui_url(paths, experiment, base)
    with tempfile.TemporaryDirectory() as tmp:
        login = _login(Path(tmp)) if auth else None
        if login is None:
            _warn_open(host, is_public=is_public(host))
        process = server.start_ui(paths, port, server.Access(host, names, login))
        with server.running(process, f"{base}/health"):
            _show_address(address, browser)
            _terminal.wait_for_interrupt(process)


def _host_names(text: str | None) -> tuple[str, ...]:
    """Return the names in an option."""
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise typer.BadParameter(f"--allowed-hosts: {name!r} is no host name")
    return names


def _login(folder: Path) -> "Login":
    """Return the login with a password from the environment, or with a new one, which is shown."""
    from sentiment.tracking.server import USER, Login

    password = os.environ.get(_VARIABLE)
    if password is None:
        password = secrets.token_urlsafe(_RANDOM_BYTES)
        typer.echo(f"Log in as {USER} with the password {password}")
    elif len(password) < _MIN_LENGTH:
        raise InputError(
            f"the password in {_VARIABLE} has fewer than {_MIN_LENGTH} characters",
            hint=f"unset {_VARIABLE}, to get a new one",
        )
    else:
        typer.echo(f"Log in as {USER} with the password in {_VARIABLE}")
    return Login(password, folder)


def _warn_open(host: str, *, is_public: bool) -> None:
    """Say who may do what without a password."""
    action = "read, replace and delete runs and artifacts"
    if is_public:
        _terminal.warn_public(host, action)
        hint = "--auth asks for a password; --allowed-hosts lets browsers use a host name."
        _terminal.print_message(hint)
    else:
        _terminal.print_message(
            f"Any user of this machine can {action}; --auth asks for a password."
        )


def _show_address(address: str, browser: bool) -> None:
    _terminal.print_message(f"The runs are at {address}", err=False)
    desktop = (
        sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if browser and desktop and sys.stdout.isatty():
        webbrowser.open(address)
