"""The lecture as a page: every number of a recurrence, step by step, to follow by hand.

Knows HTML, steps and readings; knows nothing of Keras, of files or of how numbers came about. The
page needs no network, and its policy lets no script run but its own, whatever the text holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sentiment.inspection.unrolled import Decision, SmallNetwork, unroll
from sentiment.inspection.walkthrough import Walkthrough
from sentiment.reports import arithmetic, stepper, walkthrough
from sentiment.reports.arithmetic import cells, headings, row, table
from sentiment.reports.svg import safe


@dataclass(frozen=True)
class Example:
    """The lecture's samples, float32 (N, T, E), their labels, int (N,), and who reads them.

    networks: the network's weights by the time, such as before training; shown first is the last.
    """

    samples: np.ndarray
    labels: np.ndarray
    networks: Mapping[str, SmallNetwork]

    @property
    def units(self) -> int:
        """Hidden units of the network."""
        return len(next(iter(self.networks.values())).cell.bias)


def page(example: Example, reading: Walkthrough) -> str:
    """Return an HTML document for the lecture's example and a sentence read by a model."""
    units = range(1, example.units + 1)
    style = arithmetic.STYLE + walkthrough.STYLE + _STYLE + stepper.rules("unit", units, _CHOSEN)
    style += _NARROW.format(rules=stepper.rules("unit", units, _ALONE))
    body = _HEADER + _example(example) + walkthrough.section(reading)
    return stepper.document("A hidden state, by hand", style, body)


_CHOSEN = "ROOT td[data-unit=VALUE] { box-shadow: inset 0 0 0 99px rgb(128 128 128 / .16); }\n"
_ALONE = ".alive ROOT .addition [data-unit]:not([data-unit=VALUE]) { display: none; }\n"
_NARROW = "@media (max-width: 700px) {{\n{rules}}}\n"
_STYLE = """\
.given { font-size: .86rem; font-variant-numeric: tabular-nums; }
.formula { font-size: 1.1rem; overflow-wrap: anywhere; }
"""
_HEADER = """\
<header>
<h1>A hidden state, by hand</h1>
<p class="formula">h<sub>t</sub> = tanh(x<sub>t</sub> · kernel + h<sub>t−1</sub> · recurrent_kernel
+ bias), &nbsp; h<sub>0</sub> = 0</p>
<noscript><p>Without JavaScript all steps are listed, one after the other.</p></noscript>
<p class="faint">Numbers are rounded to four decimals, so that a sum by hand may differ in the last
one; rest the pointer on a number to see all its digits. The arrow keys ← → step
through what the pointer was on last.</p>
</header>
"""


def _example(example: Example) -> str:
    count, steps, features = example.samples.shape
    whens = dict(enumerate(example.networks))
    labels = {n: f"t = {n}" for n in range(1, steps + 1)} | {steps + 1: "classifier"}
    parts = []
    for when, (name, network) in enumerate(example.networks.items()):
        for sample in range(count):
            title = f"sample {sample + 1}, {name}"
            parts += _steps_of(example, network, sample, title, when)
    weights = [
        stepper.part(f"<h3>The weights {safe(name)}</h3>" + arithmetic.weights(network), when=when)
        for when, (name, network) in enumerate(example.networks.items())
    ]
    body = [
        f"<section>\n<h2>{count} samples of {steps} timesteps of {features} features, "
        f"{example.units} hidden units</h2>",
        '<p class="faint">The label is 1 where the first feature is larger at the last timestep '
        "than at the first. A unit that is pointed at is marked wherever its weights are used: "
        "follow its column from top to bottom.</p>",
        stepper.choices("weights", "when", whens),
        stepper.choices("unit", "unit", {n: str(n) for n in range(1, example.units + 1)}),
        *weights,
        "</section>\n<section>\n<h2>Follow a sample</h2>",
        stepper.choices("sample", "sample", {n: str(n) for n in range(1, count + 1)}),
        *(stepper.part(_given(example, n), sample=n + 1) for n in range(count)),
        stepper.choices("step", stepper.STEP, labels),
        *parts,
        "</section>",
    ]
    start = {"when": len(whens) - 1, "unit": 1, "sample": 1, stepper.STEP: 1}
    return stepper.stepper(start, "\n".join(body))


def _given(example: Example, sample: int) -> str:
    """Return the numbers that a sample consists of, and its label."""
    timesteps = " &nbsp; ".join(
        f"x<sub>{t}</sub> = ({', '.join(map(arithmetic.number, x))})"
        for t, x in enumerate(example.samples[sample], 1)
    )
    return f'<p class="given">{timesteps} &nbsp; label {example.labels[sample]}</p>'


def _steps_of(
    example: Example, network: SmallNetwork, sample: int, title: str, when: int
) -> list[str]:
    """Return the parts for one sample and one state of the weights: each step, and the end."""
    steps = unroll(example.samples[sample], network.cell)
    at = {"when": when, "sample": sample + 1}
    parts = [
        stepper.part(
            f"<h3>h<sub>{t}</sub> of {title}</h3>" + arithmetic.addition(step, t), **at, step=t
        )
        for t, step in enumerate(steps, 1)
    ]
    made = network.decide(steps[-1].h)
    said, label = int(made.probability > 0.5), int(example.labels[sample])
    verdict = f"says {said}, the label is {label}: {'right' if said == label else 'wrong'}"
    shown = (
        f"<h3>The classifier reads h<sub>{len(steps)}</sub> of {title}</h3>"
        f'<p>It {verdict}.</p><div class="beside">{_decision(made, len(steps))}'
        f"<div>{_contrast(np.array([step.h for step in steps]))}</div></div>"
    )
    return [*parts, stepper.part(shown, **at, step=len(steps) + 1)]


def _decision(made: Decision, last: int) -> str:
    names = arithmetic.names("unit", len(made.state))
    return arithmetic.decision(made, names, state=f"h<sub>{last}</sub>", label="label 1")


def _contrast(states: np.ndarray) -> str:
    """Return what could be read instead of the final state; states: (T, H)."""
    units = states.shape[1]
    rows = [row(f"h<sub>{t}</sub>", cells(state, tinted=True)) for t, state in enumerate(states, 1)]
    pools = {"final": states[-1], "mean": states.mean(axis=0), "max": states.max(axis=0)}
    rows += [
        row(name, cells(pool, tinted=True), kind="total" * (name == "final"))
        for name, pool in pools.items()
    ]
    return (
        table(headings("", units=units), rows)
        + '<p class="faint">The final state holds what the recurrence has kept; it is what this '
        "classifier reads. The mean weighs every step alike. The maximum takes each unit from the "
        "step where it was largest: no state was ever so.</p>"
    )
