"""The sheet that every page is printed on: its look, its policy and how one pages through it.

Knows HTML, CSS and JSON; knows nothing of models, of plots or of what a page says. A page needs no
network: its own policy forbids it, and lets no script run but those that are passed in here,
whatever the texts hold.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sentiment.reports.style import BASE, EXPLANATION
from sentiment.reports.svg import safe
from sentiment.utils.text import finite

_PAGED = """\
nav { position: sticky; top: 0; z-index: 20; margin: 0 -1rem; padding: .55rem 1rem;
  background: var(--page); border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap;
  gap: .2rem 1.1rem; align-items: baseline; }
nav b { margin-right: .4rem; max-width: 22rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
nav a { color: var(--faint); text-decoration: none; }
nav a:hover, nav a.here { color: var(--ink); }
nav a.here { box-shadow: 0 2px 0 var(--ink); }
section { scroll-margin-top: 3.4rem; }
h3 { margin: .9rem 0 .2rem; font-size: .95rem; }
.faint { max-width: 48rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr));
  gap: .6rem 1.2rem; margin-top: .6rem; }
.plots > div { min-width: 0; }
.controls { display: flex; flex-wrap: wrap; gap: .5rem 1.2rem; align-items: center;
  margin: .7rem 0; font-size: .92rem; }
.controls label { display: flex; gap: .5rem; align-items: center; min-width: 0; }
.controls select { min-width: 0; flex: 0 1 auto; text-overflow: ellipsis; }
.controls input[type=range] { width: 15rem; max-width: 40vw; accent-color: #7a5cc4; }
.controls output { min-width: 7rem; font-variant-numeric: tabular-nums; }
button, select { font: inherit; color: inherit; background: var(--page); max-width: 100%;
  border: 1px solid var(--line); border-radius: 6px; padding: .15rem .55rem; cursor: pointer; }
button:hover, select:hover { border-color: var(--faint); }
.legend button { border: 0; background: none; padding: .1rem .3rem; font-size: .88rem;
  overflow-wrap: anywhere; text-align: left; }
.legend i { display: inline-block; width: 1.5em; margin-right: .45em; vertical-align: .25em;
  border-top: 3px solid; }
.legend [aria-pressed=false] { opacity: .35; text-decoration: line-through; }
.key { font-size: .88rem; color: var(--faint); }
.key span { margin-right: 1.1rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr));
  gap: .15rem 1.6rem; margin: .6rem 0 0; font-size: .9rem; }
dl div { display: flex; justify-content: space-between; gap: 1rem;
  border-bottom: 1px dotted var(--line); }
dt { color: var(--faint); }
dd { margin: 0; text-align: right; overflow-wrap: anywhere; min-width: 0; }
table { border-collapse: collapse; font-size: .88rem; width: 100%; }
th { text-align: left; font-weight: 600; color: var(--faint); }
th, td { padding: .22rem .7rem .22rem 0; border-bottom: 1px solid var(--line);
  vertical-align: baseline; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
tr[data-pick] { cursor: pointer; }
tr[data-pick]:hover td { background: rgb(128 128 128 / .1); }
tr.picked td { background: rgb(122 92 196 / .16); }
tr .words, td.words { margin: 0; line-height: 1.75; }
"""

# The first script of each page: figures in place and in the page's colours, links, keys, legends.
_START = """\
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const all = (query, from = document) => [...from.querySelectorAll(query)];

// A canvas does not inherit colours, so what is drawn on it is given those of the page.
function paint(plots) {
  const style = getComputedStyle(document.documentElement);
  const [ink, faint, line] = ["--ink", "--faint", "--line"].map((n) => style.getPropertyValue(n));
  for (const model of plots.roots().flatMap((root) => [...root.references()])) {
    if (model.type.endsWith("Axis")) {
      Object.assign(model, { axis_label_text_color: faint, major_label_text_color: faint,
        axis_line_color: line, major_tick_line_color: line });
    } else if (model.type === "Grid") model.grid_line_color = line;
    else if (model.type === "Title") model.text_color = ink;
    else if (model.tags.includes("ink")) {
      const { glyph } = model;
      for (const part of ["line_color", "text_color"]) if (part in glyph) glyph[part] = ink;
    }
  }
}

function links() {
  const sections = all("section[id]");
  const go = (section) => section.scrollIntoView({ block: "start" });
  const anchors = all("nav a");
  // In a frame without an address of its own a fragment leads out of the page, so scripts scroll.
  anchors.forEach((anchor, place) => anchor.addEventListener("click", (event) => {
    event.preventDefault();
    go(sections[place]);
  }));
  const here = () => {
    const passed = sections.filter((part) => part.getBoundingClientRect().top < innerHeight / 3);
    const end = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    return end ? sections.length - 1 : Math.max(0, passed.length - 1);
  };
  const mark = () => anchors.forEach((a, place) => a.classList.toggle("here", place === here()));
  addEventListener("scroll", mark, { passive: true });
  mark();
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea")) return;
    const number = Number(event.key);
    if (number >= 1 && number <= sections.length) go(sections[number - 1]);
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) step(sections[here()].querySelector("[data-of]"), by);
  });
}

