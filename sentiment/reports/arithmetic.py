"""The numbers of a recurrence, step by step, as the lecture's templates show them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sentiment.inspection.unrolled import Decision, SmallNetwork, Step
from sentiment.reports.svg import css_unit_color

_TINT = 0.6  # fraction of the strongest colour, because text stands on it


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a page. color: CSS color behind it, empty if there is none."""

    value: float
    color: str = ""

    @property
    def text(self) -> str:
        """Four decimals with a sign; a number that rounds to zero has no minus.

        >>> Number(0.5).text, Number(-0.00001).text
        ('+0.5000', '+0.0000')
        """
        return f"{round(self.value, 4) + 0.0:+.4f}"

    @property
    def unsigned(self) -> str:
        """Four decimals, for numbers that are never negative."""
        return f"{self.value:.4f}"

    @property
    def digits(self) -> str:
        """Nine significant digits, which distinguish all float32 values."""
        return f"{self.value + 0.0:.9g}"


def numbers(values: np.ndarray) -> list[Number]:
    """Return the numbers of a vector."""
    return [Number(value) for value in values.tolist()]


def tinted(values: np.ndarray) -> list[Number]:
    """Return the numbers of a vector, each on a color for its sign and size."""
    return [
        Number(value, css_unit_color(_TINT * min(max(value, -1), 1))) for value in values.tolist()
    ]


@dataclass(frozen=True)
class WeightTables:
    """All weights of a small network; a matrix is a list of rows, with a column for each unit."""

    kernel: list[list[Number]]
    recurrent_kernel: list[list[Number]]
    bias: list[Number]
    classifier_kernel: list[Number]
    classifier_bias: Number


def weight_tables(network: SmallNetwork) -> WeightTables:
    """Return the weights of a network."""
    return WeightTables(
        kernel=[numbers(row) for row in network.cell.kernel],
        recurrent_kernel=[numbers(row) for row in network.cell.recurrent_kernel],
        bias=numbers(network.cell.bias),
        classifier_kernel=numbers(network.kernel),
        classifier_bias=Number(network.bias),
    )


@dataclass(frozen=True)
class ProductRow:
    """A feature or a unit: its value, and for each unit the weight and the product of the two."""

    value: Number
    products: list[tuple[Number, Number]]


@dataclass(frozen=True)
class Addition:
    """A step as one addition for each unit, from top to bottom. number: of the step, from 1."""

    number: int
    inputs: list[ProductRow]
    recurrent: list[ProductRow]
    bias: list[Number]
    total: list[Number]
    state: list[Number]


def addition(step: Step, number: int) -> Addition:
    """Return the addition of step `number`."""
    cell = step.cell
    return Addition(
        number,
        inputs=_product_rows(step.x, cell.kernel, step.input_products),
        recurrent=_product_rows(step.h_before, cell.recurrent_kernel, step.recurrent_products),
        bias=numbers(cell.bias),
        total=numbers(step.total),
        state=tinted(step.h),
    )


def _product_rows(
    values: np.ndarray, weights: np.ndarray, products: np.ndarray
) -> list[ProductRow]:
    return [
        ProductRow(value, list(zip(numbers(weight_row), numbers(product_row), strict=True)))
        for value, weight_row, product_row in zip(numbers(values), weights, products, strict=True)
    ]


@dataclass(frozen=True)
class UnitLine:
    """One unit at one step.

    sums: of the products with x, of the products with h, the bias, and the sum of the three;
    products: by what they are summed to, as text such as `+0.5000 × +2.0000 = +1.0000`, because
    there may be thousands; empty if they are not shown.
    """

    sums: list[Number]
    state: Number
    products: dict[str, list[str]]


def unit_lines(step: Step, *, with_products: bool) -> list[UnitLine]:
    """Return a line for each unit of a step."""
    cell, entering, recurring = step.cell, step.input_products, step.recurrent_products
    sums = np.stack([entering.sum(axis=0), recurring.sum(axis=0), cell.bias, step.total], axis=1)

    def products(unit: int) -> dict[str, list[str]]:
        return {
            "x · kernel": _products(step.x, cell.kernel[:, unit], entering[:, unit]),
            "h · recurrent": _products(
                step.h_before, cell.recurrent_kernel[:, unit], recurring[:, unit]
            ),
        }

    return [
        UnitLine(numbers(sums[unit]), state, products(unit) if with_products else {})
        for unit, state in enumerate(tinted(step.h))
    ]


def _products(values: np.ndarray, weights: np.ndarray, products: np.ndarray) -> list[str]:
    return [
        f"{value.text} × {weight.text} = {product.text}"
        for value, weight, product in zip(*map(numbers, (values, weights, products)), strict=True)
    ]


@dataclass(frozen=True)
class DecisionTable:
    """What the classifier adds up, and the probability.

    rows: for each unit its name, its state, its weight and their product; scaled_logit: the logit
    over the temperature, None if the temperature is 1.
    """

    rows: list[tuple[str, Number, Number, Number]]
    bias: Number
    logit: Number
    temperature: Number
    scaled_logit: Number | None
    probability: Number


def decision_table(decision: Decision, names: Iterable[str]) -> DecisionTable:
    """Return the table of a decision; `names` has a name for each unit."""
    columns = tinted(decision.state), numbers(decision.kernel), numbers(decision.products)
    scaled = None
    if decision.temperature != 1:
        scaled = Number(decision.logit / decision.temperature)
    return DecisionTable(
        rows=list(zip(names, *columns, strict=True)),
        bias=Number(decision.bias),
        logit=Number(decision.logit),
        temperature=Number(decision.temperature),
        scaled_logit=scaled,
        probability=Number(decision.probability),
    )


def unit_names(count: int) -> list[str]:
    """Return `unit 1`, `unit 2` and so on."""
    return [f"unit {number}" for number in range(1, count + 1)]
