"""Interactive drawings, and the page that holds them, with Bokeh.

Knows Bokeh, numbers and names; knows nothing of models or runs. Of Bokeh's own parts only its core
goes into a page: sliders and choices are plain HTML, whose script gives new data to the sources
that are named here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from bokeh.document import Document
from bokeh.models import (
    AdaptiveTicker,
    ColumnDataSource,
    DataRange1d,
    FactorRange,
    HoverTool,
    PlainText,
    Range1d,
)
from bokeh.models.annotations import Span, Title
from bokeh.plotting import figure as Figure  # noqa: N812 (a class, whatever Bokeh calls it)
from bokeh.resources import Resources

from sentiment.reports import document as sheet
from sentiment.reports.document import Section
from sentiment.reports.svg import safe
from sentiment.utils.colors import NEGATIVE, NEUTRAL, POSITIVE, hex_color
from sentiment.utils.text import replace_control

NEITHER = hex_color(NEUTRAL)  # of what is neither positive nor negative
CHOSEN = "#8f6fd6"  # of what a person has chosen
_LINES = ("#7a5cc4", "#1f9e89", "#c2488e", "#9a7d0a", "#3d85c6", "#c0622f", "#6b8e23", "#7f7f7f")
_DASHES: tuple[Literal["solid", "dashed", "dotted"], ...] = ("solid", "dashed", "dotted")
_AFTER_WORD = [("", "@word"), ("P", "@p{0.000}")]
_ACROSS, _UP = 1.0, 0.6  # the plane's borders; states seldom reach so far

Columns = dict[str, list[Any]]
Line = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Part:
    """A section of a page and the plots that stand in it."""

    section: Section
    plots: list[Figure]


def hex_colour(label: int) -> str:
    """Return the colour of a label: 1 positive, 0 negative, -1 no opinion."""
    hue = {1: POSITIVE, 0: NEGATIVE}.get(label)
    return hex_color(hue) if hue else NEITHER


def curves(title: str, lines: dict[str, Line], mark: float | None = None) -> Figure:
    """Draw a number over the epochs, a line for each of `lines`, by name: (epoch, number).

    mark: an epoch to set apart. The lines take their places and colours from the order of the
    names, so that one legend serves several drawings; one without points is left out.
    """
    plot = _figure(title, height=280)
    plot.xaxis.axis_label = "epoch"
    plot.xaxis.ticker = AdaptiveTicker(min_interval=1, desired_num_ticks=8)
    for place, (name, line) in enumerate(lines.items()):
        if not line:
            continue
        columns = {
            "epoch": [epoch for epoch, _ in line],
            "value": rounded([value for _, value in line], 5),
            "name": [replace_control(name)] * len(line),
        }
        colour, dash = _line_style(place)
        source = ColumnDataSource(columns)
        for part in (
            plot.line("epoch", "value", source=source, color=colour, line_dash=dash, line_width=2),
            plot.scatter("epoch", "value", source=source, color=colour, size=6),
        ):
            part.name = f"line {place}"
    if mark is not None:
        plot.add_layout(
            Span(location=mark, dimension="height", line_color=NEITHER, line_dash="dotted")
        )
    plot.add_tools(
        HoverTool(
            tooltips=[("", "@name"), ("epoch", "@epoch"), ("value", "@value{0.0000}")],
        )
    )
    return plot


def legend(names: Sequence[str]) -> str:
    """Return the legend of `curves` as HTML: a click hides a line in all drawings of a page."""
    entries = []
    for place, name in enumerate(names):
        colour, dash = _line_style(place)
        entries.append(
            f'<button type="button" aria-pressed="true" data-line="{place}">'
            f'<i style="border-top-color:{colour};border-top-style:{dash}"></i>'
            f"{safe(name)}</button>"
        )
    return f'<div class="controls legend">{"".join(entries)}</div>'


def _line_style(place: int) -> tuple[str, Literal["solid", "dashed", "dotted"]]:
    return _LINES[place % len(_LINES)], _DASHES[place // len(_LINES) % len(_DASHES)]


def marked(labels: Sequence[int], sentences: Sequence[bool]) -> Columns:
    """Return how each point of the plane is drawn: by its label, and whether it is a sentence."""
    said = {1: "positive", 0: "negative"}
    return {
        "label": [said.get(label, "no opinion") for label in labels],
        "colour": [hex_colour(label) for label in labels],
        "marker": ["diamond" if sentence else "circle" for sentence in sentences],
        "size": [12 if sentence else 8 for sentence in sentences],
    }


KEY = (
    f'<p class="key"><span><b style="color:{hex_colour(1)}">●</b> positive review</span>'
    f'<span><b style="color:{hex_colour(0)}">●</b> negative review</span>'
    "<span>◆ sentence, in the colour of its label; grey: without an opinion</span></p>"
)


def clipped(points: np.ndarray) -> tuple[list[float], list[float]]:
    """Return points (N, 2) as x and y, those beyond the plane's borders on them."""
    inside = np.clip(points, (-_ACROSS, -_UP), (_ACROSS, _UP))
    return rounded(inside[:, 0]), rounded(inside[:, 1])


