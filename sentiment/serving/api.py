"""The endpoints for programs."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ValidationError

from sentiment.errors import InputError
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import LabelRule, Prediction, make_rule, predict
from sentiment.inspection import explain, hidden_states
from sentiment.serving import metrics, mlflow_format, schemas, served_model
from sentiment.serving.errors import ApiError, from_validation
from sentiment.serving.service import Service, service_of
from sentiment.utils.text import count_of

router = APIRouter()
Body = TypeVar("Body", bound=BaseModel)

_LARGE = 64 << 10  # bytes of a body that is read, and texts' answer that is written, in a thread
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": schemas.ErrorResponse} for status in (400, 413, 415, 422, 503)
}
_MEDIA_HINT = "send Content-Type: application/json"


def _takes(*kinds: str, schema: str | None = None) -> dict[str, Any]:
    """Return what OpenAPI says about the body of an endpoint, which reads it itself."""
    content = {"$ref": f"#/components/schemas/{schema}"} if schema else {}
    return {
        "requestBody": {"required": True, "content": {kind: {"schema": content} for kind in kinds}}
    }


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read(request: Request, kind: type[Body]) -> Body:
    """Return the body as `kind`; raise ApiError, which names the fault."""
    if _media_type(request) != "application/json":
        raise ApiError(415, "the body is not application/json", _MEDIA_HINT)
    body = await request.body()
    try:
        if len(body) > _LARGE:
            return await service_of(request).scorer.run(kind.model_validate_json, body)
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise from_validation(error, list(kind.model_fields)) from None


def _check_count(texts: Sequence[str], service: Service) -> None:
    limit = service.settings.limits.texts
    if len(texts) > limit:
        raise ApiError(
            413, f"{len(texts):,} texts are more than {limit:,}", "send several requests"
        )


async def _classify(
    request: Request, classifier: Classifier, rule: LabelRule, texts: Sequence[str]
) -> list[Prediction]:
    """Classify texts, and count them."""
    service = service_of(request)
    _check_count(texts, service)
    request.state.log = {"texts": len(texts)}
    predictions = await service.scorer.classify(classifier, rule, texts)
    for label, count in Counter(each.label for each in predictions).items():
        service.metrics.texts.labels(label or "none").inc(count)
    return predictions


@router.post(
    "/v1/classify",
    response_model=schemas.ClassifyResponse,
    responses=_REFUSALS,
    openapi_extra=_takes("application/json", schema="ClassifyRequest"),
)
async def classify(request: Request) -> Response:
    """Return label, probability, warnings and evidence of each text."""
    body = await _read(request, schemas.ClassifyRequest)
    service = service_of(request)
    model = service.model
    try:
        rule = make_rule(body.threshold, body.neutral, model.bundle.manifest.neutral_band)
    except ValueError as error:
        raise ApiError(422, str(error).replace("`", ""), "see neutral in /openapi.json") from None
    predictions = await _classify(request, model.classifier, rule, body.texts)

    def answer() -> Response:
        results = list(map(schemas.TextResult.of, predictions))
        return _json(
            schemas.ClassifyResponse(model=model.name, neutral=rule.neutral, results=results)
        )

    return answer() if len(predictions) < 100 else await service.scorer.run(answer)


@router.post(
    "/v1/explain",
    response_model=schemas.ExplainResponse,
    responses=_REFUSALS,
    openapi_extra=_takes("application/json", schema="TextRequest"),
)
async def explain_text(request: Request) -> Response:
    """Return P(positive) after each word of a text, and the effect of each word."""
    body = await _read(request, schemas.TextRequest)
    service = service_of(request)
    return _json(await service.scorer.run(_explain, service.model, body.text))


def _explain(model: served_model.ServedModel, text: str) -> schemas.ExplainResponse:
    classifier = model.classifier
    trace = _with_hint(explain.trace, classifier, text)
    effects = explain.word_effects(classifier, text)
    columns = (
        trace.tokens,
        trace.known.tolist(),
        _rounded(trace.probabilities),
        _rounded(effects.without),
        _rounded(effects.effects),
    )
    names = ("word", "known", "probability", "without", "effect")
    return schemas.ExplainResponse(
        model=model.name,
        result=schemas.TextResult.of(predict(classifier, LabelRule(), [text])[0]),
        words=[
            schemas.WordResult(**dict(zip(names, row, strict=True)))
            for row in zip(*columns, strict=True)
        ],
    )


def _with_hint(work: Any, classifier: Classifier, text: str) -> Any:
    """Return `work(classifier, text)`; an InputError gets the hint of a service."""
    try:
        return work(classifier, text)
    except InputError as error:
        raise ApiError(422, error.fact, "send a text with words that the model knows") from None


@router.post(
    "/v1/states",
    response_model=schemas.StatesResponse,
    responses=_REFUSALS,
    openapi_extra=_takes("application/json", schema="TextRequest"),
)
async def states(request: Request) -> Response:
    """Return the hidden state after each word of a text."""
    body = await _read(request, schemas.TextRequest)
    service = service_of(request)
    return _json(await service.scorer.run(_states, service.model, body.text))


def _states(model: served_model.ServedModel, text: str) -> schemas.StatesResponse:
    (part,) = hidden_states.compute_states(model.classifier, [text], "all")
    names = hidden_states.column_names(model.classifier)
    return schemas.StatesResponse(
        model=model.name, names=names, words=part.tokens, states=_rounded(part.states)
    )


def _rounded(values: np.ndarray) -> Any:
    """Return numbers with six digits after the point: more differ between machines."""
    return np.round(values.astype(np.float64), 6).tolist()


@router.get("/v1/model", response_model=schemas.ModelResponse)
def model_card(request: Request) -> Response:
    """Return what the model's manifest says, and its card."""
    return _json(served_model.describe(service_of(request).model))


@router.post(
    "/invocations",
    response_model=schemas.InvocationsResponse,
    responses=_REFUSALS,
    openapi_extra=_takes("application/json", "text/csv"),
)
async def invocations(request: Request) -> Response:
    """Classify texts that come as MLflow's scoring server takes them."""
    kinds = {"application/json": mlflow_format.read_json, "text/csv": mlflow_format.read_csv}
    read = kinds.get(_media_type(request))
    if read is None:
        raise ApiError(415, "the body is neither application/json nor text/csv", _MEDIA_HINT)
    service, body = service_of(request), await request.body()
    texts = await service.scorer.run(read, body) if len(body) > _LARGE else read(body)
    for number, text in enumerate(texts, 1):
        if len(text) > schemas.MAX_CHARACTERS:
            limit = count_of(schemas.MAX_CHARACTERS, "character")
            raise ApiError(422, f"text {number} has more than {limit}", "send a part of it")
    predictions = await _classify(request, service.model.classifier, LabelRule(), texts)
    rows = [
        schemas.NamedPrediction(label=each.label, probability=each.probability)
        for each in predictions
    ]
    return _json(schemas.InvocationsResponse(predictions=rows))


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answer if the process runs."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"model": schemas.ErrorResponse}})
async def readyz(request: Request) -> dict[str, str]:
    """Answer if the service takes requests; 503 while it ends."""
    if service_of(request).draining:
        raise ApiError(503, "the service ends", headers={"Retry-After": "1"})
    return {"status": "ready"}


@router.get("/metrics", response_class=Response)
def prometheus(request: Request) -> Response:
    """Return counters in Prometheus's text format."""
    return Response(service_of(request).metrics.render(), media_type=metrics.CONTENT_TYPE)
