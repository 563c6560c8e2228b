"""Draw snapshots as images of one size and order in every run, to compare side by side.

All images are uint8 (height, width, 3). A figure is made for the first snapshot of a run, and draws
the later ones too, which have the same probes and the same number of units.
"""

from itertools import pairwise
from typing import Protocol

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.text import Text

from sentiment.data.labels import NEGATIVE, POSITIVE, UNLABELLED
from sentiment.inspection.snapshots import Snapshot
from sentiment.reports import plane
from sentiment.utils import colors

_LABEL_COLORS = {
    POSITIVE: tuple(np.array(colors.POSITIVE) / 255),
    NEGATIVE: tuple(np.array(colors.NEGATIVE) / 255),
    UNLABELLED: (0.4, 0.4, 0.4),
}
_UNIT_COLORS = LinearSegmentedColormap.from_list(
    "unit",
    [colors.hex_color(colors.UNIT_NEGATIVE), "white", colors.hex_color(colors.UNIT_POSITIVE)],
)
_COLORMAP = LinearSegmentedColormap.from_list(
    "sentiment", [_LABEL_COLORS[NEGATIVE], "white", _LABEL_COLORS[POSITIVE]]
)
_MAX_WORDS = 15  # words of a sentence that have a cell, the last ones
_MAX_WORD_LENGTH = 11  # characters of a word that fit into its cell


class SnapshotFigure(Protocol):
    """A kind of figure."""

    def draw(self, snapshot: Snapshot, title: str) -> np.ndarray:
        """Return the image of a snapshot."""


class CachedFigure:
    """A figure that redraws only the artists that change between images.

    Drawing everything would take four times as long.
    """

    def __init__(self, figure: Figure, title: Text, changing: list[Artist]):
        self._canvas = FigureCanvasAgg(figure)
        self._figure, self._title = figure, title
        self._changing = [title, *changing]
        for artist in self._changing:
            artist.set_animated(True)
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(figure.bbox)

    def pixels(self, title: str) -> np.ndarray:
        """Return the image with the present state of its artists."""
        self._title.set_text(title)
        self._canvas.restore_region(self._background)
        for artist in self._changing:
            self._figure.draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[:, :, :3].copy()