def plane(
    source: ColumnDataSource,
    *,
    x: str = "x",
    y: str = "y",
    title: str = "",
    hints: Sequence[tuple[str, str]] = (),
    beside: Figure | None = None,
) -> Figure:
    """Draw states in two dimensions: the columns x and y of `source`, marked as by `marked`.

    hints: what is told of a point, by name, in Bokeh's words; beside: another plane, with which
    this one moves and is zoomed.
    """
    plot = _figure(title, height=int(1000 * _UP), tools="pan,wheel_zoom,box_select,tap,reset")
    plot.width, plot.sizing_mode = 1000, "scale_width"
    plot.x_range = beside.x_range if beside else Range1d(start=-_ACROSS, end=_ACROSS)
    plot.y_range = beside.y_range if beside else Range1d(start=-_UP, end=_UP)
    plot.xaxis.axis_label = "← negative · first axis of the states · positive →"
    plot.yaxis.axis_label = "second axis"
    seen = plot.scatter(
        x, y, source=source, color="colour", marker="marker", size="size", alpha=0.75,
        nonselection_alpha=0.12,
    )  # fmt: skip
    rows = "".join(f"<div>{name} {column}</div>" for name, column in hints)
    plot.add_tools(
        HoverTool(
            renderers=[seen],
            tooltips=f'<div style="max-width:22rem;white-space:normal">{rows}</div>',
        )
    )
    return plot


def add_walk(plot: Figure, source: ColumnDataSource) -> None:
    """Draw a way through the plane: the columns x, y, word and p of `source`."""
    plot.line("x", "y", source=source, color=CHOSEN, line_width=2)
    dots = plot.scatter("x", "y", source=source, color=CHOSEN, size=5)
    plot.add_tools(HoverTool(renderers=[dots], tooltips=_AFTER_WORD))


def closer(title: str, source: ColumnDataSource) -> Figure:
    """Draw the way that `add_walk` draws, and nothing else, with its words beside it."""
    plot = _figure(title, height=380, match_aspect=True)
    # A word at an edge needs room to stand in.
    plot.x_range = DataRange1d(range_padding=0.2)
    plot.y_range = DataRange1d(range_padding=0.25)
    plot.line("x", "y", source=source, color=CHOSEN, line_width=2)
    dots = plot.scatter("x", "y", source=source, color="colour", size=9)
    words = plot.text(
        "x", "y", "word", source=source, x_offset=7, y_offset=-5, text_font_size="13px"
    )
    words.tags = ["ink"]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=_AFTER_WORD))
    return plot


