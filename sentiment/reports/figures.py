"""Snapshots as pictures, of one size and in one order in every run, to be laid side by side.

Knows Matplotlib and snapshots; knows nothing of where pictures go. All pictures are uint8
(height, width, 3). A kind of picture is made for the first snapshot of a run and draws those that
follow, which are of the same probes and of as many units.
"""

from itertools import pairwise
from typing import Protocol

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.text import Text

from sentiment.inspection.probes import NO_OPINION
from sentiment.inspection.snapshots import Snapshot
from sentiment.utils.colors import NEGATIVE, POSITIVE

REACH = (1.0, 0.6)  # of the projection's axes; what is beyond stands on the border
_COLOURS = {
    1: tuple(np.array(POSITIVE) / 255),
    0: tuple(np.array(NEGATIVE) / 255),
    NO_OPINION: (0.4, 0.4, 0.4),
}
_BOTH = LinearSegmentedColormap.from_list("sentiment", [_COLOURS[0], "white", _COLOURS[1]])
_WORDS = 15  # of a sentence that have a cell, the last ones
_LETTERS = 11  # of a word that fit into its cell


class SnapshotFigure(Protocol):
    """A kind of picture."""

    def draw(self, snapshot: Snapshot, title: str) -> np.ndarray:
        """Return the picture of a snapshot."""


class CachedFigure:
    """A figure of which some artists change from picture to picture, and the rest is drawn once.

    Drawn anew each time, pictures would take four times as long.
    """

    def __init__(self, figure: Figure, title: Text, changing: list[Artist]):
        self._canvas = FigureCanvasAgg(figure)
        self._figure, self._title = figure, title
        self._changing = [title, *changing]
        for artist in self._changing:
            artist.set_animated(True)
        self._canvas.draw()
        self._rest = self._canvas.copy_from_bbox(figure.bbox)

    def pixels(self, title: str) -> np.ndarray:
        """Return the picture with its artists as they are now."""
        self._title.set_text(title)
        self._canvas.restore_region(self._rest)
        for artist in self._changing:
            self._figure.draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[:, :, :3].copy()


