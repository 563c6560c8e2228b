"""Start MLflow's servers, and end them with every process that they have started."""

import importlib.util
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sentiment.errors import UnavailableError
from sentiment.tracking import locations, saved_view, store
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.ports import LOCALHOST

USER = "admin"  # the one that `start_ui` gives a password
_STOP_SECONDS = 5  # for the processes that a server has started to end after it
_START_SECONDS = 60  # for a server to answer; it takes 5 to 20

Server = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Login:
    """The password of the user `admin`.

    folder: an empty one for MLflow's list of users, which only this user can read and which
    outlives the server.
    """

    password: str
    folder: Path


@dataclass(frozen=True)
class Access:
    """Who may use MLflow's pages.

    host: the address to listen on; names: host names under which browsers ask for the pages, beside
    those of this machine; login: None if anybody may use them.
    """

    host: str = LOCALHOST
    names: tuple[str, ...] = ()
    login: Login | None = None


def start_ui(paths: ProjectPaths, port: int, access: Access | None = None) -> Server:
    """Start the tracking server in its light form: one worker, no job execution.

    Raises UnavailableError if a password needs a library that is missing.
    """
    access = access or Access()
    options = ["server", "-w", "1", "--host", access.host, "--port", str(port)]
    uri = store.tracking_uri(paths)
    project = locations.project_of(uri)
    # Addresses in a project's store are relative to its folder, so the server runs there.
    options += ["--artifacts-destination", f"{locations.STORE}/artifacts"]
    variables = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_BACKEND_STORE_URI": locations.OWN if project else uri,
    }
    if access.names:
        variables |= _names_of_host(access.names, port)
    if access.login is not None:
        options += ["--app-name", "basic-auth"]
        variables |= _require_password(access.login)
    return _start(options, folder=project or paths.root, **variables)


def _names_of_host(names: tuple[str, ...], port: int) -> dict[str, str]:
    """Return what lets MLflow answer under `names`, which replace its own list of names."""
    from mlflow.server.security_utils import get_default_allowed_hosts

    hosts = [*get_default_allowed_hosts(), *names, *(f"{name}:{port}" for name in names)]
    # A page on one of these names may send requests, too; behind a proxy it has no port.
    origins = [f"http://{name}:{port}" for name in names]
    origins += [f"{scheme}://{name}" for scheme in ("http", "https") for name in names]
    return {
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(hosts),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins),
    }


def _require_password(login: Login) -> dict[str, str]:
    """Return what makes MLflow ask for a password; the environment keeps it from other users."""
    if importlib.util.find_spec("flask_wtf") is None:
        raise UnavailableError(
            "a password for MLflow's pages needs Flask-WTF, which is not installed",
            hint='pip install "sentiment-rnn[auth]"',
        )
    config = login.folder / "basic_auth.ini"
    users = f"sqlite:///{login.folder}/users.db"
    config.write_text(f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = {users}\n")
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_AUTH_ADMIN_USERNAME": USER,
        "MLFLOW_AUTH_ADMIN_PASSWORD": login.password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
    }


def _start(options: list[str], folder: Path | None = None, **variables: str) -> Server:
    """Start `mlflow …` in a process group of its own, so that the whole group can be ended."""
    return subprocess.Popen(
        [sys.executable, "-m", "mlflow", *options],
        cwd=folder,
        # No module is imported from the working directory, where others may have put some.
        env={**os.environ, **variables, "PYTHONSAFEPATH": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@contextmanager
def running(server: Server, address: str) -> Iterator[None]:
    """Wait until `address` answers, run the body, and end the server's process group.

    Raises UnavailableError if the server does not start.
    """
    try:
        wait_until_ready(server, address)
        yield
    finally:
        _end(server)


def wait_until_ready(server: Server, address: str) -> None:
    """Return once `address` answers; raise UnavailableError if the server does not start."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    command = " ".join(str(part) for part in server.args[1:])  # type: ignore[index]
    raise UnavailableError("the MLflow server did not start", hint=f"python {command}")


def _end(server: Server) -> None:
    """End a server and the processes of its group, which may outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            os.killpg(server.pid, 0)  # raises ProcessLookupError once the group is empty
            time.sleep(0.05)
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def ui_url(paths: ProjectPaths, experiment: str, base: str) -> str:
    """Return the page that compares the runs of `experiment`; MLflow opens another by default."""
    experiment_id = store.open_experiment(paths, experiment)
    view = f"workflowType=machine_learning&viewStateShareKey={saved_view.KEY}"
    return f"{base}/#/experiments/{experiment_id}/runs?{view}"