class HiddenStatesFigure:
    """The final states, a row for each probe, beside P(positive) of each."""

    def __init__(self, snapshot: Snapshot):
        figure = Figure(figsize=(8, 7), dpi=100)
        left = figure.add_axes((0.13, 0.07, 0.57, 0.87))
        right = figure.add_axes((0.72, 0.07, 0.12, 0.87), sharey=left)
        self._image = left.imshow(
            snapshot.states,
            cmap=_UNIT_COLORS,
            vmin=-1,
            vmax=1,
            aspect="auto",
            interpolation="nearest",
        )
        borders = self._label_rows(snapshot, left, right)
        units = snapshot.states.shape[1]
        ticks = range(0, units, max(1, units // 8))
        left.set_xticks(ticks, [f"h{unit + 1}" for unit in ticks], fontsize=8)
        self._bars = self._add_bars(snapshot, right)
        color_bar = figure.colorbar(
            self._image, cax=figure.add_axes((0.88, 0.2, 0.02, 0.6)), ticks=[-1, 0, 1]
        )
        color_bar.ax.tick_params(labelsize=8)
        title = left.set_title("", fontsize=11)
        self._cached = CachedFigure(figure, title, [self._image, self._bars, *borders])

    @staticmethod
    def _label_rows(snapshot: Snapshot, left: Axes, right: Axes) -> list[Artist]:
        """Name the three blocks of rows; return the lines between them."""
        probes = snapshot.probes
        negative = int((probes.labels[: probes.reviews] == NEGATIVE).sum())
        edges = [0, negative, probes.reviews, len(probes.texts)]
        names = ["negative\nreviews", "positive\nreviews", "sentences"]
        middles = [(start + end - 1) / 2 for start, end in pairwise(edges)]
        left.set_yticks(middles, names, fontsize=9)
        return [
            axes.axhline(edge - 0.5, color="black", linewidth=1.5)
            for edge in edges[1:-1]
            for axes in (left, right)
        ]

    @staticmethod
    def _add_bars(snapshot: Snapshot, axes: Axes) -> LineCollection:
        probes = snapshot.probes
        label_colors = [_LABEL_COLORS[int(label)] for label in probes.labels]
        rows = np.arange(len(probes.texts))
        bars = axes.hlines(rows, 0, snapshot.probabilities, label_colors, linewidth=4.5)
        axes.axvline(0.5, color="black", linewidth=0.8)
        axes.set(xlim=(0, 1))
        axes.set_xticks([0, 0.5, 1], ["0", "½", "1"], fontsize=8)
        axes.tick_params(axis="y", left=False, labelleft=False)
        axes.set_title("P(positive)", fontsize=9)
        return bars

    def draw(self, snapshot: Snapshot, title: str) -> np.ndarray:
        """Return the image of a snapshot."""
        self._image.set_data(snapshot.states)
        self._bars.set_segments(
            [[(0, row), (value, row)] for row, value in enumerate(snapshot.probabilities)]
        )
        return self._cached.pixels(title)


class ProjectionFigure:
    """The final states in two dimensions, reviews as discs and sentences as numbers."""

    def __init__(self, snapshot: Snapshot):
        figure = Figure(figsize=(8, 5.2), dpi=100)
        axes = figure.add_axes((0.06, 0.07, 0.92, 0.86))
        probes = snapshot.probes
        label_colors = [_LABEL_COLORS[int(label)] for label in probes.labels]
        zeros = np.zeros(probes.reviews)  # `draw` sets the positions
        self._reviews = axes.scatter(
            zeros, zeros, s=26, color=label_colors[: probes.reviews], alpha=0.65
        )
        self._sentences = [
            axes.text(
                0,
                0,
                str(number),
                fontsize=7.5,
                ha="center",
                va="center",
                bbox={"boxstyle": "circle", "facecolor": "white", "edgecolor": label_colors[row]},
            )
            for number, row in enumerate(probes.sentences, 1)
        ]
        for label, name in ((NEGATIVE, "negative reviews"), (POSITIVE, "positive reviews")):
            axes.scatter([], [], s=26, color=_LABEL_COLORS[label], alpha=0.65, label=name)
        axes.axhline(0, color="#cccccc", linewidth=0.8)
        axes.axvline(0, color="#cccccc", linewidth=0.8)
        x_limit, y_limit = plane.LIMITS
        axes.set(xlim=(-x_limit, x_limit), ylim=(-y_limit, y_limit))
        axes.tick_params(labelsize=8)
        axes.legend(loc="upper right", fontsize=8)
        title = axes.set_title("", fontsize=11)
        self._cached = CachedFigure(figure, title, [self._reviews, *self._sentences])

    def draw(self, snapshot: Snapshot, title: str) -> np.ndarray:
        """Return the image of a snapshot."""
        points = plane.clip(snapshot.points)
        self._reviews.set_offsets(points[: snapshot.probes.reviews])
        for text, point in zip(self._sentences, points[snapshot.probes.reviews :], strict=True):
            text.set_position(point)
        return self._cached.pixels(title)


class SentencesFigure:
    """The sentences word by word, each word coloured by P(positive) after it."""

    def __init__(self, snapshot: Snapshot):
        probes = snapshot.probes
        figure, axes = self._empty_table(len(probes.sentences))
        self._image = axes.imshow(
            np.full((len(probes.sentences), _MAX_WORDS + 1), np.nan),
            cmap=_COLORMAP, vmin=0, vmax=1, aspect="auto", interpolation="nearest",
        )  # fmt: skip
        gap = axes.axvline(_MAX_WORDS - 0.5, color="white", linewidth=6)
        self._probabilities = [
            axes.text(_MAX_WORDS, row, "", fontsize=8.5, ha="center", va="center")
            for row in range(len(probes.sentences))
        ]
        names = [f"{number} {probes.ids[row]}" for number, row in enumerate(probes.sentences, 1)]
        axes.set_yticks(range(len(names)), names, fontsize=8)
        for tick, row in zip(axes.get_yticklabels(), probes.sentences, strict=True):
            tick.set_color(_LABEL_COLORS[int(probes.labels[row])])
        title = axes.set_title("", fontsize=11)
        self._cached = CachedFigure(figure, title, [self._image, gap, *self._probabilities])
        self._words = self._draw_words(snapshot)

    @staticmethod
    def _empty_table(rows: int) -> tuple[Figure, Axes]:
        figure = Figure(figsize=(11, 5), dpi=100)
        axes = figure.add_axes((0.13, 0.02, 0.85, 0.91))
        axes.set(xticks=(), xlim=(-0.5, _MAX_WORDS + 0.5), ylim=(rows - 0.5, -0.5))
        axes.spines[:].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return figure, axes

    def _draw_words(self, snapshot: Snapshot) -> np.ndarray:
        """Return an image of the words alone, black on white; only colours change below them."""
        figure, axes = self._empty_table(len(snapshot.probes.sentences))
        axes.axis("off")
        for table_row, row in enumerate(snapshot.probes.sentences):
            path = snapshot.walks.get(snapshot.probes.ids[row])
            for column, word in enumerate(path.trace.tokens[-_MAX_WORDS:] if path else []):
                fits = len(word) <= _MAX_WORD_LENGTH
                short = word if fits else f"{word[: _MAX_WORD_LENGTH - 1]}…"
                axes.text(column, table_row, short, fontsize=7.5, ha="center", va="center")
        return CachedFigure(figure, axes.set_title(""), []).pixels("")

    def draw(self, snapshot: Snapshot, title: str) -> np.ndarray:
        """Return the image of a snapshot."""
        probes = snapshot.probes
        cells = np.full((len(probes.sentences), _MAX_WORDS + 1), np.nan)
        for table_row, row in enumerate(probes.sentences):
            if path := snapshot.walks.get(probes.ids[row]):
                after_each = path.trace.probabilities[-_MAX_WORDS:]
                cells[table_row, : len(after_each)] = after_each
            cells[table_row, _MAX_WORDS] = snapshot.probabilities[row]
            self._probabilities[table_row].set_text(f"{cells[table_row, _MAX_WORDS]:.2f}")
        self._image.set_data(cells)
        colored = self._cached.pixels(title)
        return (colored.astype(np.uint16) * self._words // 255).astype(np.uint8)


def state_image(states: np.ndarray, height: int = 120, width: int = 256) -> np.ndarray:
    """Return how the state changes through a text, as an image of width × width pixels.

    states: float32 (T, S), T above 0; each unit is a row and each word a column, repeated or left
    out to fill `height` × `width` pixels. The rest is white: MLflow's tables centre every image in
    a square and show the upper half of it.
    """
    rows = np.arange(height) * states.shape[1] // height
    columns = np.arange(width) * states.shape[0] // width
    values = states.T[np.ix_(rows, columns)][..., None]
    hue = np.where(values > 0, colors.UNIT_POSITIVE, colors.UNIT_NEGATIVE)
    pixels = np.rint(255 + (hue - 255) * np.abs(values)).astype(np.uint8)
    return np.pad(pixels, ((0, width - height), (0, 0), (0, 0)), constant_values=255)