class HiddenStatesFigure:
    """The final states, a row for each probe, beside what the classifier makes of them."""

    def __init__(self, snapshot: Snapshot):
        figure = Figure(figsize=(8, 7), dpi=100)
        left = figure.add_axes((0.13, 0.07, 0.57, 0.87))
        right = figure.add_axes((0.72, 0.07, 0.12, 0.87), sharey=left)
        probes, units = snapshot.probes, snapshot.states.shape[1]
        self._image = left.imshow(
            snapshot.states, cmap=_BOTH, vmin=-1, vmax=1, aspect="auto", interpolation="nearest"
        )
        negative = int((probes.labels[: probes.reviews] == 0).sum())
        blocks = [0, negative, probes.reviews, len(probes.texts)]
        borders = [
            axes.axhline(border - 0.5, color="black", linewidth=1.5)
            for border in blocks[1:-1]
            for axes in (left, right)
        ]
        names = ["negative\nreviews", "positive\nreviews", "sentences"]
        middles = [(low + high - 1) / 2 for low, high in pairwise(blocks)]
        left.set_yticks(middles, names, fontsize=9)
        shown = range(0, units, max(1, units // 8))
        left.set_xticks(shown, [f"h{unit + 1}" for unit in shown], fontsize=8)
        colours = [_COLOURS[int(label)] for label in probes.labels]
        places = np.arange(len(probes.texts))
        self._bars = right.hlines(places, 0, snapshot.probabilities, colours, linewidth=4.5)
        right.axvline(0.5, color="black", linewidth=0.8)
        right.set(xlim=(0, 1))
        right.set_xticks([0, 0.5, 1], ["0", "½", "1"], fontsize=8)
        right.tick_params(axis="y", left=False, labelleft=False)
        right.set_title("P(positive)", fontsize=9)
        bar = figure.colorbar(
            self._image, cax=figure.add_axes((0.88, 0.2, 0.02, 0.6)), ticks=[-1, 0, 1]
        )
        bar.ax.tick_params(labelsize=8)
        title = left.set_title("", fontsize=11)
        self._plate = CachedFigure(figure, title, [self._image, self._bars, *borders])

    def draw(self, snapshot: Snapshot, title: str) -> np.ndarray:
        """Return the picture of a snapshot."""
        self._image.set_data(snapshot.states)
        self._bars.set_segments(
            [[(0, place), (value, place)] for place, value in enumerate(snapshot.probabilities)]
        )
        return self._plate.pixels(title)


class ProjectionFigure:
    """The final states in two dimensions, reviews as discs and sentences as numbers."""

    def __init__(self, snapshot: Snapshot):
        figure = Figure(figsize=(8, 5.2), dpi=100)
        plane = figure.add_axes((0.06, 0.07, 0.92, 0.86))
        probes = snapshot.probes
        colours = [_COLOURS[int(label)] for label in probes.labels]
        nowhere = np.zeros(probes.reviews)
        self._reviews = plane.scatter(
            nowhere, nowhere, s=26, color=colours[: probes.reviews], alpha=0.65
        )
        self._sentences = [
            plane.text(
                0,
                0,
                str(number),
                fontsize=7.5,
                ha="center",
                va="center",
                bbox={"boxstyle": "circle", "facecolor": "white", "edgecolor": colours[place]},
            )
            for number, place in enumerate(probes.sentences, 1)
        ]
        for label, name in ((0, "negative reviews"), (1, "positive reviews")):
            plane.scatter([], [], s=26, color=_COLOURS[label], alpha=0.65, label=name)
        plane.axhline(0, color="#cccccc", linewidth=0.8)
        plane.axvline(0, color="#cccccc", linewidth=0.8)
        plane.set(xlim=(-REACH[0], REACH[0]), ylim=(-REACH[1], REACH[1]))
        plane.tick_params(labelsize=8)
        plane.legend(loc="upper right", fontsize=8)
        title = plane.set_title("", fontsize=11)
        self._plate = CachedFigure(figure, title, [self._reviews, *self._sentences])

    def draw(self, snapshot: Snapshot, title: str) -> np.ndarray:
        """Return the picture of a snapshot."""
        points = np.clip(snapshot.points, np.negative(REACH), REACH)
        self._reviews.set_offsets(points[: snapshot.probes.reviews])
        for text, point in zip(self._sentences, points[snapshot.probes.reviews :], strict=True):
            text.set_position(point)
        return self._plate.pixels(title)


class SentencesFigure:
    """The sentences word by word, each word coloured by P(positive) after it."""

    def __init__(self, snapshot: Snapshot):
        probes = snapshot.probes
        figure, panel = self._panel(len(probes.sentences))
        self._image = panel.imshow(
            np.full((len(probes.sentences), _WORDS + 1), np.nan),
            cmap=_BOTH, vmin=0, vmax=1, aspect="auto", interpolation="nearest",
        )  # fmt: skip
        gap = panel.axvline(_WORDS - 0.5, color="white", linewidth=6)
        self._said = [
            panel.text(_WORDS, row, "", fontsize=8.5, ha="center", va="center")
            for row in range(len(probes.sentences))
        ]
        names = [
            f"{number} {probes.ids[place]}" for number, place in enumerate(probes.sentences, 1)
        ]
        panel.set_yticks(range(len(names)), names, fontsize=8)
        for tick, place in zip(panel.get_yticklabels(), probes.sentences, strict=True):
            tick.set_color(_COLOURS[int(probes.labels[place])])
        title = panel.set_title("", fontsize=11)
        self._plate = CachedFigure(figure, title, [self._image, gap, *self._said])
        self._ink = self._words(snapshot)

    def _panel(self, rows: int) -> tuple[Figure, Axes]:
        figure = Figure(figsize=(11, 5), dpi=100)
        panel = figure.add_axes((0.13, 0.02, 0.85, 0.91))
        panel.set(xticks=(), xlim=(-0.5, _WORDS + 0.5), ylim=(rows - 0.5, -0.5))
        panel.spines[:].set_visible(False)
        panel.tick_params(axis="y", length=0)
        return figure, panel

    def _words(self, snapshot: Snapshot) -> np.ndarray:
        """Draw the words alone, black on white: they stay, and the colours below them change."""
        figure, panel = self._panel(len(snapshot.probes.sentences))
        panel.axis("off")
        for row, place in enumerate(snapshot.probes.sentences):
            walk = snapshot.walks.get(snapshot.probes.ids[place])
            for column, word in enumerate(walk.trace.tokens[-_WORDS:] if walk else []):
                short = word if len(word) <= _LETTERS else f"{word[: _LETTERS - 1]}…"
                panel.text(column, row, short, fontsize=7.5, ha="center", va="center")
        return CachedFigure(figure, panel.set_title(""), []).pixels("")

    def draw(self, snapshot: Snapshot, title: str) -> np.ndarray:
        """Return the picture of a snapshot."""
        probes = snapshot.probes
        shown = np.full((len(probes.sentences), _WORDS + 1), np.nan)
        for row, place in enumerate(probes.sentences):
            if walk := snapshot.walks.get(probes.ids[place]):
                said = walk.trace.probabilities[-_WORDS:]
                shown[row, : len(said)] = said
            shown[row, _WORDS] = snapshot.probabilities[place]
            self._said[row].set_text(f"{shown[row, _WORDS]:.2f}")
        self._image.set_data(shown)
        coloured = self._plate.pixels(title)
        return (coloured.astype(np.uint16) * self._ink // 255).astype(np.uint8)


def state_image(states: np.ndarray, height: int = 120, width: int = 256) -> np.ndarray:
    """Draw how the state goes through a text: a row for each unit, a column for each word.

    states: float32 (T, S), T above 0; brought to `height` × `width` pixels by repeating or leaving
    out rows and columns. Below them is white, up to a square: MLflow's tables lay every picture in
    the middle of one, and show its upper half.
    """
    rows = np.arange(height) * states.shape[1] // height
    columns = np.arange(width) * states.shape[0] // width
    values = states.T[np.ix_(rows, columns)][..., None]
    away = np.where(values > 0, POSITIVE, NEGATIVE)
    pixels = np.rint(255 + (away - 255) * np.abs(values)).astype(np.uint8)
    return np.pad(pixels, ((0, width - height), (0, 0), (0, 0)), constant_values=255)
