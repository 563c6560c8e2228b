"""Place sections with Bokeh plots on one self-contained HTML page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bokeh.document import Document
from bokeh.plotting import figure as Figure  # noqa: N812 (a class, whatever Bokeh calls it)
from bokeh.resources import Resources
from markupsafe import Markup

from sentiment.reports.templating import render_page, script_json
from sentiment.utils.colors import NEGATIVE, NEUTRAL, POSITIVE, hex_color

_STYLES = (
    "base.css",
    "explanation.css",
    "sections.css",
    "controls.css",
    "tables.css",
    "scales.css",
)
_SCRIPTS = ("navigation.js", "controls.js", "plots.js")


@dataclass(frozen=True)
class Section:
    """A section of a page.

    id: its anchor; template: the file in `templates/` that shows it; view and plots: the template
    sees them under these names, and `place` puts a plot in it; data: JSON values that the page's
    scripts read, by names that no other section uses.
    """

    id: str
    title: str
    template: str
    view: object
    plots: Mapping[str, Figure] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


def render_sections(title: str, sections: Sequence[Section], *, scripts: Sequence[str] = ()) -> str:
    """Return an HTML page of `sections`; it needs neither a network nor an origin of its own.

    scripts: names of files in `static/` that the page needs beside those of every such page.
    """
    plots = [plot for section in sections for plot in section.plots.values()]
    data: dict[str, Any] = {"colors": _colors()}
    for section in sections:
        data |= section.data
    library, *_ = Resources(mode="inline", components=["bokeh"]).js_raw
    return render_page(
        "sections.html",
        title=title,
        styles=_STYLES,
        scripts=[library, *_SCRIPTS, *scripts],
        sections=sections,
        colors={"positive": hex_color(POSITIVE), "negative": hex_color(NEGATIVE)},
        data={**_embedded(plots), "data": script_json(data)},
    )


def _colors() -> dict[str, Any]:
    return {"positive": POSITIVE, "negative": NEGATIVE, "neutral": hex_color(NEUTRAL)}


def _embedded(plots: Sequence[Figure]) -> dict[str, Markup]:
    """Return the plots and their places on the page, as BokehJS's `embed_items` takes them."""
    holder = Document()
    with holder.models.freeze():  # or Bokeh collects all models again for each plot
        for plot in plots:
            holder.add_root(plot)
    roots = {plot.id: f"plot-{plot.id}" for plot in plots}
    return {
        "figures": script_json({"page": holder.to_json(deferred=False)}),
        "places": script_json([{"docid": "page", "roots": roots, "root_ids": list(roots)}]),
    }
