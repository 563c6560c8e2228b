"""A run as one self-contained page: what was learnt, and how the states come to say so.

Knows a run's story and the parts that a page is made of; knows nothing of training, of trackers or
of where a page goes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sentiment.errors import InputError
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inspection import explain, units
from sentiment.inspection.explain import Trace, WordEffects
from sentiment.inspection.probes import SENTENCES
from sentiment.inspection.snapshots import Snapshot
from sentiment.reports import charts
from sentiment.reports import probes as probeview
from sentiment.reports import units as unitview
from sentiment.reports.charts import Part
from sentiment.reports.document import Section, choice
from sentiment.reports.playback import SCRIPT
from sentiment.reports.svg import colour, safe, trace_svg
from sentiment.utils.colors import NEGATIVE, POSITIVE
from sentiment.utils.progress import EpochMetrics
from sentiment.utils.text import replace_control

_MOVERS = 8  # words named that moved a mistake most, to either side
_LONGEST = 1024  # words of a mistake that is explained: their square is read, 1 s each
_KEPT = 6000  # characters of a mistake that are given, from its end, where 1,024 words are
_NAMED = 60  # characters of a mistake in the list of them


@dataclass(frozen=True)
class TrainingReport:
    """What a run's page tells.

    name: of the run; settings: by name; reports: one for each epoch; snapshots: (epoch, snapshot)
    in the order taken, with fractions where taken within an epoch; bundle: the model of the epoch
    that was kept; mistakes: text and label of its most confident mistakes on validation reviews,
    the worst first.
    """

    name: str
    settings: dict[str, Any]
    reports: list[EpochMetrics]
    snapshots: list[tuple[float, Snapshot]]
    bundle: Bundle
    mistakes: list[tuple[str, int]]


@dataclass(frozen=True)
class _Mistake:
    """A text that was misjudged, and how; both None where `without` says why they are."""

    text: str
    label: int
    probability: float
    trace: Trace | None = None
    effects: WordEffects | None = None
    without: str = ""


def page(story: TrainingReport) -> str:
    """Return the page of `story`: HTML that needs neither a network nor an origin of its own.

    Most of its bytes are Bokeh's (1.27 MB). Its time, a second, goes to Bokeh's serialiser, to the
    units and to the mistakes in like parts; long mistakes take more, 0.6 to 1 s each at 1,024
    words, as each is read once for each of its words.
    """
    classifier = Classifier(story.bundle)
    measured = units.analyze_units(story.bundle, _texts(story))
    mistakes = [_explained(classifier, text, label) for text, label in story.mistakes]
    before = np.zeros((1, story.bundle.settings.state_size), np.float32)
    start = float(classifier.probabilities(before)[0])
    seen = [probeview.projection(story.snapshots)] if story.snapshots else []
    read = [probeview.sentences(story.snapshots)] if story.snapshots else []
    parts = [
        _summary(story),
        _curves(story),
        *seen,
        unitview.section(measured, story.bundle.settings.state_size),
        *read,
        _misjudged(mistakes),
    ]
    data = {
        "positive": POSITIVE,
        "negative": NEGATIVE,
        "neither": charts.NEITHER,
        **probeview.moments(story.snapshots, start),
        **unitview.told(measured),
        "mistakes": [_told(mistake) for mistake in mistakes],
    }
    return charts.document(replace_control(story.name), parts, data=data, script=SCRIPT)


def _texts(story: TrainingReport) -> list[str]:
    """Return the texts that units are measured on."""
    if story.snapshots:
        probes = story.snapshots[-1][1].probes
        return list(probes.texts[: probes.reviews])
    return [sentence.text for sentence in SENTENCES] + [text for text, _ in story.mistakes]


def _kept(reports: list[EpochMetrics]) -> EpochMetrics | None:
    """Return the report of the epoch that was kept: the last that was better than all before."""
    return next((report for report in reversed(reports) if report.best), None)


def _summary(story: TrainingReport) -> Part:
    kept = _kept(story.reports)
    told = "No epoch was reported."
    if kept:
        seconds = sum(report.seconds for report in story.reports)
        told = (
            f"Kept: epoch {kept.epoch} of {story.reports[-1].epoch}, with a validation accuracy "
            f"of <b>{kept.validation_accuracy:.1%}</b> and a validation loss of "
            f"<b>{kept.validation_loss:.3f}</b>. Training took {seconds:,.0f} s."
        )
    settings = "\n".join(
        f"<div><dt>{safe(str(name))}</dt><dd>{safe(str(value))}</dd></div>"
        for name, value in story.settings.items()
    )
    body = f"""<p>{told}</p>
