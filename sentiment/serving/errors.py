"""Answer a request that can't be served: one sentence, and what to do."""

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from sentiment.errors import InputError, SentimentError
from sentiment.utils.text import escape_control, shorten

_MAX_NAMES = 5  # unknown fields that a message lists
_MAX_CHARACTERS = 60  # of a name that a client has chosen


class ApiError(Exception):
    """A request that is refused.

    status: HTTP's number; fact: one sentence without a full stop; hint: what to do, or None;
    headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        fact: str,
        hint: str | None = None,
        headers: dict[str, str] | None = None,
    ):
        super().__init__(fact)
        self.status = status
        self.fact = fact
        self.hint = hint
        self.headers = headers or {}

    def response(self) -> JSONResponse:
        """Return the answer: {"error": …, "hint": …}."""
        content = {"error": escape_control(shorten(self.fact)), "hint": self.hint}
        return JSONResponse(content, self.status, self.headers)


def busy(fact: str, seconds: int = 1) -> ApiError:
    """Return the refusal of a service that has too much to do; `seconds` is when to come back."""
    hint = "send it again later, or send fewer texts at once"
    return ApiError(503, fact, hint, {"Retry-After": str(seconds)})


def from_validation(error: ValidationError, fields: list[str]) -> ApiError:
    """Return the refusal of a body that is not what an endpoint takes.

    fields: the names that it takes. Unknown fields are named, else the first fault is.
    """
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    hint = f"send a JSON object with {', '.join(fields)}"
    if any(fault["type"] == "json_invalid" for fault in faults):
        reason = faults[0]["msg"].removeprefix("Invalid JSON: ")
        return ApiError(400, f"the body is not valid JSON: {reason}", hint)
    unknown = [str(fault["loc"][0]) for fault in faults if fault["type"] == "extra_forbidden"]
    if unknown:
        names = ", ".join(name[:_MAX_CHARACTERS] for name in unknown[:_MAX_NAMES])
        return ApiError(422, f"unknown field: {names}", hint)
    if not faults[0]["loc"]:
        return ApiError(422, "the body is not a JSON object", hint)
    name, *rest = faults[0]["loc"]
    if name == "neutral":
        return ApiError(422, 'neutral: expected [low, high], each from 0 to 1, or "auto"', hint)
    place = str(name) + "".join(f"[{part}]" for part in rest if isinstance(part, int))
    message = faults[0]["msg"]
    return ApiError(422, f"{place}: {message[0].lower()}{message[1:]}", hint)


async def answer_api_error(request: Request, error: Any) -> JSONResponse:
    """Answer a refused request."""
    return error.response()


async def answer_sentiment_error(request: Request, error: Any) -> JSONResponse:
    """Answer an error of the package: the input's fault is 422, the model's is 500."""
    if isinstance(error, InputError):
        return ApiError(422, error.fact, error.hint).response()
    # Its message names a folder of this machine.
    return ApiError(500, "the model can't answer", "tell the operator, who has a log").response()


async def answer_http_error(request: Request, error: Any) -> JSONResponse:
    """Answer an unknown path, or a method that a path does not take."""
    if error.status_code == 405:
        return ApiError(
            405, "this path does not take that method", headers=error.headers
        ).response()
    fact = "there is no such path" if error.status_code == 404 else str(error.detail)
    return ApiError(error.status_code, fact, "GET /docs lists the paths").response()


async def answer_unexpected_error(request: Request, error: Any) -> JSONResponse:
    """Answer an error that nobody foresaw; `Observed` logs it."""
    hint = "tell the operator, who has a log"
    return ApiError(500, "the service has met an unexpected error", hint).response()


HANDLERS: dict[Any, Any] = {
    Exception: answer_unexpected_error,
    ApiError: answer_api_error,
    SentimentError: answer_sentiment_error,
    HTTPException: answer_http_error,
}
