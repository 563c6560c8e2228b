"""The options of `sentiment predict` that say which probability has which label."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentiment.cli._help import HelpCommand
from sentiment.cli._terminal import print_message
from sentiment.errors import InputError

if TYPE_CHECKING:
    from sentiment.inference.bundle import Bundle
    from sentiment.inference.predict import LabelRule

AUTO = "auto"
_TYPICAL = "--neutral 0.3 0.7"  # about what models get

ThresholdOption = Annotated[
    float,
    typer.Option(
        metavar="X", min=0, max=1, help="lowest probability, P(positive), of a positive text"
    ),
]
NeutralOption = Annotated[
    tuple[str, str] | None,
    typer.Option(
        metavar="LOW HIGH|auto",
        help="probabilities between which a text is neutral, such as 0.3 0.7; auto: the model's "
        "own, outside of which 9 of 10 short texts were right",
    ),
]


class NeutralCommand(HelpCommand):
    """A command whose option --neutral takes two numbers, or the one word auto."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line. An option has a fixed number of values: auto counts twice."""
        end = args.index("--") if "--" in args else len(args)
        words: list[str] = []
        for word in args[:end]:
            if word == f"--neutral={AUTO}":
                words += ["--neutral", AUTO, AUTO]
            elif word == AUTO and words[-1:] == ["--neutral"]:
                words += [AUTO, AUTO]
            else:
                words.append(word)
        return super().parse_args(ctx, words + args[end:])


def is_auto(neutral: tuple[str, str] | None) -> bool:
    """Return True if the band is that of the model."""
    return neutral == (AUTO, AUTO)


def check_rule(threshold: float, neutral: tuple[str, str] | None) -> "LabelRule":
    """Return the rule that was typed; with the band of a model, one without a band.

    Raises a usage error if these are no probabilities.
    """
    from sentiment.inference.predict import LabelRule

    if not 0 <= threshold <= 1:  # NaN, which Typer's range lets pass
        raise typer.BadParameter(f"expected 0 to 1, got {threshold}", param_hint="--threshold")
    if neutral is None:
        return LabelRule(threshold)
    band = None if is_auto(neutral) else _parse_band(neutral)
    if threshold != 0.5:
        raise typer.BadParameter("--neutral replaces --threshold: give only one of them")
    return LabelRule(neutral=band)


def _parse_band(words: tuple[str, str]) -> tuple[float, float]:
    try:
        low, high = map(float, words)
    except ValueError:
        low = high = float("nan")
    if not 0 <= low <= high <= 1:
        raise typer.BadParameter(
            f"expected 0 <= LOW <= HIGH <= 1, or auto, got {' '.join(words)}",
            param_hint="--neutral",
        )
    return low, high


def model_rule(bundle: "Bundle", *, quiet: bool) -> "LabelRule":
    """Return the rule with the band of a model, and say what it is unless `quiet`.

    Raises InputError if the model has none.
    """
    from sentiment.inference.predict import LabelRule

    band = bundle.manifest.neutral_band
    if band is None:
        raise InputError(f"the model {bundle.name} has no neutral band of its own", hint=_TYPICAL)
    if not quiet:
        print_message(
            f"neutral: {band.low:g} to {band.high:g}. Outside were {100 * band.coverage:.0f} % of "
            f"{band.sentences:,} closing sentences of validation reviews, and "
            f"{100 * band.accuracy:.0f} % of these were right"
        )
    return LabelRule(neutral=(band.low, band.high))
