"""Show hidden units on a page: what drives each, its weight, and how fast it forgets."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sentiment.inspection.probes import SENTENCES
from sentiment.inspection.units import Drives, Unit, analyze_units
from sentiment.reports import charts
from sentiment.reports.charts import Figure
from sentiment.reports.document import Section
from sentiment.reports.training_report import TrainingReport
from sentiment.utils.text import count_of

_MAX_STEPS = 64  # points of a decay curve
_WORDS_IN_TABLE = 3  # words for each direction of a unit


@dataclass(frozen=True)
class _UnitRow:
    name: str
    weight: str
    saturation: str
    half_life: str
    up: str
    down: str


@dataclass(frozen=True)
class _Units:
    """rows: the units shown; total: all units of the first layer."""

    rows: list[_UnitRow]
    total: int
    has_weights: bool
    reads_both_ways: bool


def units_section(report: TrainingReport) -> Section:
    """Show one unit, which the page's script chooses, and a table of all."""
    units = analyze_units(report.bundle, _texts(report))
    steps = _steps(units)
    view = _Units(
        rows=[_row(unit) for unit in units],
        total=report.bundle.settings.state_size,
        has_weights=units[0].weight is not None,
        reads_both_ways=any(unit.name.startswith("backward") for unit in units),
    )
    data = {"steps": steps, "units": [_unit_data(unit, steps) for unit in units]}
    return Section("units", "Units", "run_report/units.html", view, _plots(units, steps), data)


def _texts(report: TrainingReport) -> list[str]:
    """Return the texts that units are measured on."""
    if report.snapshots:
        probes = report.snapshots[-1][1].probes
        return list(probes.texts[: probes.reviews])
    return [sentence.text for sentence in SENTENCES] + [text for text, _ in report.mistakes]


def _row(unit: Unit) -> _UnitRow:
    up, down = (
        ", ".join(words for words, _ in drives[:_WORDS_IN_TABLE]) for drives in (unit.up, unit.down)
    )
    return _UnitRow(
        name=unit.name,
        weight="–" if unit.weight is None else f"{unit.weight:+.3f}",
        saturation=f"{unit.saturation:.0%}",
        half_life=half_life(unit),
        up=up,
        down=down,
    )


def _unit_data(unit: Unit, steps: list[int]) -> dict[str, Any]:
    """Return what the page's script shows for a unit."""
    return {
        "weight": None if unit.weight is None else round(unit.weight, 4),
        "facts": _facts(unit),
        "words": _drives(unit.up, unit.down),
        "ngrams": _drives(unit.ngrams_up, unit.ngrams_down),
        "decay": _decay(unit, steps),
    }


def _facts(unit: Unit) -> str:
    weight = "" if unit.weight is None else f"classifier weight {unit.weight:+.3f} · "
    return f"{weight}saturated {unit.saturation:.0%} · half-life {half_life(unit)}"


def half_life(unit: Unit) -> str:
    """Return the half-life in words."""
    if np.isinf(unit.half_life):
        return f"over {len(unit.decay) - 1:,} words"
    return count_of(round(unit.half_life), "word")


def _drives(up: Drives, down: Drives) -> list[tuple[str, float]]:
    """Return both lists as one, from the strongest upwards to the strongest downwards."""
    return [(words, round(drive, 3)) for words, drive in (*up, *reversed(down))]


def _steps(units: list[Unit]) -> list[int]:
    """Return the numbers of words, at most 64, at which decay curves have points.

    They reach far enough to show the slowest unit forget.
    """
    longest = max((len(unit.decay) for unit in units), default=1)
    slowest = max((min(unit.half_life, longest) for unit in units), default=0)
    last = min(longest - 1, max(16, int(4 * slowest)))
    return np.unique(np.linspace(0, last, _MAX_STEPS).astype(int)).tolist()


def _decay(unit: Unit, steps: list[int]) -> list[float]:
    return charts.rounded(unit.decay[[step for step in steps if step < len(unit.decay)]])


def _plots(units: list[Unit], steps: list[int]) -> dict[str, Figure]:
    """Return the figures of the first unit; the script gives them the data of others."""
    first = units[0]
    plots = {"words": _bars("words", "Words that drive it", _drives(first.up, first.down))}
    if any(unit.ngrams_up or unit.ngrams_down for unit in units):
        drives = _drives(first.ngrams_up, first.ngrams_down)
        plots["ngrams"] = _bars("ngrams", "N-grams, beyond their words", drives)
    effects = [_decay(unit, steps) for unit in units]
    steps_each = [steps[: len(effect)] for effect in effects]
    plots["decay"] = charts.decay(
        charts.source("decay", {"steps": steps_each[0], "effect": effects[0]}),
        charts.source("decay of all units", {"steps_each": steps_each, "effects": effects}),
    )
    return plots


def _bars(name: str, title: str, drives: list[tuple[str, float]]) -> Figure:
    """Draw drives from a source called `name`; the page's script gives them their colours."""
    columns: charts.Columns = {
        "name": [words for words, _ in drives],
        "drive": [drive for _, drive in drives],
        "color": [charts.NEUTRAL_COLOR] * len(drives),
    }
    return charts.bars(title, charts.source(name, columns))
