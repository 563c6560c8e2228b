"""Build the lecture's page: every number of a small recurrence, to follow by hand."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sentiment.inspection.unrolled import SmallNetwork, unroll
from sentiment.inspection.walkthrough import Walkthrough
from sentiment.reports import arithmetic, walkthrough
from sentiment.reports.arithmetic import Addition, DecisionTable, Number, WeightTables
from sentiment.reports.templating import render_page


@dataclass(frozen=True)
class Example:
    """The lecture's samples, float32 (N, T, E), their labels, int (N,), and the network.

    networks: the network's weights at different times, by a name such as `before training`. The
    page shows the last first.
    """

    samples: np.ndarray
    labels: np.ndarray
    networks: Mapping[str, SmallNetwork]

    @property
    def units(self) -> int:
        """Hidden units of the network."""
        return len(next(iter(self.networks.values())).cell.bias)


@dataclass(frozen=True)
class SampleView:
    """A sample as the network reads it: each step, the decision, and three ways to pool states."""

    additions: list[Addition]
    decision: DecisionTable
    predicted: int
    label: int
    states: list[list[Number]]
    final: list[Number]
    mean: list[Number]
    max: list[Number]


@dataclass(frozen=True)
class StageView:
    """The network at one time. name: such as `before training`."""

    name: str
    weights: WeightTables
    samples: list[SampleView]


@dataclass(frozen=True)
class ExampleView:
    """The first part of the page. inputs: the features of each timestep of each sample."""

    inputs: list[list[list[Number]]]
    labels: list[int]
    units: int
    step_names: list[str]
    stages: list[StageView]


def page(example: Example, reading: Walkthrough) -> str:
    """Return the page for the lecture's example and a sentence that a model reads."""
    return render_page(
        "lecture.html",
        title="A hidden state, by hand",
        styles=["base.css", "scales.css", "lecture.css"],
        scripts=["lecture.js"],
        example=_example_view(example),
        sentence=walkthrough.sentence_view(reading),
    )


def _example_view(example: Example) -> ExampleView:
    labels = example.labels.tolist()
    return ExampleView(
        inputs=[[arithmetic.numbers(x) for x in sample] for sample in example.samples],
        labels=labels,
        units=example.units,
        step_names=[f"t = {step}" for step in range(1, example.samples.shape[1] + 1)]
        + ["classifier"],
        stages=[
            StageView(
                name,
                arithmetic.weight_tables(network),
                [
                    _sample_view(sample, label, network)
                    for sample, label in zip(example.samples, labels, strict=True)
                ],
            )
            for name, network in example.networks.items()
        ],
    )


def _sample_view(sample: np.ndarray, label: int, network: SmallNetwork) -> SampleView:
    steps = unroll(sample, network.cell)
    states = np.array([step.h for step in steps])
    decision = network.decide(states[-1])
    return SampleView(
        additions=[arithmetic.addition(step, number) for number, step in enumerate(steps, 1)],
        decision=arithmetic.decision_table(decision, arithmetic.unit_names(states.shape[1])),
        predicted=int(decision.probability > 0.5),
        label=label,
        states=[arithmetic.tinted(state) for state in states],
        final=arithmetic.tinted(states[-1]),
        mean=arithmetic.tinted(states.mean(axis=0)),
        max=arithmetic.tinted(states.max(axis=0)),
    )
