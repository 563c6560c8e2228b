"""Summarize networks with different readouts over several seeds."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from sentiment.evaluation.review_groups import Group


@dataclass(frozen=True)
class MeanStd:
    """A mean over seeds and the sample standard deviation, None if there is one seed."""

    mean: float
    deviation: float | None


def mean_std(values: list[float]) -> MeanStd:
    """Return the mean and the sample standard deviation: 3 and √7 for 1, 2 and 6."""
    return MeanStd(fmean(values), stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class NetworkResult:
    """The measures of one trained network.

    accuracy: share of test reviews; gradients: mean norm of dL/dh_t at the first, the middle and
    the last step, read forward; by_length, by_position: the accuracy in each group of reviews.
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

    data: the name of the prepared dataset; lengths: groups by tokens; positions: groups by the
    position of the opinion in the review, from 0 to 1.
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

    def networks_with(self, readout: str) -> list[NetworkResult]:
        """Return the networks with `readout`, one for each seed."""
        return [network for network in self.networks if network.readout == readout]

    def summary(self, readout: str) -> Summary:
        """Return the measures of `readout` over all seeds."""
        networks = self.networks_with(readout)

        def over_seeds(
            measures: Callable[[NetworkResult], tuple[float, ...]],
        ) -> tuple[MeanStd, ...]:
            columns = zip(*(measures(network) for network in networks), strict=True)
            return tuple(mean_std(list(column)) for column in columns)

        return Summary(
            accuracy=mean_std([network.accuracy for network in networks]),
            gradients=over_seeds(lambda network: network.gradients),
            by_length=over_seeds(lambda network: network.by_length),
            by_position=over_seeds(lambda network: network.by_position),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object of the result."""
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
        """Return sentences that compare the readouts."""
        first, *others = self.readouts
        findings = [f"Accuracy {', '.join(self._difference(first, other) for other in others)}."]
        ratios = ", ".join(
            f"{readout} {self._gradient_ratio(readout)}" for readout in self.readouts
        )
        findings.append(f"Gradient at the first step over that at the last: {ratios}.")
        if len(self.lengths) > 1:
            change = self._change(lambda summary: summary.by_length)
            findings.append(f"From the shortest reviews to the longest accuracy {change}.")
        if len(self.positions) > 1:
            change = self._change(lambda summary: summary.by_position)
            findings.append(f"From early opinions to late ones accuracy {change}.")
        return findings

    def _difference(self, first: str, other: str) -> str:
        """Return how many points more or less accurate `other` is than `first`, seed by seed."""
        pairs = zip(self.networks_with(first), self.networks_with(other), strict=True)
        gains = [100 * (after.accuracy - before.accuracy) for before, after in pairs]
        gain = fmean(gains)
        agreeing = sum(value * gain > 0 for value in gains)
        side = "above" if gain >= 0 else "below"
        return (
            f"with {other} is {abs(gain):.2f} points {side} {first} "
            f"({side} it with {agreeing} of {len(gains)} seeds)"
        )

    def _gradient_ratio(self, readout: str) -> str:
        """Return the gradient at the first step divided by that at the last."""
        first, _, last = (part.mean for part in self.summary(readout).gradients)
        return f"{first / last:.2g}" if last else "none at the last"

    def _change(self, groups: Callable[[Summary], tuple[MeanStd, ...]]) -> str:
        """Return by how many points accuracy changes from the first group to the last."""
        changes = []
        for readout in self.readouts:
            first, *_, last = groups(self.summary(readout))
            points = 100 * (last.mean - first.mean)
            verb = "rises" if points >= 0 else "falls"
            changes.append(f"{verb} by {abs(points):.1f} points with {readout}")
        return ", ".join(changes)
