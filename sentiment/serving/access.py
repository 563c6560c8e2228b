"""Refuse requests by the name they give the server, and those without the token."""

import base64
import binascii
import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sentiment.serving.errors import ApiError

OPEN_PATHS = ("/healthz", "/readyz")  # for probes, which have no token


class HostCheck:
    """Answer requests only under the names `hosts`.

    A page of another site that makes its own name lead to this machine (DNS rebinding) gives that
    name.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]):
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and self._host(scope) not in self._hosts:
            fact = "the service does not answer under this host name"
            refusal = ApiError(403, fact, "use the address that `sentiment serve` printed")
            await refusal.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    @staticmethod
    def _host(scope: Scope) -> str:
        """Return the name in the Host header without its port, which a tunnel may change."""
        names = Headers(scope=scope).getlist("host")
        return names[0].rpartition(":")[0] or names[0] if len(names) == 1 else ""


class TokenCheck:
    """Answer requests only with the token, as a bearer or as the password of a browser's login."""

    def __init__(self, app: ASGIApp, token: str):
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS and not self._knows(scope):
            headers = {"WWW-Authenticate": 'Basic realm="sentiment", charset="UTF-8"'}
            hint = "send the header Authorization: Bearer TOKEN"
            refusal = ApiError(401, "this needs the service's token", hint, headers)
            await refusal.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        scheme, _, value = Headers(scope=scope).get("authorization", "").partition(" ")
        given = value.strip().encode("latin-1")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given, self._token)
