"""The probes on a page: their states in a plane, and the sentences read word by word.

Knows snapshots and the charts; knows nothing of runs or of the page around it.
"""

from collections.abc import Sequence
from typing import Any

from sentiment.inspection.snapshots import Snapshot
from sentiment.reports import charts
from sentiment.reports.charts import ColumnDataSource, Part
from sentiment.reports.document import Section, choice
from sentiment.reports.svg import safe
from sentiment.utils.text import replace_control

LABELS = {1: "positive", 0: "negative", -1: "no opinion"}
_BEGINNING = 160  # characters of a review that are told of its point

Moments = Sequence[tuple[float, Snapshot]]


def moments(snapshots: Moments, start: float) -> dict[str, Any]:
    """Return what the page's script needs to know of (epoch, snapshot), in the order taken.

    start: P(positive) before the first word.
    """
    return {
        "start": round(start, 4),
        "snapshots": [_moment(epoch, snapshot) for epoch, snapshot in snapshots],
        "sentences": _read_sentences(snapshots),
    }


def _moment(epoch: float, snapshot: Snapshot) -> dict[str, Any]:
    """Return what moves with the slider."""
    x, y = charts.clipped(snapshot.points)
    walks = {}
    for name, walk in snapshot.walks.items():
        across, up = charts.clipped(walk.points)
        walks[name] = {"x": across, "y": up, "p": charts.rounded(walk.trace.probabilities, 4)}
    p = charts.rounded(snapshot.probabilities, 4)
    return {"said": f"epoch {epoch:g}", "x": x, "y": y, "p": p, "walks": walks}


def _read_sentences(snapshots: Moments) -> list[dict[str, Any]]:
    if not snapshots:
        return []
    last = snapshots[-1][1]
    return [
        {
            "id": (name := last.probes.ids[row]),
            "label": int(last.probes.labels[row]),
            "row": row,
            "words": last.walks[name].trace.tokens if name in last.walks else [],
        }
        for row in last.probes.sentences
    ]


def _slider(snapshots: Moments) -> str:
    most = len(snapshots) - 1
    return (
        f'<label>after <input type="range" data-of="snapshot" min="0" max="{most}" step="1" '
        f'value="{most}" aria-label="snapshot"><output></output></label>'
    )


def _points(snapshot: Snapshot) -> ColumnDataSource:
    probes = snapshot.probes
    x, y = charts.clipped(snapshot.points)
    texts = [replace_control(text) for text in probes.texts]
    return charts.source(
        "points",
        {
            "x": x,
            "y": y,
            "p": charts.rounded(snapshot.probabilities),
            "id": [replace_control(name) for name in probes.ids],
            "text": [
                text if len(text) <= _BEGINNING else text[: _BEGINNING - 1] + "…" for text in texts
            ],
            **charts.marked(
                probes.labels.tolist(), [row in probes.sentences for row in range(len(x))]
            ),
        },
    )


def projection(snapshots: Moments) -> Part:
    """Return the section of the plane, with a slider over `snapshots`."""
    probes = snapshots[-1][1].probes
    points = _points(snapshots[-1][1])
    walk = charts.source(
        "walk", {"x": [0], "y": [0], "p": [0], "word": [""], "colour": [charts.NEITHER]}
    )
    hints = [
        ("<b>@id</b>", ""),
        ("labelled", "@label, P(positive) @p{0.000}"),
        ("", "@text"),
    ]
    plot = charts.plane(points, hints=hints)
    charts.add_walk(plot, walk)
    near = charts.closer("The way of the sentence, closer", walk)
    names = [replace_control(probes.ids[row]) for row in probes.sentences]
    body = f"""<p class="faint">Each point is a text: the state that the classifier reads of it,
turned (never stretched) to the same two axes in every run; the origin is the state before the
first word. Move the slider to see labels come apart. The violet way is the chosen
sentence read word by word; a click on a diamond chooses its sentence.</p>
<div class="controls">{_slider(snapshots)}
{choice("sentence", "sentence", names)}</div>
{charts.KEY}
{charts.place(plot)}
{charts.place(near)}"""
    return Part(Section("projection", "Projection", body), [plot, near])


def sentences(snapshots: Moments) -> Part:
    """Return the section of the sentences, as each of `snapshots` reads them."""
    last = snapshots[-1][1]
    rows = []
    for row in last.probes.sentences:
        name = last.probes.ids[row]
        walk = last.walks.get(name)
        read = (
            " ".join(f"<span>{safe(word)}</span>" for word in walk.trace.tokens)
            if walk
            else f'{safe(last.probes.texts[row])} <i class="faint">holds no known word</i>'
        )
        rows.append(
            f'<tr data-pick="sentence"><td>{safe(name)}</td><td class="words">{read}</td>'
            f"<td>{LABELS[int(last.probes.labels[row])]}</td>"
            '<td class="number final"></td><td class="verdict-mark"></td></tr>'
        )
    # The script fills them, for the sentence that is chosen.
    now = charts.source("now", {"word": [], "p": [], "colour": []})
    others = charts.source("others", {"words": [], "ps": []})
    plot = charts.readings(now, others)
    body = f"""<p class="faint">{len(rows)} sentences that each test one thing. A word's colour is
what the classifier says of the sentence up to it: blue positive, orange negative, pale undecided.
Click a row to see its curve, with those of the other snapshots in grey.</p>
<div class="controls">{_slider(snapshots)}</div>
<div class="scroll"><table><tr><th>tests</th><th>read word by word</th><th>label</th>
<th class="number">P</th><th></th></tr>
{"".join(rows)}</table></div>
{charts.place(plot)}"""
    return Part(Section("sentences", "Sentences", body), [plot])
