"""The arithmetic of a recurrence as HTML tables that are added up from top to bottom.

Knows steps, decisions and HTML; knows nothing of the page around a table or of what is read.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from sentiment.inspection.unrolled import Decision, SmallNetwork, Step
from sentiment.reports.svg import colour, safe

_TINT = 0.6  # of the strongest colour, as numbers stand on it


def number(value: float) -> str:
    """Return four decimals with a sign; what rounds to zero is no negative zero.

    >>> number(0.5), number(-0.00001)
    ('+0.5000', '+0.0000')
    """
    return f"{round(float(value), 4) + 0.0:+.4f}"


def digits(value: float) -> str:
    """Return a number with as many digits as tell every float32 from the next."""
    return f"{float(value) + 0.0:.9g}"


def cell(value: float, *, lead: str = "", unit: int | None = None, tinted: bool = False) -> str:
    """Return a table cell; its title has all digits, `unit` (from 1) is whose number it is."""
    of = f' data-unit="{unit}"' if unit else ""
    look = f' style="background:{_tint(value)}"' if tinted else ""
    return f'<td{of}{look} title="{digits(value)}">{lead}{number(value)}</td>'


def cells(values: Iterable[float], *, tinted: bool = False) -> str:
    """Return the cells of one number for each unit."""
    return "".join(cell(value, unit=unit, tinted=tinted) for unit, value in enumerate(values, 1))


def row(name: str, *columns: str, kind: str = "") -> str:
    """Return a row of a table; `name` and `columns` are HTML."""
    return f'<tr class="{kind}"><th scope="row">{name}</th>{"".join(columns)}</tr>'


def table(heading: str, rows: Iterable[str], *, kind: str = "") -> str:
    """Return a table that scrolls where the page is narrow; `heading` holds cells."""
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{heading}</tr></thead>\n'
        + "\n".join(rows)
        + "\n</table></div>"
    )


def names(kind: str, size: int) -> list[str]:
    """Return the names that numbers go by: feature 1, feature 2 and so on."""
    return [f"{kind} {place}" for place in range(1, size + 1)]


def headings(*first: str, units: int) -> str:
    """Return heading cells: `first`, as HTML, then one for each unit."""
    named = "".join(
        f'<th data-unit="{unit}">{name}</th>' for unit, name in enumerate(names("unit", units), 1)
    )
    return "".join(f"<th>{name}</th>" for name in first) + named


def weights(network: SmallNetwork) -> str:
    """Return all weights of a network as small matrices, a column for each unit."""
    kernel, recurrent = network.cell.kernel, network.cell.recurrent_kernel
    units = len(network.cell.bias)
    entering = [
        _group(f"kernel {len(kernel)}×{units} and bias {units}", units + 1),
        *map(row, names("feature", len(kernel)), map(cells, kernel)),
        row("bias", cells(network.cell.bias)),
        _group(f"classifier: kernel {units}×1, laid on its side, and bias", units + 1),
        row("kernel", cells(network.kernel)),
        row("bias", cell(network.bias)),
    ]
    kept = [
        _group(f"recurrent_kernel {units}×{units}: from each unit, a row, to each", units + 1),
        *map(row, names("unit", units), map(cells, recurrent)),
    ]
    both = "\n".join(table(headings("", units=units), rows) for rows in (entering, kept))
    return f'<div class="beside">{both}</div>'


def addition(step: Step, t: int) -> str:
    """Return a step as one addition for each unit, with all products; it leads to h_t."""
    x, before, units = f"x<sub>{t}</sub>", f"h<sub>{t - 1}</sub>", len(step.h)
    kernel, recurrent_kernel = step.cell.kernel, step.cell.recurrent_kernel
    rows = [
        _group(f"{x} · kernel", units + 2),
        *_products("feature", step.x, kernel, step.input_products),
        _group(f"{before} · recurrent_kernel", units + 2),
        *_products("unit", step.h_before, recurrent_kernel, step.recurrent_products),
        row("bias", "<td></td>", cells(step.cell.bias)),
        row("sum", "<td></td>", cells(step.total), kind="total"),
        row(f"h<sub>{t}</sub> = tanh", "<td></td>", cells(step.h, tinted=True)),
    ]
    return table(headings("", "value", units=units), rows, kind="addition")


def unit_lines(step: Step, track: str, *, products: bool) -> str:
    """Return a line for each unit of a step with its sums, which opens on the products.

    track: a word for whose units they are, so that a unit opened at one step is open at the next.
    """
    own, entered, kept = step.cell, step.input_products, step.recurrent_products
    titles = ("unit", "x · kernel", "h · recurrent", "+ bias", "= sum", "h = tanh")
    lines = ['<p class="line">' + "".join(f"<span>{title}</span>" for title in titles) + "</p>"]
    added = zip(entered.sum(axis=0), kept.sum(axis=0), own.bias, step.total, strict=True)
    for k, sums in enumerate(added):
        shown = "".join(f'<span title="{digits(value)}">{number(value)}</span>' for value in sums)
        look = f'style="background:{_tint(step.h[k])}" title="{digits(step.h[k])}"'
        line = f"<b>{k + 1}</b>{shown}<span {look}>{number(step.h[k])}</span>"
        if products:
            both = _listing("x · kernel", step.x, own.kernel[:, k], entered[:, k])
            both += _listing("h · recurrent", step.h_before, own.recurrent_kernel[:, k], kept[:, k])
            lines.append(
                f'<details data-same="{track}-{k + 1}"><summary class="line">{line}</summary>\n'
                f'<div class="products">{both}</div></details>'
            )
        else:
            lines.append(f'<p class="line">{line}</p>')
    return '<div class="units">' + "\n".join(lines) + "</div>"


def decision(made: Decision, units: Sequence[str], *, state: str, label: str) -> str:
    """Return the classifier's addition: a row for each unit, then the way to the probability.

    units: names of the S numbers of the state; state: HTML for it; label: what P is of.
    """
    rows = [
        row(safe(name), cell(h, tinted=True), cell(weight, lead="× "), cell(product, lead="= "))
        for name, h, weight, product in zip(
            units, made.state, made.kernel, made.products, strict=True
        )
    ]
    gap = '<td colspan="2"></td>'
    rows += [row("bias", gap, cell(made.bias)), row("logit", gap, cell(made.logit), kind="total")]
    if made.temperature != 1:
        by = f'<td title="{digits(made.temperature)}">÷ {made.temperature:.4f}</td>'
        rows.append(row("temperature", "<td></td>", by, cell(made.logit / made.temperature)))
    sure = f'<td title="{digits(made.probability)}">{made.probability:.4f}</td>'
    rows.append(row(f"P({label})", gap, sure, kind="total"))
    heading = f"<th></th><th>{state}</th><th>× weight</th><th>= product</th>"
    power = "logit" if made.temperature == 1 else "logit ÷ temperature"
    sigmoid = f'<p class="faint">P = sigmoid({power}) = 1 / (1 + e<sup>−{power}</sup>)</p>'
    return f"<div>{table(heading, rows)}{sigmoid}</div>"


def _products(kind: str, values: np.ndarray, weights: np.ndarray, products: np.ndarray) -> list:
    """Return a row for each value, with its product for each unit."""
    return [
        row(
            name,
            cell(value),
            *(
                cell(product, unit=unit, lead=f"<small>× {number(weight)} =</small> ")
                for unit, (weight, product) in enumerate(zip(*line, strict=True), 1)
            ),
        )
        for name, value, *line in zip(
            names(kind, len(values)), values, weights, products, strict=True
        )
    ]


def _listing(title: str, values: np.ndarray, weights: np.ndarray, products: np.ndarray) -> str:
    """Return products as lines of text: there may be thousands, and rows of tables weigh more."""
    lines = [
        f"{number(value)} × {number(weight)} = {number(product)}"
        for value, weight, product in zip(values, weights, products, strict=True)
    ]
    return f"<pre><b>{title}</b>\n" + "\n".join(lines) + "</pre>"


def _group(title: str, columns: int) -> str:
    return f'<tr class="group"><th colspan="{columns}">{title}</th></tr>'


def _tint(value: float) -> str:
    return colour(_TINT * float(np.clip(value, -1, 1)))


STYLE = """\
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
td, th { padding: .16rem .55rem; text-align: right; white-space: nowrap; font-weight: 400; }
thead th, tbody th { color: var(--faint); }
th[scope=row], .group th { text-align: left; }
.group th { padding-top: .7rem; font-size: .82rem; color: var(--faint); }
.beside { display: flex; flex-wrap: wrap; gap: .8rem 3rem; align-items: start; }
.beside > div { max-width: 100%; }
.beside p { max-width: 27rem; }
.addition small { color: var(--faint); font-size: .92em; }
.total > * { border-top: 1px solid var(--faint); font-weight: 600; }
.line { display: grid; grid-template-columns: 2.8rem repeat(5, minmax(0, 6.4rem)); margin: 0;
  font-size: .86rem; font-variant-numeric: tabular-nums; text-align: right; }
.line > * { padding: .1rem .5rem; }
.units { max-width: 35rem; }
p.line:first-child { color: var(--faint); align-items: end; }
summary.line { cursor: pointer; }
summary b::before { content: "▸"; margin-right: .3em; color: var(--faint); }
[open] > summary b::before { content: "▾"; }
summary.line:hover, tr:not(.group):hover { background: rgb(128 128 128 / .12); }
.products { display: flex; flex-wrap: wrap; gap: 0 2.5rem; padding: .2rem 0 .6rem 2.2rem; }
pre { margin: .3rem 0; font: .82rem/1.45 ui-monospace, monospace; color: var(--faint); }
@media (max-width: 700px) {
  table, .line { font-size: .75rem; }
  td, th, .line > * { padding: .16rem .2rem; }
  .line { grid-template-columns: 2rem repeat(5, minmax(0, 1fr)); }
  .products { padding-left: 0; }
}
"""
