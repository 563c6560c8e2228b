"""Hidden states of fixed probe reviews, as arrays, as a table and as a picture.

Knows NumPy and Matplotlib; knows nothing of Keras or of where a snapshot goes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

PROBES = 64
_EXCERPT = 120  # characters of a review that a table shows


@dataclass(frozen=True)
class Snapshot:
    """The final states of the probes.

    states: float32 (N, S); labels: int8 (N,); probabilities: float32 (N,), of positive;
    texts: the N reviews, for reading.
    """

    states: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    texts: tuple[str, ...]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by the names that they are stored under."""
        return {"states": self.states, "labels": self.labels, "probabilities": self.probabilities}

    def table(self) -> dict[str, list[Any]]:
        """Return columns: sample | h1 … hS | probability | label."""
        samples = [f"{place:02d} {text[:_EXCERPT]}" for place, text in enumerate(self.texts)]
        columns: dict[str, list[Any]] = {"sample": samples}
        for unit, values in enumerate(self.states.T, 1):
            columns[f"h{unit}"] = [round(float(value), 4) for value in values]
        columns["probability"] = [round(float(value), 4) for value in self.probabilities]
        columns["label"] = ["positive" if label else "negative" for label in self.labels]
        return columns


def choose_probes(labels: np.ndarray, lengths: np.ndarray, count: int = PROBES) -> np.ndarray:
    """Return rows of probes: as many of each label as can be, from the shortest to the longest.

    They depend on the reviews alone, so that every run on the same data has the same. Negative
    ones come first.
    """
    chosen = []
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        places = np.linspace(0, len(rows) - 1, min(count // 2, len(rows))).astype(int)
        chosen.append(rows[places])
    return np.concatenate(chosen)


def picture(snapshot: Snapshot, title: str) -> np.ndarray:
    """Draw the states, a row for each probe, beside their probabilities; uint8 (height, width, 3).

    The size and the order are the same for every run, so that pictures can be laid side by side.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(6, 1), sharey=True)
    image = left.imshow(
        snapshot.states, cmap="RdBu", vmin=-1, vmax=1, aspect="auto", interpolation="nearest"
    )
    border = int((snapshot.labels == 0).sum())
    left.axhline(border - 0.5, color="black", linewidth=1.5)
    left.set_title(title)
    left.set_xlabel("hidden unit")
    units = snapshot.states.shape[1]
    shown = range(0, units, max(1, units // 8))
    left.set_xticks(shown, [f"h{unit + 1}" for unit in shown])
    middles = [border / 2, (border + len(snapshot.labels)) / 2]
    left.set_yticks(middles, ["negative\nreviews", "positive\nreviews"])
    right.barh(
        np.arange(len(snapshot.labels)),
        snapshot.probabilities,
        color=["#b2182b" if label == 0 else "#2166ac" for label in snapshot.labels],
    )
    right.axvline(0.5, color="black", linewidth=0.8)
    right.set_xlim(0, 1)
    right.set_title("P(positive)", fontsize=9)
    figure.colorbar(image, ax=[left, right], shrink=0.6, label="final state")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
