"""How an explanation looks in a terminal, and as fields of a JSON object.

Knows Rich and explanations. What is printed of a text are its tokens, made of letters, digits and
a few marks: what else a text holds, terminal escapes above all, never reaches the terminal.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.text import Text

from sentiment.cli import _console, _sparkline
from sentiment.utils.colors import TERMINAL_NEGATIVE, TERMINAL_NEUTRAL, TERMINAL_POSITIVE

if TYPE_CHECKING:
    from rich.console import Console

    from sentiment.inspection.explain import Trace, WordEffects

_ARROW, _PLAIN_ARROW = "◄", "<"  # the second where the terminal has no such character
_DIGITS = 6  # of numbers in JSON; float32 holds no more


def show_trace(target: "Console", trace: "Trace") -> None:
    """Print each word with P(positive) after it, and P(positive) over the text as a sparkline.

    Colours, where the terminal has them, run from orange (negative) to blue (positive).
    """
    rich = target.encoding.startswith("utf")
    last = len(trace.tokens) - 1
    decides = "a pool of all states" if trace.deciding is None else "the final state, which alone"
    parts = [
        Text(f"{word}{'' if known else '*'} {probability:.2f}", _shade(probability))
        for word, known, probability in zip(
            trace.tokens, trace.known, trace.probabilities, strict=True
        )
    ]
    parts[last].append(f" {_ARROW if rich else _PLAIN_ARROW} {decides} decides")
    _flow(target, parts)
    steps = min(last + 1, max(1, target.width - 26))
    line = Text("P(positive) ")
    for step in range(1, steps + 1):
        # The last word of each stretch, so that the line ends with the last of all.
        probability = trace.probabilities[step * (last + 1) // steps - 1]
        line.append(_sparkline.block(probability, rich=rich), _shade(probability))
    first, final = trace.probabilities[0], trace.probabilities[last]
    _line(target, line.append(f" {first:.2f} to {final:.2f}"))
    if not trace.known.all():
        _line(target, Text("* not in the vocabulary"))


def show_why(target: "Console", effects: "WordEffects", most: int = 8) -> None:
    """Print at most `most` words that moved the decision furthest each way, the strongest first.

    Effects are in log-odds; beside them stands P(positive) without the word.
    """
    columns = {"word": "left", "place": "right", "effect": "right", "P without it": "right"}
    for side, places in zip(("positive", "negative"), effects.strongest(most), strict=True):
        rows = [
            (
                effects.tokens[place] + ("" if effects.known[place] else "*"),
                place + 1,
                f"{effects.effects[place]:+.3f}",
                f"{effects.without[place]:.3f}",
            )
            for place in places
        ]
        if rows:
            target.print(_console.table(f"moved it towards {side}", columns, rows))


def trace_fields(trace: "Trace") -> dict[str, Any]:
    """Return a trace for JSON: lists of T words, of whether each is known and of P(positive).

    The states, T times S numbers, are left to `sentiment states`.
    """
    return {
        "words": trace.tokens,
        "known": trace.known.tolist(),
        "probabilities": _numbers(trace.probabilities),
    }


def why_fields(effects: "WordEffects") -> dict[str, Any]:
    """Return effects for JSON: lists of T words, effects (log-odds) and P(positive) without."""
    return {
        "words": effects.tokens,
        "known": effects.known.tolist(),
        "effects": _numbers(effects.effects),
        "without": _numbers(effects.without),
    }


def _numbers(values: Iterable[float]) -> list[float]:
    return [round(float(value), _DIGITS) for value in values]


def _shade(probability: float) -> str:
    """Return a Rich style; it holds nothing but a colour, so that NO_COLOR leaves plain text."""
    hue = TERMINAL_POSITIVE if probability >= 0.5 else TERMINAL_NEGATIVE
    share = min(1.0, 1.5 * abs(2 * probability - 1))
    mixed = (
        round(grey + share * (full - grey))
        for grey, full in zip(TERMINAL_NEUTRAL, hue, strict=True)
    )
    return "rgb({},{},{})".format(*mixed)


def _flow(target: "Console", parts: list[Text]) -> None:
    """Print `parts` as lines of text, none of them broken."""
    line = Text()
    for part in parts:
        if line and line.cell_len + 2 + part.cell_len > target.width:
            _line(target, line)
            line = Text()
        line.append("  " if line else "").append_text(part)
    _line(target, line)


def _line(target: "Console", line: Text) -> None:
    target.print(line, soft_wrap=True)
