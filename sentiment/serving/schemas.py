"""The bodies of requests and answers."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sentiment.inference.predict import WARNINGS, Prediction

MAX_CHARACTERS = 1_000_000  # of a text: dividing more into words would hold up other requests

Text = Annotated[str, StringConstraints(max_length=MAX_CHARACTERS)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_MEANINGS = "; ".join(f"`{name}`: {meaning}" for name, meaning in WARNINGS.items())


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ClassifyRequest(_Request):
    """Texts to classify, and which probability has which label."""

    texts: list[Text]
    threshold: Probability = Field(0.5, description="lowest probability of a positive text")
    neutral: tuple[Probability, Probability] | Literal["auto"] | None = Field(
        None,
        description="[low, high]: probabilities of a neutral text, both included; auto: the "
        "model's own band for short texts; replaces `threshold`",
    )


class TextRequest(_Request):
    """One text."""

    text: Text


class _Response(BaseModel):
    model_config = ConfigDict(frozen=True)


class TextResult(_Response):
    """The label of one text. A text without a word has none, and `error` says why."""

    label: str | None = Field(description="negative, positive, neutral or unknown")
    probability: float | None = Field(description="P(positive), 0 to 1")
    warnings: tuple[str, ...] = Field(description=_MEANINGS)
    evidence: int | None = Field(description="how many different known words carry the label")
    error: str | None

    @classmethod
    def of(cls, prediction: Prediction) -> "TextResult":
        """Return the result of a prediction."""
        label, probability, warnings, wrong, evidence = prediction
        return cls(
            label=label,
            probability=probability,
            warnings=warnings,
            evidence=evidence,
            error=wrong,
        )


class ClassifyResponse(_Response):
    """A result for each text, in order; `neutral` is the band that was used."""

    model: str
    neutral: tuple[float, float] | None
    results: list[TextResult]


class WordResult(_Response):
    """A word of an explained text."""

    word: str
    known: bool
    probability: float = Field(description="P(positive) of the text up to and including the word")
    without: float = Field(description="P(positive) of the text without the word")
    effect: float = Field(description="change that the word makes to the log-odds of positive")


class ExplainResponse(_Response):
    """The label of a text, and the words that the model reads."""

    model: str
    result: TextResult
    words: list[WordResult]


class StatesResponse(_Response):
    """The hidden state after each of T words: T rows of S numbers, called `names`."""

    model: str
    names: list[str]
    words: list[str]
    states: list[list[float]]


class ModelResponse(_Response):
    """What the model's manifest says, and its card."""

    name: str
    created: str
    loaded: str = Field(description="when the service took it up, ISO 8601, UTC")
    digest: str = Field(description="SHA-256 of bundle.json")
    files: dict[str, dict[str, Any]] = Field(description="size and SHA-256 of the other files")
    run: dict[str, str]
    data: dict[str, Any]
    settings: dict[str, dict[str, Any]]
    temperature: float
    neutral_band: dict[str, float] | None
    metrics: dict[str, float]
    measured_on: dict[str, str]
    card: str | None = Field(description="Markdown, if the model has a card")


class ErrorResponse(_Response):
    """Why a request was refused, and what to do."""

    error: str
    hint: str | None


class NamedPrediction(_Response):
    """A row of MLflow's answer; both are null for a text without a word."""

    label: str | None
    probability: float | None


class InvocationsResponse(_Response):
    """MLflow's answer: a row for each text."""

    predictions: list[NamedPrediction]
