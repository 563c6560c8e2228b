"""What networks that differ in one way measured, over several seeds, and what the numbers say.

Knows numbers only; knows nothing of how they were measured or of how they are shown.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from sentiment.experiments.review_groups import Group


@dataclass(frozen=True)
class MeanStd:
    """A mean over seeds and the sample standard deviation, None where there is one seed."""

    mean: float
    deviation: float | None


def mean_std(values: list[float]) -> MeanStd:
    """Return mean and deviation: of 1, 2 and 6 they are 3 and √7."""
    return MeanStd(fmean(values), stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class NetworkResult:
    """One trained network. Accuracies are shares of test reviews, in all or in each group.

    gradients: mean norm of dL/dh_t at the first, the middle and the last step, read forward.
    """

    readout: str
    seed: int
    model: str
    run_id: str
    accuracy: float
    gradients: tuple[float, float, float]
    by_length: tuple[float, ...]
    by_position: tuple[float, ...]


@dataclass(frozen=True)
class Summary:
    """The same measures over all seeds of a readout."""

    accuracy: MeanStd
    gradients: tuple[MeanStd, ...]
    by_length: tuple[MeanStd, ...]
    by_position: tuple[MeanStd, ...]


@dataclass(frozen=True)
class AblationResult:
    """All networks, and the groups of test reviews that they were measured on.

    lengths: by tokens; positions: by where in the review the opinion stands, from 0 to 1.
    """

    data: str
    lengths: tuple[Group, ...]
    positions: tuple[Group, ...]
    networks: tuple[NetworkResult, ...]

    @property
    def readouts(self) -> list[str]:
        """The readouts in the order in which they were trained."""
        return list(dict.fromkeys(network.readout for network in self.networks))

    @property
    def seeds(self) -> list[int]:
        """The seeds that every readout was trained with."""
        return list(dict.fromkeys(network.seed for network in self.networks))

    def of(self, readout: str) -> list[NetworkResult]:
        """Return the networks with `readout`, one a seed."""
        return [network for network in self.networks if network.readout == readout]

    def summary(self, readout: str) -> Summary:
        """Return the measures of `readout` over all seeds."""
        networks = self.of(readout)

        def spreads(measures: Callable[[NetworkResult], tuple[float, ...]]) -> tuple[MeanStd, ...]:
            columns = zip(*(measures(network) for network in networks), strict=True)
            return tuple(mean_std(list(column)) for column in columns)

        return Summary(
            accuracy=mean_std([network.accuracy for network in networks]),
            gradients=spreads(lambda network: network.gradients),
            by_length=spreads(lambda network: network.by_length),
            by_position=spreads(lambda network: network.by_position),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "data": self.data,
            "seeds": self.seeds,
            "lengths": [asdict(group) for group in self.lengths],
            "positions": [asdict(group) for group in self.positions],
            "readouts": {readout: asdict(self.summary(readout)) for readout in self.readouts},
            "networks": [asdict(network) for network in self.networks],
            "findings": self.findings(),
        }

    def findings(self) -> list[str]:
        """Return in sentences what the numbers say."""
        first, *others = self.readouts
        told = [f"Accuracy {', '.join(self._against(first, other) for other in others)}."]
        reach = ", ".join(f"{readout} {self._reach(readout)}" for readout in self.readouts)
        told.append(f"Gradient at the first step over that at the last: {reach}.")
        if len(self.lengths) > 1:
            change = self._change(lambda summary: summary.by_length)
            told.append(f"From the shortest reviews to the longest accuracy {change}.")
        if len(self.positions) > 1:
            change = self._change(lambda summary: summary.by_position)
            told.append(f"From opinions that stand early to those that stand late it {change}.")
        return told

    def _against(self, first: str, other: str) -> str:
        """Return how much more accurate `other` is than `first`, seed by seed."""
        pairs = zip(self.of(first), self.of(other), strict=True)
        gains = [100 * (right.accuracy - left.accuracy) for left, right in pairs]
        gain = fmean(gains)
        agreeing = sum(value * gain > 0 for value in gains)
        side = "above" if gain >= 0 else "below"
        return (
            f"with {other} is {abs(gain):.2f} points {side} {first} "
            f"({side} it with {agreeing} of {len(gains)} seeds)"
        )

    def _reach(self, readout: str) -> str:
        """Return how large the gradient at the first step is beside that at the last."""
        first, _, last = (part.mean for part in self.summary(readout).gradients)
        return f"{first / last:.2g}" if last else "none at the last"

    def _change(self, groups: Callable[[Summary], tuple[MeanStd, ...]]) -> str:
        """Return by how many points accuracy changes from the first group to the last."""
        parts = []
        for readout in self.readouts:
            first, *_, last = groups(self.summary(readout))
            points = 100 * (last.mean - first.mean)
            verb = "rises" if points >= 0 else "falls"
            parts.append(f"{verb} by {abs(points):.1f} points with {readout}")
        return ", ".join(parts)