// Move a slider or a choice to its neighbour.
function step(control, by) {
  if (!control) return;
  const most = control.matches("select") ? control.length - 1 : Number(control.max);
  control.value = Math.max(0, Math.min(most, Number(control.value) + by));
  control.dispatchEvent(new Event("input", { bubbles: true }));
}

function legends(plots) {
  for (const button of all(".legend button")) {
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", shown);
      for (const root of plots.roots()) {
        for (const part of root.renderers) {
          if (part.name === `line ${button.dataset.line}`) part.visible = shown;
        }
      }
    });
  }
}

async function start() {
  await Bokeh.embed.embed_items(read("figures"), read("places"));
  const plots = Bokeh.documents[0];
  paint(plots);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paint(plots));
  legends(plots);
  links();
  if (typeof play === "function") play(plots, read("data"));
  document.body.dataset.ready = "yes";
}
"""

_DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src {allowed}; \
style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<nav><b>{title}</b>
{links}
</nav>
{sections}
{data}
{scripts}
</body>
</html>
"""


@dataclass(frozen=True)
class Section:
    """A part of a page. id: what its link leads to; title: plain text; body: HTML."""

    id: str
    title: str
    body: str


def document(
    title: str, sections: Sequence[Section], *, data: dict[str, Any], library: str, script: str
) -> str:
    """Return an HTML document in which a person can page through `sections`.

    title: plain text; data: what scripts read, by the id of its element, as JSON; library: the
    source of a plotting library; script: that of the page, which may define `play(plots, data)`.
    """
    scripts = [library, f"{_START}\n{script}\nstart();\n"]
    return _DOCUMENT.format(
        allowed=" ".join(_digest(source) for source in scripts),
        title=safe(title),
        style=BASE + EXPLANATION + _PAGED,
        links="\n".join(f'<a href="#{part.id}">{safe(part.title)}</a>' for part in sections),
        sections="\n".join(
            f'<section id="{part.id}">\n<h2>{safe(part.title)}</h2>\n{part.body}\n</section>'
            for part in sections
        ),
        data="\n".join(
            f'<script type="application/json" id="{name}">{in_script(value)}</script>'
            for name, value in data.items()
        ),
        scripts="\n".join(f"<script>{source}</script>" for source in scripts),
    )


def choice(what: str, name: str, entries: list[str]) -> str:
    """Return a choice of `entries`, with buttons to its neighbours, that scripts know by `name`."""
    options = "".join(
        f'<option value="{number}">{safe(entry)}</option>' for number, entry in enumerate(entries)
    )
    return (
        f'<label>{what} <button type="button" data-step="-1" aria-label="previous">‹</button>'
        f'<select data-of="{name}" aria-label="{what}">{options}</select>'
        '<button type="button" data-step="1" aria-label="next">›</button></label>'
    )


def in_script(value: Any) -> str:
    """Return `value` as JSON that no element around it mistakes for its end.

    JSON has no word for what is not a finite number: it becomes null.
    """
    try:
        shown = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        shown = json.dumps(finite(value), separators=(",", ":"))
    return shown.replace("<", "\\u003c")


def _digest(source: str) -> str:
    """Return what the policy of a page calls a script that it allows."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode('utf-8')).digest()).decode()}'"
