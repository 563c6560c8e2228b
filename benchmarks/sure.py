"""Measure how often verdicts on short sentences are right that are surer than others.

Run by `make bench-sure`; writes docs/benchmarks/sure.md.
The sentences are those of `make bench-short`.
"""

import argparse
import shlex
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
from short import PAIRS, TEXTS, Sentences, read

from sentiment.errors import SentimentError
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import LabelRule, predict
from sentiment.inference.resolve import resolve_model
from sentiment.inference.trained_models import BUNDLED
from sentiment.utils.paths import find_project

TABLE = Path(__file__).parents[1] / "docs" / "benchmarks" / "sure.md"
NOTE = """\
Each cell has the share of the sentences that are right, and in brackets the share of all sentences
that are such. A sentence counts as positive if its probability is 0.5 or more. Evidence is the
number of known words that carry the verdict (`sentiment predict --evidence`); the band is that of
`sentiment predict --neutral auto`. No model has learnt from these sentences, and no band was chosen
on them. But they were looked at when it was chosen how far a word has to push to count."""
EVIDENCE = ("0", "1", "2", "3 or more")


def cell(right: np.ndarray, rows: np.ndarray) -> str:
    """Return how many of some rows are right, and how many rows these are."""
    return f"**{right[rows].mean():.1%}** ({rows.mean():.0%})" if rows.any() else "– (0%)"


def table(bundle: Bundle, files: list[Sentences]) -> Iterator[str]:
    """Yield the lines of the table of one model, a row for each file."""
    band, classifier = bundle.manifest.neutral_band, Classifier(bundle)
    ends = f"{band.low:g} to {band.high:g}" if band else "this model has none"
    heads = [f"evidence {count}" for count in EVIDENCE]
    heads += [f"outside of the band, {ends}", "inside"] if band else [f"band: {ends}"]
    yield f"| | all | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 2) + "|"
    rule = LabelRule(neutral=(band.low, band.high) if band else None)
    for file in files:
        results = predict(classifier, rule, file.texts)
        probabilities = np.array([result.probability for result in results])
        right = (probabilities >= 0.5) == file.is_positive
        evidence = np.minimum([result.evidence for result in results], len(EVIDENCE) - 1)
        cells = [cell(right, evidence == count) for count in range(len(EVIDENCE))]
        neutral = np.array([result.label == "neutral" for result in results])
        cells += [cell(right, ~neutral), cell(right, neutral)] if band else [""]
        yield f"| {file.name} | {right.mean():.1%} | {' | '.join(cells)} |"


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", nargs="+", default=[BUNDLED], help="names or folders")
    parser.add_argument("--texts", type=Path, default=TEXTS, help="a folder of CSV files")
    parser.add_argument("--output", type=Path, default=TABLE)
    options = parser.parse_args()
    files = [read(path) for path in (PAIRS, *sorted(options.texts.glob("*.csv")))]
    arguments = shlex.join(sys.argv[1:])
    command = "make bench-sure" + (f" ARGS={shlex.quote(arguments)}" if arguments else "")
    lines = ["# Short sentences, by evidence and neutral band", ""]
    lines += [f"`{command}`, {date.today():%-d %B %Y}.", "", NOTE]
    for name in options.model:
        try:
            bundle = resolve_model(name, find_project())
        except SentimentError as error:
            sys.exit(f"{error.fact}" + (f"\nTry: {error.hint}" if error.hint else ""))
        lines += ["", f"## {bundle.name}, of {bundle.manifest.created[:10]}", ""]
        lines += table(bundle, files)
    text = "\n".join(lines) + "\n"
    options.output.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
