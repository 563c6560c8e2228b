"""A sentence read by a trained classifier, as panels that are stepped through.

Knows HTML and readings; knows nothing of the page around the panels or of how models are run.
"""

from collections.abc import Iterable

from sentiment.inspection.walkthrough import LayerPass, Walkthrough, WordPart
from sentiment.reports import arithmetic, stepper
from sentiment.reports.arithmetic import cell, row, table
from sentiment.reports.svg import safe

_MOST_PRODUCTS = 150_000  # shown one by one; they are 5 MB of a page then
_READOUTS = {
    "last": "It reads the final states of the last layer, and nothing else: forward the state "
    "after the last word, backward the one after the first word, which is read last.",
    "mean": "It reads the mean of the last layer's states over all words.",
    "max": "It reads of each unit of the last layer its largest state over all words.",
}


STYLE = """\
.vectors { font-size: .73rem; }
.vectors td, .vectors th { padding: .16rem .2rem; }
td.none { text-align: left; color: var(--faint); }
.unknown { text-decoration: underline dotted; }
"""


def section(reading: Walkthrough) -> str:
    """Return a section for one sentence: each word in each layer and direction, and the end."""
    words = len(reading.words)
    products = words * sum(
        track.steps[0].input_products.size + track.steps[0].recurrent_products.size
        for track in reading.tracks
    )
    opens = products <= _MOST_PRODUCTS
    hint = (
        "Open a unit to see its products." if opens else f"Its {products:,} products are left out."
    )
    body = [
        "<section>\n<h2>The same in a trained model</h2>",
        f"<p>{safe(reading.text)}</p>",
        f'<p class="faint">{words} word{"s" * (words > 1)} read by the model '
        f"{safe(reading.model)}. The vector of a word is the sum of its own and of those of the "
        f"n-grams that end with it. {hint}</p>",
    ]
    if len(reading.tracks) > 1:
        named = {number: _named(reading, track) for number, track in enumerate(reading.tracks)}
        body.append(stepper.choices("reads", "track", named))
    for number, track in enumerate(reading.tracks):
        labels = dict(enumerate([*track.at(reading.words), "classifier"], 1))
        body.append(stepper.part(stepper.choices("word", stepper.STEP, labels), track=number))
        body += _track(reading, track, number, opens=opens)
    body += [stepper.part(_verdict(reading), step=words + 1), "</section>"]
    return stepper.stepper({"track": 0, stepper.STEP: 1}, "\n".join(body))


def _track(reading: Walkthrough, track: LayerPass, number: int, *, opens: bool) -> list[str]:
    """Return a panel for each step of a track."""
    panels, named = [], _named(reading, track)
    places = zip(track.at(reading.words), track.at(reading.parts), track.steps, strict=True)
    for t, (word, parts, step) in enumerate(places, 1):
        x, size = f"x<sub>{t}</sub>", len(step.x)
        if track.number == 1:
            rows = [*_parts(parts, size), row(x, _values(step.x), kind="total")]
        else:
            rows = [row(f"{x} = h of layer {track.number - 1}", _values(step.x, tinted=True))]
        heading = "<th></th>" + "".join(f"<th>{place}</th>" for place in range(1, size + 1))
        shown = (
            f"<h3>{named}, step {t}: “{safe(word)}”</h3>\n"
            + table(heading, rows, kind="vectors")
            + f"<h3>h<sub>{t}</sub> from {x} and h<sub>{t - 1}</sub></h3>\n"
            + arithmetic.unit_lines(step, f"{number}", products=opens)
        )
        panels.append(stepper.part(shown, track=number, step=t))
    return panels


def _parts(parts: list[WordPart], size: int) -> list[str]:
    """Return a row of the E numbers of each part, or that it adds none."""
    rows = []
    for part in parts:
        name = f"“{safe(part.text)}”"
        if part.unknown:
            name = f'<span class="unknown">{name}</span>, as any unknown word'
        if part.vector is None:
            nothing = f'<td class="none" colspan="{size}">not in the vocabulary: adds nothing</td>'
            rows.append(row(name, nothing))
        else:
            rows.append(row(name, _values(part.vector)))
    return rows


def _values(values: Iterable[float], *, tinted: bool = False) -> str:
    return "".join(cell(value, tinted=tinted) for value in values)


def _verdict(reading: Walkthrough) -> str:
    made = reading.decision
    layer = [track for track in reading.tracks if track.number == reading.tracks[-1].number]
    units = [
        name if len(layer) == 1 else f"{track.direction} {name}"
        for track in layer
        for name in arithmetic.names("unit", len(track.steps[0].h))
    ]
    label = "positive" if made.probability >= 0.5 else "negative"
    told = _READOUTS.get(reading.readout, f"It reads a pool of all states: {reading.readout}.")
    return (
        f"<h3>The classifier says {label}: P(positive) {made.probability:.4f}</h3>\n"
        f'<p class="faint">{told}</p>'
        + arithmetic.decision(made, units, state="state", label="positive")
    )


def _named(reading: Walkthrough, track: LayerPass) -> str:
    layers = reading.tracks[-1].number
    return track.direction if layers == 1 else f"layer {track.number} {track.direction}"
