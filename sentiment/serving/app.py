"""Put the service together."""

import asyncio
import csv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from sentiment import __version__
from sentiment.serving import api, logs, pages, schemas
from sentiment.serving.access import HostCheck, TokenCheck
from sentiment.serving.errors import HANDLERS
from sentiment.serving.observed import Observed
from sentiment.serving.reload import follow
from sentiment.serving.request_limits import RequestLimits
from sentiment.serving.served_model import open_model
from sentiment.serving.service import Service
from sentiment.serving.settings import ServiceSettings

_DESCRIPTION = "Classify and explain texts with a recurrent sentiment classifier."
_REQUESTS = (schemas.ClassifyRequest, schemas.TextRequest)


class Application:
    """The service as an ASGI application."""

    def __init__(self, app: ASGIApp, service: Service):
        self._app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or take part in the start and the end of the server."""
        await self._app(scope, receive, send)


def create_app(settings: ServiceSettings) -> Application:
    """Return the service; raises what `open_model` raises."""
    logs.configure(settings.log)
    csv.field_size_limit(schemas.MAX_CHARACTERS)
    service = Service(settings, open_model(settings.folder))
    inner = FastAPI(
        title="sentiment",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        exception_handlers=HANDLERS,
        lifespan=_lifespan,
    )
    inner.state.service = service
    inner.include_router(api.router)
    inner.include_router(pages.router)
    _add_request_schemas(inner)
    app: ASGIApp = RequestLimits(inner, settings.limits, service.metrics)
    if settings.token is not None:
        app = TokenCheck(app, settings.token)
    if settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    if settings.hosts is not None:
        app = HostCheck(app, settings.hosts)
    paths = frozenset(route.path for route in (*api.router.routes, *pages.router.routes))  # type: ignore[attr-defined]
    return Application(Observed(app, service.metrics, paths | {"/openapi.json"}), service)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Follow the choice of the model while the service runs."""
    service: Service = app.state.service
    choice = service.settings.choice
    task = asyncio.create_task(follow(service, choice)) if choice is not None else None
    logs.log_event("serving", model=service.model.name, digest=service.model.digest)
    yield
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    service.scorer.close()


def _add_request_schemas(app: FastAPI) -> None:
    """Add the bodies of requests to the OpenAPI document: the endpoints read them themselves."""
    _, definitions = models_json_schema(
        [(kind, "validation") for kind in _REQUESTS],
        ref_template="#/components/schemas/{model}",
    )
    build = app.openapi

    def openapi() -> dict[str, Any]:
        content = build()
        content["components"]["schemas"].update(definitions["$defs"])
        return content

    app.openapi = openapi  # type: ignore[method-assign]
