"""`sentiment predict --trace --why --html`: each text with the reasons for its label.

Knows explanations and where they are shown; knows nothing of how they are found.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sentiment.cli import _console as show
from sentiment.cli import _explanation_view as explained
from sentiment.cli._terminal import print_json, say, visible
from sentiment.data import readers as tables
from sentiment.errors import InputError
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import WARNINGS, Bands, Prediction, predict
from sentiment.inspection import explain
from sentiment.reports import explanation as page
from sentiment.utils import files

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
    bands: Bands,
    wanted: Wanted,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print each text's label and what was asked for beside it.

    Raises InputError where a text holds no word that the model knows.
    """
    classifier = Classifier(opened)
    given = list(tables.GivenReader(texts, sys.stdin.buffer).rows())
    if wanted.html and len(given) != 1:
        raise typer.BadParameter(f"--html shows one text, got {len(given)}")
    for row in given:
        if row.wrong:
            raise InputError(f"text {row.line}: {row.wrong}")
        text = row.fields["text"]
        said = predict(classifier, bands, [text])[0]
        if said.wrong:
            raise InputError(f"text {row.line} {said.wrong}", remedy=explain.REMEDY)
        _one(classifier, text, said, wanted, as_json=as_json)
        if not quiet and not as_json:
            for name in said.warnings:
                say(f"warning: text {row.line}: {WARNINGS[name]}")


def _one(
    classifier: Classifier, text: str, said: Prediction, wanted: Wanted, *, as_json: bool
) -> None:
    name = classifier.bundle.name
    trace = explain.trace(classifier, text) if wanted.trace or wanted.html else None
    effects = explain.why(classifier, text) if wanted.why or wanted.html else None
    if as_json:
        fields = {"text": text, "label": said.label, "probability": said.probability}
        whole: dict[str, Any] = {**fields, "warnings": said.warnings, "model": name}
        if wanted.trace and trace:
            whole["trace"] = explained.trace_fields(trace)
        if wanted.why and effects:
            whole["why"] = explained.why_fields(effects)
        print_json(whole)
    else:
        target = show.console()
        line = visible(f"{said.label}  {said.probability:.4f}  {text}")
        target.print(line, markup=False, soft_wrap=True)
        if wanted.trace and trace:
            explained.show_trace(target, trace)
        if wanted.why and effects:
            explained.show_why(target, effects)
    if wanted.html and trace and effects:
        drawn = page.page(trace, effects, label=said.label or "", model=name)
        with files.whole_file(wanted.html) as aside:
            aside.write_text(drawn, "utf-8")
        say(f"explanation written to {wanted.html}")
