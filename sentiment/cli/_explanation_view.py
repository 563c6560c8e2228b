"""Run `sentiment predict --trace --why --html`: print or write explanations of texts.

Of a text only its tokens are printed: letters, digits and a few marks. Control characters never
reach the terminal.
"""

import sys
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from sentiment.cli import _console
from sentiment.cli._predict_report import Display
from sentiment.cli._terminal import print_json, print_message
from sentiment.data import readers
from sentiment.data.labels import LABEL_NAMES, NEGATIVE, POSITIVE
from sentiment.data.readers import Row
from sentiment.errors import InputError
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import WARNINGS, LabelRule, Prediction, predict
from sentiment.inspection import explain
from sentiment.utils import files, opening, sparkline
from sentiment.utils.colors import TERMINAL_NEGATIVE, TERMINAL_NEUTRAL, TERMINAL_POSITIVE
from sentiment.utils.text import escape_control

if TYPE_CHECKING:
    from rich.console import Console

    from sentiment.inference.bundle import Bundle
    from sentiment.inspection.explain import Trace, WordEffects

_ARROW, _ASCII_ARROW = "◄", "<"  # the second for a terminal without the first
_DECIMALS = 6  # of numbers in JSON; float32 holds no more
_LABEL_WIDTH = 26  # characters beside the sparkline


def explain_texts(bundle: "Bundle", texts: list[str], rule: LabelRule, options: Display) -> None:
    """Print the label and the explanation of each text.

    Raises InputError if the model knows no word of a text.
    """
    classifier = Classifier(bundle)
    rows: Iterable[Row] = readers.ArgumentsReader(texts, sys.stdin.buffer).rows()
    if options.html:
        rows = list(islice(rows, 2))
        if len(rows) != 1:
            raise typer.BadParameter(
                f"--html explains one text, got {'2 or more' if rows else '0'}"
            )
    for row in rows:
        if row.wrong:
            raise InputError(f"text {row.line}: {row.wrong}")
        text = row.fields["text"]
        prediction = predict(classifier, rule, [text])[0]
        if prediction.wrong:
            raise InputError(f"text {row.line} {prediction.wrong}", hint=explain.HINT)
        _explain(classifier, text, prediction, options)
        if not options.quiet and not options.as_json:
            for name in prediction.warnings:
                print_message(f"warning: text {row.line}: {WARNINGS[name]}")


def _explain(classifier: Classifier, text: str, prediction: Prediction, options: Display) -> None:
    model = classifier.bundle.name
    trace = explain.trace(classifier, text) if options.trace or options.html else None
    effects = explain.word_effects(classifier, text) if options.why or options.html else None
    shown_trace = trace if options.trace else None
    shown_effects = effects if options.why else None
    if options.as_json:
        fields = prediction_fields(
            text, prediction, model, shown_trace, shown_effects, evidence=options.evidence
        )
        print_json(fields)
    else:
        target = _console.console()
        evidence = f"{prediction.evidence}  " if options.evidence else ""
        line = f"{prediction.label}  {prediction.probability:.4f}  {evidence}{text}"
        target.print(escape_control(line), markup=False, soft_wrap=True)
        if shown_trace:
            show_trace(target, shown_trace)
        if shown_effects:
            show_effects(target, shown_effects)
    if options.html and trace and effects:
        from sentiment.reports import explanation

        page = explanation.page(trace, effects, label=prediction.label or "", model=model)
        files.write_text(opening.output_path(options.html), page)
        print_message(f"explanation written to {options.html}")


