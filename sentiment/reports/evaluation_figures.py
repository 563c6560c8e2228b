"""Draw the results of an evaluation as images, uint8 (height, width, 3)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sentiment.data.labels import LABEL_NAMES, NEGATIVE, POSITIVE
from sentiment.utils import colors

_BLUE = colors.hex_color(colors.POSITIVE)
_GREY = "#999999"


def confusion_figure(confusion: Sequence[Sequence[int]]) -> np.ndarray:
    """Draw [[TN, FP], [FN, TP]]: rows are labels, columns are predictions."""
    figure, axes = _figure("Confusion matrix")
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.4)
    for row, column in np.ndindex(2, 2):
        text = f"{counts[row, column]:,}\n{100 * shares[row, column]:.1f} %"
        axes.text(column, row, text, ha="center", va="center", fontsize=13)
    names = [LABEL_NAMES[label] for label in (NEGATIVE, POSITIVE)]
    axes.set_xticks([0, 1], [f"predicted {name}" for name in names])
    axes.set_yticks([0, 1], [f"labelled {name}" for name in names], rotation=90, va="center")
    return _pixels(figure)


def curve_figure(
    title: str, points: np.ndarray, x: str, y: str, *, diagonal: bool = False
) -> np.ndarray:
    """Draw a curve through points, float (P, 2), between 0 and 1; x and y name the axes.

    diagonal: also draw the diagonal, which is chance or perfect calibration.
    """
    figure, axes = _figure(title)
    if diagonal:
        axes.plot([0, 1], [0, 1], color=_GREY, linestyle="dotted")
    marker = "o" if len(points) < 20 else None
    axes.plot(points[:, 0], points[:, 1], color=_BLUE, linewidth=2, marker=marker)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x, ylabel=y)
    return _pixels(figure)


def group_figure(
    title: str, names: Sequence[str], intervals: np.ndarray, x: str, total: float
) -> np.ndarray:
    """Draw the accuracy of groups with their intervals.

    intervals: (accuracy, low, high) of each group, float (G, 3); total: the accuracy of all, a
    dotted line.
    """
    figure, axes = _figure(title)
    middle, low, high = intervals.T
    places = np.arange(len(names))
    errors = np.maximum([middle - low, high - middle], 0)  # rounding may be below 0
    axes.axhline(total, color=_GREY, linestyle="dotted")
    axes.errorbar(places, middle, errors, color=_BLUE, fmt="o", capsize=5, linewidth=2)
    axes.set_xticks(places, names)
    axes.set(xlabel=x, ylabel="accuracy, with its 95 % interval", xlim=(-0.5, len(names) - 0.5))
    return _pixels(figure)


def _figure(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6, 5), dpi=100)
    axes = figure.add_axes((0.15, 0.13, 0.81, 0.78))
    axes.set_title(title, fontsize=11)
    axes.tick_params(labelsize=9)
    return figure, axes


def _pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
