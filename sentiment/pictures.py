"""Snapshots as pictures, of one size and in one order in every run, to be laid side by side.

Knows Matplotlib and snapshots; knows nothing of where pictures go. All pictures are uint8
(height, width, 3).
"""

from itertools import pairwise

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from sentiment.drawing import NEGATIVE, POSITIVE
from sentiment.probes import NO_OPINION
from sentiment.snapshots import Snapshot

REACH = (1.0, 0.6)  # of the projection's axes; what is beyond stands on the border
_COLOURS = {
    1: tuple(np.array(POSITIVE) / 255),
    0: tuple(np.array(NEGATIVE) / 255),
    NO_OPINION: (0.4, 0.4, 0.4),
}
_BOTH = LinearSegmentedColormap.from_list("sentiment", [_COLOURS[0], "white", _COLOURS[1]])
_WORDS = 15  # of a sentence that have a cell, the last ones
_LETTERS = 11  # of a word that fit into its cell


def states(snapshot: Snapshot, title: str) -> np.ndarray:
    """Draw the final states, a row for each probe, beside what the classifier makes of them."""
    figure = _figure(8, 7)
    left = figure.add_axes((0.13, 0.07, 0.57, 0.87))
    right = figure.add_axes((0.72, 0.07, 0.12, 0.87), sharey=left)
    image = left.imshow(
        snapshot.states, cmap=_BOTH, vmin=-1, vmax=1, aspect="auto", interpolation="nearest"
    )
    probes = snapshot.probes
    negative = int((probes.labels[: probes.reviews] == 0).sum())
    blocks = [0, negative, probes.reviews, len(probes.texts)]
    for border in blocks[1:-1]:
        left.axhline(border - 0.5, color="black", linewidth=1.5)
        right.axhline(border - 0.5, color="black", linewidth=1.5)
    names = ["negative\nreviews", "positive\nreviews", "sentences"]
    middles = [(low + high - 1) / 2 for low, high in pairwise(blocks)]
    left.set_yticks(middles, names, fontsize=9)
    units = snapshot.states.shape[1]
    shown = range(0, units, max(1, units // 8))
    left.set_xticks(shown, [f"h{unit + 1}" for unit in shown], fontsize=8)
    left.set_title(title, fontsize=11)
    colours = [_COLOURS[int(label)] for label in probes.labels]
    right.barh(np.arange(len(probes.texts)), snapshot.probabilities, color=colours)
    right.axvline(0.5, color="black", linewidth=0.8)
    right.set_xlim(0, 1)
    right.set_xticks([0, 0.5, 1], ["0", "½", "1"], fontsize=8)
    right.tick_params(axis="y", left=False, labelleft=False)
    right.set_title("P(positive)", fontsize=9)
    bar = figure.colorbar(image, cax=figure.add_axes((0.88, 0.2, 0.02, 0.6)), ticks=[-1, 0, 1])
    bar.ax.tick_params(labelsize=8)
    return _pixels(figure)


def projection(snapshot: Snapshot, title: str) -> np.ndarray:
    """Draw the final states in two dimensions, reviews as discs and sentences as numbers."""
    figure = _figure(8, 5.2)
    plane = figure.add_axes((0.06, 0.07, 0.92, 0.86))
    points = np.clip(snapshot.points, np.negative(REACH), REACH)
    probes = snapshot.probes
    for label, name in ((0, "negative reviews"), (1, "positive reviews")):
        rows = np.flatnonzero(probes.labels[: probes.reviews] == label)
        x, y = points[rows].T
        plane.scatter(x, y, s=26, color=_COLOURS[label], alpha=0.65, label=name)
    for number, place in enumerate(probes.sentences, 1):
        colour = _COLOURS[int(probes.labels[place])]
        x, y = points[place]
        plane.text(
            x,
            y,
            str(number),
            fontsize=7.5,
            ha="center",
            va="center",
            bbox={"boxstyle": "circle,pad=0.25", "facecolor": "white", "edgecolor": colour},
        )
    plane.axhline(0, color="#cccccc", linewidth=0.8, zorder=0)
    plane.axvline(0, color="#cccccc", linewidth=0.8, zorder=0)
    plane.set(xlim=(-REACH[0], REACH[0]), ylim=(-REACH[1], REACH[1]))
    plane.tick_params(labelsize=8)
    plane.legend(loc="upper right", fontsize=8)
    plane.set_title(title, fontsize=11)
    return _pixels(figure)


def sentences(snapshot: Snapshot, title: str) -> np.ndarray:
    """Draw the sentences word by word, each word coloured by P(positive) after it."""
    figure = _figure(11, 5)
    panel = figure.add_axes((0.13, 0.02, 0.85, 0.91))
    probes = snapshot.probes
    said = np.full((len(probes.sentences), _WORDS + 1), np.nan)
    for row, place in enumerate(probes.sentences):
        walk = snapshot.walks.get(probes.ids[place])
        words = walk.trace.tokens[-_WORDS:] if walk else []
        said[row, : len(words)] = walk.trace.probabilities[-_WORDS:] if walk else []
        said[row, _WORDS] = snapshot.probabilities[place]
        for column, word in enumerate(words):
            short = word if len(word) <= _LETTERS else f"{word[: _LETTERS - 1]}…"
            panel.text(column, row, short, fontsize=7.5, ha="center", va="center")
        panel.text(_WORDS, row, f"{said[row, _WORDS]:.2f}", fontsize=8.5, ha="center", va="center")
    panel.imshow(said, cmap=_BOTH, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    panel.axvline(_WORDS - 0.5, color="white", linewidth=6)
    names = [f"{number} {probes.ids[place]}" for number, place in enumerate(probes.sentences, 1)]
    panel.set_yticks(range(len(said)), names, fontsize=8)
    for tick, place in zip(panel.get_yticklabels(), probes.sentences, strict=True):
        tick.set_color(_COLOURS[int(probes.labels[place])])
    panel.set_xticks(())
    panel.set_title(title, fontsize=11)
    return _pixels(figure)


def path(states: np.ndarray, height: int = 64, width: int = 256) -> np.ndarray:
    """Draw how the state goes through a text: a row for each unit, a column for each word.

    states: float32 (T, S), T above 0; brought to `height` × `width` pixels by repeating or leaving
    out rows and columns.
    """
    rows = np.arange(height) * states.shape[1] // height
    columns = np.arange(width) * states.shape[0] // width
    values = states.T[np.ix_(rows, columns)][..., None]
    away = np.where(values > 0, POSITIVE, NEGATIVE)
    return np.rint(255 + (away - 255) * np.abs(values)).astype(np.uint8)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=100)
    FigureCanvasAgg(figure)
    return figure


def _pixels(figure: Figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3].copy()  # type: ignore[attr-defined]