def readings(now: ColumnDataSource, others: ColumnDataSource) -> Figure:
    """Draw P(positive) after each word of a sentence.

    now: the columns word and p; others: the columns words and ps, lists for each other moment.
    """
    words: list[str] = list(now.data["word"])
    plot = _figure(
        "P(positive) after each word",
        height=300,
        x_range=FactorRange(factors=words, name="words read"),
    )
    plot.y_range = Range1d(start=-0.03, end=1.03)
    plot.xaxis.major_label_orientation = 0.6
    plot.add_layout(Span(location=0.5, dimension="width", line_color=NEITHER, line_dash="dotted"))
    plot.multi_line("words", "ps", source=others, color=NEITHER, alpha=0.45)
    line = plot.line("word", "p", source=now, line_width=2.5)
    line.tags = ["ink"]
    dots = plot.scatter("word", "p", source=now, size=9, color="colour")
    plot.add_tools(HoverTool(renderers=[dots], tooltips=_AFTER_WORD))
    return plot


def bars(title: str, source: ColumnDataSource) -> Figure:
    """Draw the columns name and drive of `source` as bars, the first on top."""
    names: list[str] = list(source.data["name"])[::-1]
    plot = _figure(
        title, height=420, y_range=FactorRange(factors=names, name=f"{source.name} named")
    )
    drawn = plot.hbar(
        "name", right="drive", height=0.72, source=source, color="colour", line_color=None
    )
    plot.ygrid.visible = False
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=[("", "@name"), ("drive", "@drive")]))
    return plot


def fading(chosen: ColumnDataSource, others: ColumnDataSource) -> Figure:
    """Draw how effects fade: the columns steps and effect, and steps_each and effects of all."""
    plot = _figure("What is left of an effect, n words on", height=300)
    plot.xaxis.axis_label = "words"
    plot.add_layout(Span(location=0.5, dimension="width", line_color=NEITHER, line_dash="dotted"))
    plot.multi_line("steps_each", "effects", source=others, color=NEITHER, alpha=0.35)
    line = plot.line("steps", "effect", source=chosen, color=CHOSEN, line_width=3)
    hints = [("words", "@steps"), ("left", "@effect{0.000}")]
    plot.add_tools(HoverTool(renderers=[line], tooltips=hints, mode="vline"))
    return plot


def source(name: str, columns: Columns) -> ColumnDataSource:
    """Return columns that a script finds by `name`."""
    return ColumnDataSource(columns, name=name)


def rounded(values: Any, digits: int = 3) -> list[float]:
    """Return numbers as short as they may be written."""
    return np.round(np.asarray(values, np.float64), digits).tolist()


def place(plot: Figure) -> str:
    """Return the HTML element that `plot` stands in."""
    return f'<div id="plot-{plot.id}"></div>'


def document(title: str, parts: Sequence[Part], *, data: Any = None, script: str = "") -> str:
    """Return a self-contained HTML page in which plots stand where `place` has put them.

    title: plain text; data: what `script`, which may define `play(plots, data)`, is given of it.
    """
    plots = [plot for part in parts for plot in part.plots]
    holder = Document()
    with holder.models.freeze():  # or what they refer to is gathered anew for each
        for plot in plots:
            holder.add_root(plot)
    roots = {plot.id: f"plot-{plot.id}" for plot in plots}
    library, *_ = Resources(mode="inline", components=["bokeh"]).js_raw
    return sheet.document(
        title,
        [part.section for part in parts],
        data={
            "figures": {"page": holder.to_json(deferred=False)},
            "places": [{"docid": "page", "roots": roots, "root_ids": list(roots)}],
            "data": data,
        },
        library=library,
        script=script,
    )


def _figure(title: str, height: int, tools: str = "pan,box_zoom,reset", **options: Any) -> Figure:
    plot = Figure(height=height, tools=tools, sizing_mode="stretch_width", **options)
    # Plain, or the name of a run between dollar signs would ask a server for a mathematics library.
    plot.title = Title(text=PlainText(text=title), visible=bool(title))
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.background_fill_color = plot.border_fill_color = plot.outline_line_color = None
    plot.axis.minor_tick_line_color = None
    return plot
