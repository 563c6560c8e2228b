"""`sentiment serve`."""

import re
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import typer

from sentiment.cli import _terminal
from sentiment.cli._options import HostOption, ModelOption, PortOption
from sentiment.errors import InputError
from sentiment.utils.ports import base_url, bound_socket, is_public

if TYPE_CHECKING:
    from sentiment.inference.bundle import Bundle
    from sentiment.serving.settings import Limits

_TOKEN_VARIABLE = "SENTIMENT_TOKEN"  # noqa: S105 (a name)
_MIN_TOKEN = 16  # characters
_MIB = 1 << 20
_RELOAD_SECONDS = 60.0
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_MOVING = re.compile(r"models:/.*(@|/latest$)")  # names that lead to another version one day

EXAMPLES = {
    "sentiment serve": "an API and a page on this machine, port 5001",
    "sentiment serve -m models:/sentiment@champion": "the champion, also when it changes",
    "sentiment serve --port 8080 --workers 4": "another port, and four processes",
}

_WorkersOption = Annotated[
    int, typer.Option(metavar="N", min=1, max=64, help="number of processes that answer")
]
_ReloadOption = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=0,
        max=86_400,
        help="how often to look for a newer model of the same name; 0: never; default: "
        f"{_RELOAD_SECONDS:g} for models:/NAME@ALIAS and models:/NAME/latest, else 0",
    ),
]
_TokenOption = Annotated[
    str | None,
    typer.Option(
        metavar="TOKEN",
        envvar=_TOKEN_VARIABLE,
        show_envvar=False,
        help="secret that requests must have; needed if other machines are let in; better set "
        f"as {_TOKEN_VARIABLE}, since other users of this machine see what is typed",
    ),
]
_CorsOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ORIGIN",
        help="site whose pages may send requests, such as https://films.example; can be repeated",
    ),
]
_LogOption = Annotated[Literal["text", "json"], typer.Option(help="format of the log")]
_BodyOption = Annotated[
    int, typer.Option(metavar="MIB", min=1, max=1024, help="largest size of a request, in MiB")
]
_TextsOption = Annotated[
    int,
    typer.Option(metavar="N", min=1, max=1_000_000, help="maximum number of texts in a request"),
]
_TimeoutOption = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", min=0.1, max=3600, help="longest time for a request, in seconds"
    ),
]
_InFlightOption = Annotated[
    int,
    typer.Option(
        metavar="N", min=1, max=10_000, help="maximum number of requests at once, in each process"
    ),
]


def command(
    model: ModelOption = None,
    port: PortOption = 5001,
    host: HostOption = "127.0.0.1",
    workers: _WorkersOption = 1,
    reload_every: _ReloadOption = None,
    token: _TokenOption = None,
    cors_origin: _CorsOption = None,
    log: _LogOption = "text",
    max_body: _BodyOption = 16,
    max_texts: _TextsOption = 10_000,
    timeout: _TimeoutOption = 30.0,
    max_in_flight: _InFlightOption = 128,
) -> None:
    """Serve a model over HTTP: an API for programs, and a page.

    Runs until Ctrl-C. The model's arrays are served with this program's code. Code that came with
    the model is not run.
    """
    origins = tuple(map(_check_origin, cors_origin or ()))
    _check_token(token, host)
    from sentiment.serving.settings import Limits

    limits = Limits(max_body * _MIB, max_texts, timeout, max_in_flight)
    every = _reload_seconds(model) if reload_every is None else reload_every
    try:
        _serve(model, host, port, limits, workers, every, token, origins, log)
    except KeyboardInterrupt:  # SIGTERM and a closed terminal as well; requests were answered
        typer.echo("Stopped.")


def _serve(
    model: str | None,
    host: str,
    port: int,
    limits: "Limits",
    workers: int,
    reload_every: float,
    token: str | None,
    origins: tuple[str, ...],
    log: Literal["text", "json"],
) -> None:
    """Find the model, listen, say where, and serve."""
    from sentiment.inference import bundle
    from sentiment.serving import server
    from sentiment.serving.model_lookup import find_folder
    from sentiment.serving.settings import ServiceSettings

    opened = bundle.read(find_folder(model))
    hosts = None if is_public(host) else _LOCAL_NAMES | {host}
    settings = ServiceSettings(
        folder=opened.folder.absolute(),
        render_page=_render_page,
        limits=limits,
        hosts=hosts,
        cors_origins=origins,
        token=token,
        log=log,
        workers=workers,
    )
    with bound_socket(port, host) as listener:
        listener.listen(server.BACKLOG)  # who follows the address that is printed has to wait only
        address = base_url(host, listener.getsockname()[1])
        _terminal.print_message(f"model: {opened.name} ({opened.folder})", err=False)
        _terminal.print_message(f"Page: {address}/  API: {address}/docs", err=False)
        login = f" -H 'Authorization: Bearer '\"${_TOKEN_VARIABLE}\"" if token else ""
        typer.echo(
            f"curl {address}/v1/classify -H 'Content-Type: application/json'{login} "
            """-d '{"texts": ["An unforgettable film."]}'"""
        )
        typer.echo("Press Ctrl-C to stop.")
        server.serve(settings, listener, model, reload_every)


def _render_page(bundle: "Bundle") -> str:
    """Return the page of a model. Imported here: it takes half a second, and only the page does."""
    from sentiment.reports.model_page import render_model_page

    return render_model_page(bundle)


def _reload_seconds(model: str | None) -> float:
    """Return how often to look for another model if that was not typed."""
    from sentiment.inference.resolve import requested_model

    return _RELOAD_SECONDS if _MOVING.match(requested_model(model) or "") else 0.0


def _check_origin(origin: str) -> str:
    """Return an origin as browsers send it; raise a usage error if it is none."""
    try:
        parts = urlsplit(origin)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or origin.lower() != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise typer.BadParameter(
            f"expected an origin such as https://films.example, got {origin}",
            param_hint="--cors-origin",
        )
    return origin


def _check_token(token: str | None, host: str) -> None:
    """Raise an error if a token is needed and missing, or is too short."""
    if token is None:
        if is_public(host):
            raise InputError(
                f"listening on {host} lets other machines in, and there is no token",
                hint=f'export {_TOKEN_VARIABLE}="$(openssl rand -hex 16)", and the same command',
            )
        return
    if len(token) < _MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(
            f"the token is not {_MIN_TOKEN} or more printable ASCII characters without spaces",
            hint=f'export {_TOKEN_VARIABLE}="$(openssl rand -hex 16)"',
        )
