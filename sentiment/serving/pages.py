"""The pages for people: that of the model, and the list of endpoints."""

import asyncio
import hashlib
from importlib import resources

from fastapi import APIRouter, Request, Response

from sentiment.serving.service import service_of

router = APIRouter(include_in_schema=False)
_STATIC = resources.files("sentiment.serving") / "static"
_TYPES = {"docs.html": "text/html", "docs.css": "text/css", "docs.js": "text/javascript"}
# A page says itself which scripts it runs; what it can't say itself comes with the answer.
_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@router.get("/")
async def model_page(request: Request) -> Response:
    """Return the page of the model."""
    service = service_of(request)
    model = service.model
    # Not in the thread that classifies: it takes seconds.
    content = await asyncio.to_thread(model.page, service.settings.render_page)
    return _cached(request, content, "text/html", _HEADERS)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Return the page that lists the endpoints."""
    return _static(request, "docs.html")


@router.get("/docs.css")
async def docs_style(request: Request) -> Response:
    """Return the style sheet of that page."""
    return _static(request, "docs.css")


@router.get("/docs.js")
async def docs_script(request: Request) -> Response:
    """Return the script of that page."""
    return _static(request, "docs.js")


def _static(request: Request, name: str) -> Response:
    headers = _HEADERS | {"Content-Security-Policy": _DOCS_POLICY}
    return _cached(request, (_STATIC / name).read_bytes(), _TYPES[name], headers)


def _cached(request: Request, content: bytes, kind: str, headers: dict[str, str]) -> Response:
    """Return an answer with an ETag, or 304 if the client has this content already."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = headers | {"ETag": tag, "Cache-Control": "no-cache"}
    known = request.headers.get("if-none-match", "")
    if tag in (each.strip().removeprefix("W/") for each in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)
