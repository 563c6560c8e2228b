"""`sentiment predict --trace --why --html`: each text with the reasons for its label.

Knows explanations and where they are shown; knows nothing of how they are found.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sentiment.cli import _console, _explanation_view
from sentiment.cli._terminal import print_json, say
from sentiment.data import readers
from sentiment.errors import InputError
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import WARNINGS, LabelRule, Prediction, predict
from sentiment.inspection import explain
from sentiment.reports import explanation
from sentiment.utils import files
from sentiment.utils.text import escape_control

if TYPE_CHECKING:
    from sentiment.inference.bundle import Bundle


@dataclass(frozen=True)
class Wanted:
    """Which explanations were asked for. html: where the page goes."""

    trace: bool
    why: bool
    html: Path | None


def answer(
    opened: "Bundle",
    texts: list[str],
    bands: LabelRule,
    wanted: Wanted,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print each text's label and what was asked for beside it.

    Raises InputError where a text holds no word that the model knows.
    """
    classifier = Classifier(opened)
    given = list(readers.ArgumentsReader(texts, sys.stdin.buffer).rows())
    if wanted.html and len(given) != 1:
        raise typer.BadParameter(f"--html shows one text, got {len(given)}")
    for row in given:
        if row.wrong:
            raise InputError(f"text {row.line}: {row.wrong}")
        text = row.fields["text"]
        said = predict(classifier, bands, [text])[0]
        if said.wrong:
            raise InputError(f"text {row.line} {said.wrong}", hint=explain.HINT)
        _one(classifier, text, said, wanted, as_json=as_json)
        if not quiet and not as_json:
            for name in said.warnings:
                say(f"warning: text {row.line}: {WARNINGS[name]}")


def _one(
    classifier: Classifier, text: str, said: Prediction, wanted: Wanted, *, as_json: bool
) -> None:
    name = classifier.bundle.name
    trace = explain.trace(classifier, text) if wanted.trace or wanted.html else None
    effects = explain.word_effects(classifier, text) if wanted.why or wanted.html else None
    if as_json:
        fields = {"text": text, "label": said.label, "probability": said.probability}
        whole: dict[str, Any] = {**fields, "warnings": said.warnings, "model": name}
        if wanted.trace and trace:
            whole["trace"] = _explanation_view.trace_fields(trace)
        if wanted.why and effects:
            whole["why"] = _explanation_view.why_fields(effects)
        print_json(whole)
    else:
        target = _console.console()
        line = escape_control(f"{said.label}  {said.probability:.4f}  {text}")
        target.print(line, markup=False, soft_wrap=True)
        if wanted.trace and trace:
            _explanation_view.show_trace(target, trace)
        if wanted.why and effects:
            _explanation_view.show_why(target, effects)
    if wanted.html and trace and effects:
        drawn = explanation.page(trace, effects, label=said.label or "", model=name)
        with files.atomic_file(wanted.html) as aside:
            aside.write_text(drawn, "utf-8")
        say(f"explanation written to {wanted.html}")
