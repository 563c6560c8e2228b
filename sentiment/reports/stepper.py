"""A page that is stepped through: rows of buttons, and parts that show where the buttons point.

Knows HTML and the page's one script; knows nothing of what is stepped through. Without the script
every part of the page is shown, one after the other.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping

from sentiment.reports.style import BASE
from sentiment.reports.svg import safe

STEP = "step"  # the key that the arrows move


def document(title: str, style: str, body: str) -> str:
    """Return an HTML document whose policy lets no script run but its own."""
    return _DOCUMENT.format(
        title=safe(title), style=BASE + _STYLE + style, body=body, script=_SCRIPT, digest=_DIGEST
    )


def stepper(start: Mapping[str, object], body: str) -> str:
    """Return what is stepped through on its own; `start` gives each key the value to begin with."""
    state = "".join(f' data-{key}="{value}"' for key, value in start.items())
    return f'<div class="stepper"{state}>\n{body}\n</div>'


def part(body: str, **when: object) -> str:
    """Return what is shown while each key of `when` has its value; values hold no space."""
    only = " ".join(f"{key}={value}" for key, value in when.items())
    return f'<div data-only="{only}">\n{body}\n</div>'


def choices(name: str, key: str, labels: Mapping[int, str]) -> str:
    """Return a row of buttons, one for each value of `key`; the labels are text."""
    buttons = "".join(
        f'<button type="button" data-key="{key}" data-value="{value}">{safe(label)}</button>'
        for value, label in labels.items()
    )
    arrows = _ARROWS if key == STEP else ""
    return (
        f'<div class="choices" role="group" aria-label="{safe(name)}">'
        f'<span class="faint">{safe(name)}</span>{arrows}{buttons}</div>'
    )


def rules(key: str, values: Iterable[object], rule: str) -> str:
    """Return `rule` for each value, with `ROOT` and `VALUE` replaced, in force while it is chosen.

    CSS can't compare two attributes, so that each value needs a rule of its own.
    """
    return "".join(
        rule.replace("ROOT", f'.stepper[data-{key}="{value}"]').replace("VALUE", f'"{value}"')
        for value in values
    )


_ARROWS = (
    '<button type="button" data-move="-1" aria-label="one step back">←</button>'
    '<button type="button" data-move="1" aria-label="one step on">→</button>'
)

_STYLE = """\
h1 { margin: 0; font-size: 1.5rem; }
h3 { margin: 1rem 0 .3rem; font-size: 1rem; }
[hidden], .choices { display: none; }
.alive .choices { display: flex; flex-wrap: wrap; align-items: center; gap: .35rem;
  margin: .5rem 0; }
.choices > span { min-width: 4.6rem; }
button { padding: .15rem .6rem; border: 1px solid var(--line); border-radius: 6px; font: inherit;
  background: var(--page); color: var(--ink); cursor: pointer; font-size: .9rem; }
button:hover:enabled { border-color: var(--faint); }
button:disabled { opacity: .4; cursor: default; }
@media (max-width: 700px) {
  body { padding: 0 .5rem; }
  section { padding: .8rem .7rem; }
  button { padding: .3rem .5rem; }
  .choices > span { min-width: 3.6rem; }
}
button[aria-pressed=true] { border-color: var(--ink); background: var(--ink);
  color: var(--panel); }
"""

_SCRIPT = """
"use strict";
document.documentElement.classList.add("alive");
let arrowed;  // what the arrow keys move: the stepper last pointed at, at first the first
for (const root of document.querySelectorAll(".stepper")) {
  const parts = [...root.querySelectorAll("[data-only]")];
  const choices = [...root.querySelectorAll("[data-key]")];
  const arrows = [...root.querySelectorAll("[data-move]")];
  const steps = choices.filter(button => button.dataset.key === "step");
  const last = Math.max(...steps.map(button => Number(button.dataset.value)));
  const show = () => {
    for (const part of parts)
      part.hidden = !part.dataset.only.split(" ").every(pair => {
        const [key, value] = pair.split("=");
        return root.dataset[key] === value;
      });
    for (const button of choices)
      button.setAttribute("aria-pressed",
        String(root.dataset[button.dataset.key] === button.dataset.value));
    for (const arrow of arrows) {
      const next = Number(root.dataset.step) + Number(arrow.dataset.move);
      arrow.disabled = next < 1 || next > last;
    }
  };
  const set = (key, value) => {
    if (root.dataset[key] === value) return;
    root.dataset[key] = value;
    show();
  };
  const move = by => set("step",
    String(Math.min(Math.max(Number(root.dataset.step) + by, 1), last)));
  root.addEventListener("click", event => {
    const button = event.target.closest("button");
    if (button?.dataset.key) set(button.dataset.key, button.dataset.value);
    else if (button) move(Number(button.dataset.move));
  });
  // Pointing at a unit chooses it.
  root.addEventListener("pointerover", event => {
    const cell = event.target.closest("[data-unit]");
    if (cell && cell !== root) set("unit", cell.dataset.unit);
  });
  // What is opened at one step is open at every other.
  root.addEventListener("toggle", ({target}) => {
    for (const other of root.querySelectorAll(`details[data-same="${target.dataset.same}"]`))
      other.open = target.open;
  }, true);
  for (const kind of ["pointerover", "focusin"])
    root.addEventListener(kind, () => { arrowed = move; });
  arrowed ??= move;
  show();
}
addEventListener("keydown", event => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (!by) return;
  arrowed(by);
  event.preventDefault();
});
"""
_DIGEST = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()

_DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""
