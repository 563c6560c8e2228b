"""Show how a classifier came to its label for a text, on one self-contained HTML page."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sentiment.inspection.explain import Trace, WordEffects
from sentiment.reports.svg import css_color, trace_svg
from sentiment.reports.templating import render_page
from sentiment.utils.text import count_of

_MAX_OPEN_TEXT = 1000  # characters of a text that is shown without a click


@dataclass(frozen=True)
class _Word:
    """A word of the text. without: P(positive) of the text without the word."""

    text: str
    known: bool
    color: str
    effect: float
    without: float


def page(trace: Trace, effects: WordEffects, *, label: str, model: str) -> str:
    """Return an HTML page for one text, to be stored as UTF-8; it needs no network and no script.

    trace and effects: of the same text; label: its predicted label; model: the model's name.
    """
    probability = f"{effects.probability:.3f}"
    return render_page(
        "explanation.html",
        title=f"{label} {probability}",
        styles=["base.css", "explanation.css", "scales.css", "tables.css"],
        label=label,
        label_color=css_color(1.0 if effects.probability >= 0.5 else -1.0),
        probability=probability,
        model=model,
        word_count=count_of(len(effects.tokens), "word"),
        words=_words(effects),
        steps=list(zip(_words(effects), trace.probabilities.tolist(), strict=True)),
        drawing=trace_svg(trace, effects),
        readout=_readout(trace),
        text=trace.text,
        text_is_open=len(trace.text) <= _MAX_OPEN_TEXT,
    )


def _words(effects: WordEffects) -> list[_Word]:
    largest = np.abs(effects.effects).max() or 1.0
    return [
        _Word(
            text=word,
            known=bool(effects.known[index]),
            color=css_color(effects.effects[index] / largest),
            effect=float(effects.effects[index]),
            without=float(effects.without[index]),
        )
        for index, word in enumerate(effects.tokens)
    ]


def _readout(trace: Trace) -> Literal["final state", "both ends", "pool"]:
    """Return which states the classifier reads, for the note below the heat map."""
    if trace.deciding is None:
        return "pool"
    return "both ends" if len(trace.directions) > 1 else "final state"