def show_trace(target: "Console", trace: "Trace") -> None:
    """Print each word with P(positive) after it, and P(positive) over the text as a sparkline.

    In a terminal with colors, words run from orange (negative) to blue (positive).
    """
    rich = target.encoding.startswith("utf")
    last = len(trace.tokens) - 1
    words = [
        Text(f"{word}{'' if known else '*'} {probability:.2f}", _color(probability))
        for word, known, probability in zip(
            trace.tokens, trace.known, trace.probabilities, strict=True
        )
    ]
    deciding = "a pool of all states" if trace.deciding is None else "the final state, which alone"
    words[last].append(f" {_ARROW if rich else _ASCII_ARROW} {deciding} decides")
    _print_wrapped(target, words)
    steps = min(last + 1, max(1, target.width - _LABEL_WIDTH))
    line = Text("P(positive) ")
    for step in range(1, steps + 1):
        # The last word of each section, so that the line ends with the last word of the text.
        probability = trace.probabilities[step * (last + 1) // steps - 1]
        line.append(sparkline.block(probability, rich=rich), _color(probability))
    first, final = trace.probabilities[0], trace.probabilities[last]
    _print_line(target, line.append(f" {first:.2f} to {final:.2f}"))
    if not trace.known.all():
        _print_line(target, Text("* not in the vocabulary"))


def show_effects(target: "Console", effects: "WordEffects", max_words: int = 8) -> None:
    """Print the words with the strongest effects, at most `max_words` for each label.

    Effects are in log-odds; beside them is P(positive) without the word.
    """
    columns = {
        "word": "left",
        "position": "right",
        "effect (log-odds)": "right",
        "P(positive) without it": "right",
    }
    groups = effects.strongest(max_words)
    for label, positions in zip((POSITIVE, NEGATIVE), groups, strict=True):
        rows = [
            (
                effects.tokens[position] + ("" if effects.known[position] else "*"),
                position + 1,
                f"{effects.effects[position]:+.3f}",
                f"{effects.without[position]:.3f}",
            )
            for position in positions
        ]
        if rows:
            title = f"Words that make the text more {LABEL_NAMES[label]}"
            target.print(_console.table(title, columns, rows))


def prediction_fields(
    text: str,
    prediction: Prediction,
    model: str,
    trace: "Trace | None" = None,
    effects: "WordEffects | None" = None,
    *,
    evidence: bool = False,
) -> dict[str, Any]:
    """Return the JSON object of a text.

    trace: lists of T words, whether each is known, and P(positive); the states are left to
    `sentiment states`. why: lists of T words, whether each is known, effects (log-odds), and
    P(positive) without the word. evidence: whether it is wanted.
    """
    fields: dict[str, Any] = {
        "text": text,
        "label": prediction.label,
        "probability": prediction.probability,
        **({"evidence": prediction.evidence} if evidence else {}),
        "warnings": prediction.warnings,
        "model": model,
    }
    if trace:
        fields["trace"] = {
            "words": trace.tokens,
            "known": trace.known.tolist(),
            "probabilities": _rounded(trace.probabilities),
        }
    if effects:
        fields["why"] = {
            "words": effects.tokens,
            "known": effects.known.tolist(),
            "effects": _rounded(effects.effects),
            "without": _rounded(effects.without),
        }
    return fields


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), _DECIMALS) for value in values]


def _color(probability: float) -> str:
    """Return a Rich style that is only a color, so that NO_COLOR leaves plain text."""
    hue = TERMINAL_POSITIVE if probability >= 0.5 else TERMINAL_NEGATIVE
    share = min(1.0, 1.5 * abs(2 * probability - 1))
    mixed = (
        round(neutral + share * (full - neutral))
        for neutral, full in zip(TERMINAL_NEUTRAL, hue, strict=True)
    )
    return "rgb({},{},{})".format(*mixed)


def _print_wrapped(target: "Console", parts: list[Text]) -> None:
    """Print `parts` on as many lines as they need, without breaking any of them."""
    line = Text()
    for part in parts:
        if line and line.cell_len + 2 + part.cell_len > target.width:
            _print_line(target, line)
            line = Text()
        line.append("  " if line else "").append_text(part)
    _print_line(target, line)


def _print_line(target: "Console", line: Text) -> None:
    target.print(line, soft_wrap=True)
