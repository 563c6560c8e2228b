"""Interactive figures, with Bokeh.

A figure whose content changes on the page draws named sources, to which the page's script gives new
data. Sliders and choices are plain HTML, so that a page needs only the core of BokehJS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
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

from sentiment.data.labels import NEGATIVE, POSITIVE, label_name
from sentiment.reports import plane as plane_limits
from sentiment.reports.templating import render
from sentiment.utils import colors
from sentiment.utils.text import replace_control

NEUTRAL_COLOR = colors.hex_color(colors.NEUTRAL)
SELECTED_COLOR = "#8f6fd6"
_LABEL_COLORS = {
    POSITIVE: colors.hex_color(colors.POSITIVE),
    NEGATIVE: colors.hex_color(colors.NEGATIVE),
}  # points without a label have NEUTRAL_COLOR
_LINE_COLORS = (
    "#7a5cc4", "#1f9e89", "#c2488e", "#9a7d0a", "#3d85c6", "#c0622f", "#6b8e23", "#7f7f7f",
)  # fmt: skip
_AFTER_WORD = [("", "@word"), ("P", "@p{0.000}")]

Columns = dict[str, list[Any]]
Line = Sequence[tuple[float, float]]
Dash = Literal["solid", "dashed", "dotted"]
_DASHES: tuple[Dash, ...] = ("solid", "dashed", "dotted")


@dataclass(frozen=True)
class LegendEntry:
    """A line of `curves`, as the legend shows it."""

    name: str
    color: str
    dash: Dash


def legend(names: Sequence[str]) -> list[LegendEntry]:
    """Return the entries of a legend for `curves` with lines of these names."""
    return [
        LegendEntry(
            name,
            _LINE_COLORS[index % len(_LINE_COLORS)],
            _DASHES[index // len(_LINE_COLORS) % len(_DASHES)],
        )
        for index, name in enumerate(names)
    ]


def curves(
    title: str,
    lines: Mapping[str, Line],
    best_epoch: float | None = None,
    borders: Sequence[float] = (),
) -> Figure:
    """Draw a metric over the epochs, with a line of (epoch, value) for each name.

    A name's index among all names decides its colour, so that one legend serves several figures;
    a name without points has no line. best_epoch: is marked with a dotted line; borders: epochs at
    which another network begins, are marked with dashed lines.
    """
    plot = _figure(title, height=280)
    plot.xaxis.axis_label = "epoch"
    plot.xaxis.ticker = AdaptiveTicker(min_interval=1, desired_num_ticks=8)
    for index, (entry, line) in enumerate(zip(legend(list(lines)), lines.values(), strict=True)):
        if not line:
            continue
        points = ColumnDataSource(
            {
                "epoch": [epoch for epoch, _ in line],
                "value": rounded([value for _, value in line], 5),
                "name": [replace_control(entry.name)] * len(line),
            }
        )
        color = entry.color
        for part in (
            plot.line(
                "epoch", "value", source=points, color=color, line_dash=entry.dash, line_width=2
            ),
            plot.scatter("epoch", "value", source=points, color=color, size=6),
        ):
            part.name = f"line {index}"
    if best_epoch is not None:
        plot.add_layout(_dotted_line(best_epoch, "height"))
    for border in borders:
        plot.add_layout(
            Span(location=border, dimension="height", line_color=NEUTRAL_COLOR, line_dash="dashed")
        )
    plot.add_tools(
        HoverTool(tooltips=[("", "@name"), ("epoch", "@epoch"), ("value", "@value{0.0000}")])
    )
    return plot


def point_style(labels: Sequence[int], is_sentence: Sequence[bool]) -> Columns:
    """Return the columns label, color, marker and size of the points of `plane`."""
    return {
        "label": [label_name(label, "no opinion") for label in labels],
        "color": [_LABEL_COLORS.get(label, NEUTRAL_COLOR) for label in labels],
        "marker": ["diamond" if sentence else "circle" for sentence in is_sentence],
        "size": [12 if sentence else 8 for sentence in is_sentence],
    }


def plane_columns(points: np.ndarray) -> tuple[list[float], list[float]]:
    """Return points (N, 2) as x and y; those beyond the limits of the plane are on its border."""
    x, y = plane_limits.clip(points).T
    return rounded(x), rounded(y)


def plane(
    points: ColumnDataSource,
    *,
    tooltip: Sequence[str],
    x: str = "x",
    y: str = "y",
    title: str = "",
    linked_to: Figure | None = None,
) -> Figure:
    """Draw states in two dimensions: the columns x and y of `points`, and those of `point_style`.

    tooltip: lines that stand below a point's id, with Bokeh's names for columns, such as @label;
    linked_to: another plane, which moves and zooms together with this one.
    """
    width, height = plane_limits.LIMITS
    plot = _figure(title, height=int(1000 * height), tools="pan,wheel_zoom,box_select,tap,reset")
    plot.width, plot.sizing_mode = 1000, "scale_width"
    plot.x_range = linked_to.x_range if linked_to else Range1d(start=-width, end=width)
    plot.y_range = linked_to.y_range if linked_to else Range1d(start=-height, end=height)
    plot.xaxis.axis_label = "← negative · first axis of the states · positive →"
    plot.yaxis.axis_label = "second axis"
    dots = plot.scatter(
        x, y, source=points, color="color", marker="marker", size="size", alpha=0.75,
        nonselection_alpha=0.12,
    )  # fmt: skip
    markup = render("point_tooltip.html", lines=tooltip)
    plot.add_tools(HoverTool(renderers=[dots], tooltips=markup))
    return plot


def add_path(plot: Figure, path: ColumnDataSource) -> None:
    """Draw a path through a plane: the columns x, y, word and p of `path`."""
    plot.line("x", "y", source=path, color=SELECTED_COLOR, line_width=2)
    dots = plot.scatter("x", "y", source=path, color=SELECTED_COLOR, size=5)
    plot.add_tools(HoverTool(renderers=[dots], tooltips=_AFTER_WORD))


def path_closeup(title: str, path: ColumnDataSource) -> Figure:
    """Draw the path of `add_path` alone and larger, with its words beside it."""
    plot = _figure(title, height=380, match_aspect=True)
    # Room for a word at an edge.
    plot.x_range = DataRange1d(range_padding=0.2)
    plot.y_range = DataRange1d(range_padding=0.25)
    plot.line("x", "y", source=path, color=SELECTED_COLOR, line_width=2)
    dots = plot.scatter("x", "y", source=path, color="color", size=9)
    words = plot.text("x", "y", "word", source=path, x_offset=7, y_offset=-5, text_font_size="13px")
    words.tags = ["ink"]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=_AFTER_WORD))
    return plot


def reading(selected: ColumnDataSource, others: ColumnDataSource) -> Figure:
    """Draw P(positive) after each word of a sentence.

    selected: the columns word, p and color, for the selected snapshot; others: the columns words
    and ps, lists of the same for every snapshot.
    """
    words: list[str] = list(selected.data["word"])
    plot = _figure(
        "P(positive) after each word",
        height=300,
        x_range=FactorRange(factors=words, name="reading axis"),
    )
    plot.y_range = Range1d(start=-0.03, end=1.03)
    plot.xaxis.major_label_orientation = 0.6
    plot.add_layout(_dotted_line(0.5, "width"))
    plot.multi_line("words", "ps", source=others, color=NEUTRAL_COLOR, alpha=0.45)
    line = plot.line("word", "p", source=selected, line_width=2.5)
    line.tags = ["ink"]
    dots = plot.scatter("word", "p", source=selected, size=9, color="color")
    plot.add_tools(HoverTool(renderers=[dots], tooltips=_AFTER_WORD))
    return plot


def bars(title: str, drives: ColumnDataSource) -> Figure:
    """Draw the columns name, drive and color of `drives` as bars, the first on top."""
    names: list[str] = list(drives.data["name"])[::-1]
    plot = _figure(
        title, height=420, y_range=FactorRange(factors=names, name=f"{drives.name} axis")
    )
    plot.xaxis.ticker = AdaptiveTicker(desired_num_ticks=4)  # more would overlap on a phone
    drawn = plot.hbar(
        "name", right="drive", height=0.72, source=drives, color="color", line_color=None
    )
    plot.ygrid.visible = False
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=[("", "@name"), ("drive", "@drive")]))
    return plot


def decay(selected: ColumnDataSource, all_units: ColumnDataSource) -> Figure:
    """Draw how the effect of an input fades.

    selected: the columns steps and effect of one unit; all_units: the columns steps_each and
    effects, lists of the same for every unit.
    """
    plot = _figure("What is left of an effect n words later", height=300)
    plot.xaxis.axis_label = "words"
    plot.add_layout(_dotted_line(0.5, "width"))
    plot.multi_line("steps_each", "effects", source=all_units, color=NEUTRAL_COLOR, alpha=0.35)
    line = plot.line("steps", "effect", source=selected, color=SELECTED_COLOR, line_width=3)
    tooltips = [("words", "@steps"), ("left", "@effect{0.000}")]
    plot.add_tools(HoverTool(renderers=[line], tooltips=tooltips, mode="vline"))
    return plot


def source(name: str, columns: Columns) -> ColumnDataSource:
    """Return columns that a script finds by `name`."""
    return ColumnDataSource(columns, name=name)


def rounded(values: Any, digits: int = 3) -> list[float]:
    """Return numbers rounded to `digits` decimals, which keeps the page small."""
    return np.round(np.asarray(values, np.float64), digits).tolist()


def _dotted_line(location: float, dimension: Literal["width", "height"]) -> Span:
    return Span(
        location=location, dimension=dimension, line_color=NEUTRAL_COLOR, line_dash="dotted"
    )


def _figure(title: str, height: int, tools: str = "pan,box_zoom,reset", **options: Any) -> Figure:
    plot = Figure(height=height, tools=tools, sizing_mode="stretch_width", **options)
    # Plain text: Bokeh would load a mathematics library for a title between dollar signs.
    plot.title = Title(text=PlainText(text=title), visible=bool(title))
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.background_fill_color = plot.border_fill_color = plot.outline_line_color = None
    plot.axis.minor_tick_line_color = None
    return plot
