"""The units on a page: what drives each, how far it moves the decision, how fast it forgets.

Knows units as they were measured and the charts; knows nothing of models or of the page around it.
"""

from typing import Any

import numpy as np

from sentiment.inspection.units import Unit
from sentiment.reports import charts
from sentiment.reports.charts import Figure, Part
from sentiment.reports.document import Section, choice
from sentiment.reports.svg import safe

_STEPS = 64  # most places at which a fading effect is drawn
_NAMED = 3  # words that stand for a unit in the table

_READING = """<p class="faint">A bar is what a word adds to the unit, or takes from it, before
tanh: blue where that pushes the decision towards positive, the sign of the unit's weight
considered. Saturated is the share of reviews that leave it beyond ±0.99, where it hardly moves;
half-life is how many words on the effect of an input on its final value has fallen by half, the
median over reviews, from the network's own derivatives.{more}</p>"""
_BOTH = """ Forward units read from the beginning, backward units from the end."""
_STACKED = """ These are the units of the first layer, which alone sees words; the layers above
stand between them and the decision, so there is no weight and bars have no colour."""


def told(units: list[Unit]) -> dict[str, Any]:
    """Return what the page's script needs to know of `units`."""
    steps = _steps(units)
    return {
        "steps": steps,
        "units": [
            {
                "weight": None if unit.weight is None else round(unit.weight, 4),
                "told": _facts(unit),
                "words": _driven(unit.up, unit.down),
                "ngrams": _driven(unit.ngrams_up, unit.ngrams_down),
                "decay": _fading(unit, steps),
            }
            for unit in units
        ],
    }


def _driven(up: list[tuple[str, float]], down: list[tuple[str, float]]) -> list[list[Any]]:
    """Return both lists as one, from the furthest up to the furthest down."""
    return [[words, round(drive, 3)] for words, drive in (*up, *reversed(down))]


def _steps(units: list[Unit]) -> list[int]:
    """Return so many words back as show the slowest unit forget, at most 64 places."""
    longest = max((len(unit.decay) for unit in units), default=1)
    slowest = max((min(unit.half_life, longest) for unit in units), default=0)
    end = min(longest - 1, max(16, int(4 * slowest)))
    return np.unique(np.linspace(0, end, _STEPS).astype(int)).tolist()


def _fading(unit: Unit, steps: list[int]) -> list[float]:
    return charts.rounded(unit.decay[[n for n in steps if n < len(unit.decay)]])


def _bars(name: str, title: str, driven: list[list[Any]]) -> Figure:
    """Draw what drives a unit, in the columns of the source `name`; the script colours it."""
    columns = {
        "name": [words for words, _ in driven],
        "drive": [drive for _, drive in driven],
        "colour": [charts.NEITHER] * len(driven),
    }
    return charts.bars(title, charts.source(name, columns))


def half_life(unit: Unit) -> str:
    """Return the half-life in words."""
    if np.isinf(unit.half_life):
        return f"over {len(unit.decay) - 1:,} words"
    return f"{unit.half_life:.0f} word{'s' * (unit.half_life != 1)}"


def _facts(unit: Unit) -> str:
    weighed = "" if unit.weight is None else f"classifier weight {unit.weight:+.3f} · "
    return f"{weighed}saturated {unit.saturation:.0%} · half-life {half_life(unit)}"


def section(units: list[Unit], all_units: int) -> Part:
    """Return the section of `units`, of which the first layer has `all_units`."""
    first = units[0]
    plots = [_bars("words", "Words that drive it", _driven(first.up, first.down))]
    if any(unit.ngrams_up or unit.ngrams_down for unit in units):
        driven = _driven(first.ngrams_up, first.ngrams_down)
        plots.append(_bars("ngrams", "N-grams, beyond what their words do", driven))
    steps = _steps(units)
    effects = [_fading(unit, steps) for unit in units]
    fading = charts.fading(
        charts.source("fading", {"steps": steps[: len(effects[0])], "effect": effects[0]}),
        charts.source(
            "fading of all",
            {"steps_each": [steps[: len(one)] for one in effects], "effects": effects},
        ),
    )
    more = _BOTH if any(unit.name.startswith("backward") for unit in units) else ""
    if first.weight is None:
        more += _STACKED
    if len(units) < all_units:
        more += f" Shown are {len(units)} of {all_units:,} units, those that weigh most."
    body = f"""{_READING.format(more=more)}
<div class="controls">{choice("unit", "unit", [unit.name for unit in units])}
<span id="told"></span></div>
<div class="plots">{"".join(map(charts.place, plots))}</div>
{charts.place(fading)}
<details><summary>All units, the one that weighs most first</summary>
<div class="scroll">{_table(units)}</div></details>"""
    return Part(Section("units", "Units", body), [*plots, fading])


def _table(units: list[Unit]) -> str:
    rows = []
    for unit in units:
        weight = "–" if unit.weight is None else f"{unit.weight:+.3f}"
        up, down = (
            ", ".join(safe(word) for word, _ in words[:_NAMED]) for words in (unit.up, unit.down)
        )
        rows.append(
            f'<tr data-pick="unit"><td>{safe(unit.name)}</td><td class="number">{weight}</td>'
            f'<td class="number">{unit.saturation:.0%}</td>'
            f'<td class="number">{half_life(unit)}</td><td>{up}</td><td>{down}</td></tr>'
        )
    return f"""<table><tr><th>unit</th><th class="number">weight</th>
<th class="number">saturated</th><th class="number">half-life</th><th>driven up by</th>
<th>driven down by</th></tr>
{"".join(rows)}</table>"""
