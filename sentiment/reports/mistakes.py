"""Show the most confident mistakes of a model on a page, each with the effects of its words."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from sentiment.data.labels import POSITIVE, label_name, label_of
from sentiment.errors import InputError
from sentiment.inference.classifier import Classifier
from sentiment.inspection import explain
from sentiment.inspection.explain import WordEffects
from sentiment.reports.document import Section
from sentiment.reports.svg import css_color, trace_svg
from sentiment.reports.training_report import TrainingReport
from sentiment.utils.text import replace_control

_MAX_STRONGEST = 8  # words listed for each label, those with the largest effects
_MAX_WORDS = 1024  # of a mistake with an explanation, which reads it once for each word: 1 s
_MAX_TEXT = 6000  # characters shown of a mistake, the last ones, as the model reads the last words
_MAX_ENTRY = 60  # characters of a mistake in the list of all


@dataclass(frozen=True)
class _Mistake:
    """A text that the model got wrong.

    rank: from 1, the worst; strongest: by label, the words that moved the decision most towards
    it, with their effects; drawing: of the trace; script_data: for the page's script. The last
    three are empty if `unexplained` says why there is no explanation.
    """

    rank: int
    text: str
    label: str
    probability: float
    strongest: dict[str, list[tuple[str, float]]]
    drawing: Markup
    script_data: dict[str, Any] | None
    unexplained: str = ""

    @property
    def predicted(self) -> str:
        return label_of(self.probability)

    @property
    def color(self) -> str:
        return css_color(1.0 if self.predicted == label_name(POSITIVE) else -1.0)

    @property
    def shown_text(self) -> str:
        return self.text if len(self.text) <= _MAX_TEXT else f"… {self.text[-_MAX_TEXT:]}"

    @property
    def entry(self) -> str:
        return f"{self.rank} · {self.probability:.3f} · {self.text[:_MAX_ENTRY]}"


def mistakes_section(report: TrainingReport) -> Section:
    """Show one of the mistakes, which the page's script chooses."""
    view = [
        _explained(report.classifier, rank, text, label)
        for rank, (text, label) in enumerate(report.mistakes, 1)
    ]
    data = {"mistakes": [mistake.script_data for mistake in view]}
    return Section("mistakes", "Mistakes", "run_report/mistakes.html", view, data=data)


def _explained(classifier: Classifier, rank: int, text: str, label: int) -> _Mistake:
    words = len(classifier.encode([text]).tokens)
    if words > _MAX_WORDS:
        reason = f"Its {words:,} words are too many to read it once for each of them."
        return _unexplained(classifier, rank, text, label, reason)
    try:
        trace, effects = explain.trace(classifier, text), explain.word_effects(classifier, text)
    except InputError:
        return _unexplained(classifier, rank, text, label, "The model knows no word of it.")
    positive, negative = effects.strongest(_MAX_STRONGEST)
    return _Mistake(
        rank,
        text,
        label_name(label),
        effects.probability,
        strongest={
            "positive": _listed(effects, positive),
            "negative": _listed(effects, negative),
        },
        drawing=trace_svg(trace, effects, compact=True),
        # Words hold no space; effects are in hundredths and P in thousandths: short numbers.
        script_data={
            "words": replace_control(" ".join(trace.tokens)),
            "effects": np.rint(100 * effects.effects).astype(int).tolist(),
            "p": np.rint(1000 * trace.probabilities).astype(int).tolist(),
        },
    )


def _unexplained(classifier: Classifier, rank: int, text: str, label: int, reason: str) -> _Mistake:
    probability = float(classifier.predict([text])[0])
    return _Mistake(rank, text, label_name(label), probability, {}, Markup(), None, reason)


def _listed(effects: WordEffects, rows: list[int]) -> list[tuple[str, float]]:
    return [(effects.tokens[row], float(effects.effects[row])) for row in rows]