<p class="faint">Number keys lead from section to section; the left and right arrow keys page
through the snapshots, units or mistakes of the one in view. Blue is positive, orange is
negative.</p>
<dl>
{settings}
</dl>"""
    return Part(Section("summary", "Summary", body), [])


def _curves(story: TrainingReport) -> Part:
    kept = _kept(story.reports)
    plots = [
        charts.curves(
            what.capitalize(),
            {
                part: [(r.epoch, r.metrics()[f"{part}/{what}"]) for r in story.reports]
                for part in ("train", "validation")
            },
            mark=kept.epoch if kept else None,
        )
        for what in ("loss", "accuracy")
    ]
    body = f"""<p class="faint">Training numbers are means over the epoch, with dropout on;
validation is measured after it, without. While both improve the network learns; where only
training does, it learns by heart. The dotted line marks the epoch that was kept.</p>
{charts.legend(["train", "validation"])}
<div class="plots">{"".join(map(charts.place, plots))}</div>"""
    return Part(Section("curves", "Curves", body), plots)


def _explained(classifier: Classifier, text: str, label: int) -> _Mistake:
    words = len(classifier.encode([text]).tokens)
    try:
        if words <= _LONGEST:
            trace, effects = explain.trace(classifier, text), explain.word_effects(classifier, text)
            return _Mistake(text, label, effects.probability, trace, effects)
        without = f"Its {words:,} words are too many to read it once for each of them."
    except InputError:
        without = "The model knows no word of it."
    return _Mistake(text, label, float(classifier.predict([text])[0]), without=without)


def _told(mistake: _Mistake) -> dict[str, Any] | None:
    """Return what the page's script needs to know of a mistake.

    Words hold no space; effects are in hundredths and P in thousandths, for short numbers.
    """
    if mistake.trace is None or mistake.effects is None:
        return None
    return {
        "words": replace_control(" ".join(mistake.trace.tokens)),
        "effects": np.rint(100 * mistake.effects.effects).astype(int).tolist(),
        "p": np.rint(1000 * mistake.trace.probabilities).astype(int).tolist(),
    }


def _misjudged(mistakes: list[_Mistake]) -> Part:
    if not mistakes:
        body = '<p class="faint">There is none to show.</p>'
        return Part(Section("mistakes", "Mistakes", body), [])
    entries = [
        f"{number} · {mistake.probability:.3f} · {replace_control(mistake.text)[:_NAMED]}"
        for number, mistake in enumerate(mistakes, 1)
    ]
    body = f"""<p class="faint">The validation reviews that the model is most wrongly sure of, the
worst first; some of their labels are wrong. Words are coloured by what taking them out shows that
they did: blue towards positive, orange towards negative. The curve is P(positive) of the review up
to each word; under it each row is a unit, with a frame around what the classifier reads.</p>
<div class="controls">{choice("mistake", "mistake", entries)}</div>
{"".join(map(_article, mistakes))}"""
    return Part(Section("mistakes", "Mistakes", body), [])


def _article(mistake: _Mistake) -> str:
    said = "positive" if mistake.probability >= 0.5 else "negative"
    verdict = (
        f'<p class="verdict"><span style="background:{colour(1 if said == "positive" else -1)}">'
        f"{said}</span> P(positive) <b>{mistake.probability:.3f}</b>, but labelled "
        f"{probeview.LABELS[mistake.label]}</p>"
    )
    if mistake.trace is None or mistake.effects is None:
        shown = f'<p class="faint">{mistake.without}</p>'
    else:
        shown = f"""{_movers(mistake.effects)}
<p class="words"></p>
<div class="scroll">{trace_svg(mistake.trace, mistake.effects, compact=True)}</div>"""
    given = mistake.text if len(mistake.text) <= _KEPT else f"… {mistake.text[-_KEPT:]}"
    return f"""<article hidden>{verdict}
{shown}
<details><summary>The text as it was given</summary><pre>{safe(given)}</pre></details>
</article>"""


def _movers(effects: WordEffects) -> str:
    told = []
    for way, places in zip(("positive", "negative"), effects.strongest(_MOVERS), strict=True):
        words = ", ".join(
            f"{safe(effects.tokens[place])} {effects.effects[place]:+.2f}" for place in places
        )
        told.append(f"<p><b>Towards {way}:</b> {words or 'no word'}</p>")
    return "".join(told)
