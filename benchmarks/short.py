"""Measure models on short sentences, by what turns the verdict.

Run by `make bench-short`; writes docs/benchmarks/short.md.
The sentences are the 300 minimal pairs of
tests/data/sentences.csv and, if the folder is there, the three files of ../shared/short_texts. No
model learns from any of them. Beside the models stand VADER, if it is installed, and logistic
regression on TF-IDF, fitted to the labelled IMDB reviews.
"""

import argparse
import csv
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from accuracy import fit_logistic, load

from sentiment.errors import SentimentError
from sentiment.evaluation.metrics import wilson_interval
from sentiment.inference.classifier import Classifier
from sentiment.inference.resolve import resolve_model
from sentiment.inference.trained_models import BUNDLED
from sentiment.utils.paths import find_project

ROOT = Path(__file__).parents[1]
PAIRS = ROOT / "tests" / "data" / "sentences.csv"
TABLE = ROOT / "docs" / "benchmarks" / "short.md"
TEXTS = ROOT.parent / "shared" / "short_texts"
LABELS = {"positive": True, "negative": False, "1": True, "0": False}
NOTE = """\
A sentence counts as positive if its calibrated probability is 0.5 or more; for VADER, if its
compound score is 0 or more. In the tables by kind, "both of a pair" is the share of pairs of which
both sentences are right: a quarter by coin tosses, none if the answer is always the same. "In
order" is the share of pairs of which the positive sentence has the higher probability; equal ones
are not in order. "Called positive" is the share of sentences, half of which are positive.
Intervals: 95 %, Wilson."""


@dataclass(frozen=True)
class Sentences:
    """Sentences of one file. is_positive: bool (N,); kinds: one each, or none at all."""

    name: str
    texts: list[str]
    is_positive: np.ndarray
    kinds: list[str]


@dataclass(frozen=True)
class Method:
    """A classifier. probabilities: takes texts, returns P(positive), (N,)."""

    name: str
    about: str
    probabilities: Callable[[list[str]], np.ndarray]


@dataclass(frozen=True)
class Result:
    """What a method says of one file. probabilities: P(positive), (N,)."""

    sentences: Sentences
    probabilities: np.ndarray

    @property
    def says_positive(self) -> np.ndarray:
        """Which sentences it calls positive, bool (N,)."""
        return self.probabilities >= 0.5

    @property
    def is_right(self) -> np.ndarray:
        """Which sentences it gets right, bool (N,)."""
        return self.says_positive == self.sentences.is_positive


def read(path: Path) -> Sentences:
    """Read a CSV file with the columns text and label, and perhaps kind."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([LABELS[row["label"]] for row in rows])
    kinds = [row["kind"] for row in rows if "kind" in row]
    return Sentences(path.stem, [row["text"] for row in rows], labels, kinds)


def model_method(name: str) -> Method:
    """Return the trained model `name`; ends the program if there is none."""
    try:
        bundle = resolve_model(name, find_project())
    except SentimentError as error:
        sys.exit(f"{error.fact}" + (f"\nTry: {error.hint}" if error.hint else ""))
    title = "the bundled model" if name == BUNDLED else name  # runs may share a name
    size = sum(path.stat().st_size for path in bundle.folder.iterdir()) / 1e6
    accuracy = bundle.manifest.metrics.get("test/accuracy")
    known = f", {accuracy:.2%} of the IMDB test reviews" if accuracy is not None else ""
    about = f"{title}: run {bundle.name} of {bundle.manifest.created[:10]}, {size:.1f} MB{known}."
    return Method(title, about, Classifier(bundle).predict)


def vader_method() -> Method | None:
    """Return VADER, which learns nothing; None if it is not installed."""
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError:
        return None
    analyzer = SentimentIntensityAnalyzer()

    def probabilities(texts: list[str]) -> np.ndarray:
        compound = [analyzer.polarity_scores(text)["compound"] for text in texts]
        return (np.array(compound) + 1) / 2

    return Method("VADER", "VADER: a lexicon with rules (Hutto & Gilbert 2014).", probabilities)


def logistic_method() -> Method:
    """Return logistic regression on TF-IDF, fitted to the labelled IMDB reviews."""
    vectorizer, model = fit_logistic(load())
    return Method(
        "TF-IDF(1,2) + logistic regression",
        f"TF-IDF(1,2) + logistic regression: as in `make bench-accuracy`, C = {model.C:g}.",
        lambda texts: model.predict_proba(vectorizer.transform(texts))[:, 1],
    )


def measure(method: Method, sentences: Sentences) -> Result:
    """Classify the sentences of a file."""
    return Result(sentences, method.probabilities(sentences.texts))


def both_right(is_right: np.ndarray) -> np.ndarray:
    """Return for each pair whether both of its sentences are right, bool (N / 2,)."""
    return is_right.reshape(-1, 2).all(axis=1)


def in_order(result: Result) -> np.ndarray:
    """Return for each pair whether its positive sentence has the higher P, bool (N / 2,)."""
    signs = np.where(result.sentences.is_positive, 1.0, -1.0)
    return (signs * result.probabilities).reshape(-1, 2).sum(axis=1) > 0


def share(hits: np.ndarray) -> str:
    """Return the share of True with its interval, for a cell of a table."""
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return f"**{hits.mean():.1%}** ({low:.1%} to {high:.1%})"


def overview(results: dict[str, list[Result]]) -> Iterator[str]:
    """Yield the lines of the table of all methods and files. The pairs are the first file."""
    files = [result.sentences for result in next(iter(results.values()))]
    counts = "".join(f" {each.name} ({len(each.texts):,}) |" for each in files[1:])
    yield f"| | the pairs' {len(files[0].texts)} sentences | both of a pair |{counts}"
    yield "|---" * (len(files) + 2) + "|"
    for name, (pairs, *others) in results.items():
        cells = [share(pairs.is_right), share(both_right(pairs.is_right))]
        cells += [share(other.is_right) for other in others]
        yield f"| {name} | " + " | ".join(cells) + " |"


def by_kind(result: Result) -> Iterator[str]:
    """Yield the lines of the table of one method, a row for each kind of pair."""
    yield "| kind | pairs | right | both of a pair | in order | called positive |"
    yield "|---|---|---|---|---|---|"
    kinds, ordered = np.array(result.sentences.kinds), in_order(result)
    for kind in dict.fromkeys(result.sentences.kinds):
        rows = kinds == kind
        right, called = result.is_right[rows], result.says_positive[rows].mean()
        yield (
            f"| {kind} | {len(right) // 2} | {share(right)} | {share(both_right(right))} "
            f"| {ordered[rows[::2]].mean():.0%} | {called:.0%} |"
        )


def page(methods: list[Method], files: list[Sentences], skipped: list[str]) -> str:
    """Return the page with all tables, in Markdown."""
    results = {each.name: [measure(each, file) for file in files] for each in methods}
    arguments = shlex.join(sys.argv[1:])
    command = "make bench-short" + (f" ARGS={shlex.quote(arguments)}" if arguments else "")
    lines = ["# Short sentences, by kind", ""]
    lines += [f"`{command}`, {date.today():%-d %B %Y}.", *skipped, ""]
    lines += [*overview(results), "", NOTE, ""]
    lines += [f"- {method.about}" for method in methods]
    for name, (pairs, *_) in results.items():
        lines += ["", f"## {name[0].upper()}{name[1:]}", "", *by_kind(pairs)]
    return "\n".join(lines) + "\n"


def mistakes(result: Result) -> Iterator[str]:
    """Yield a line for each sentence that is wrong: kind, true label, P(positive), text."""
    sentences = result.sentences
    for row in np.flatnonzero(~result.is_right):
        label = "positive" if sentences.is_positive[row] else "negative"
        probability = f"{result.probabilities[row]:.2f}"
        yield "\t".join([sentences.kinds[row], label, probability, sentences.texts[row]])


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", nargs="+", default=[BUNDLED], help="names or folders")
    parser.add_argument("--texts", type=Path, default=TEXTS, help="a folder of CSV files")
    parser.add_argument("--no-peers", action="store_true", help="the models alone")
    parser.add_argument("--mistakes", action="store_true", help="print what the models get wrong")
    parser.add_argument("--output", type=Path, default=TABLE)
    options = parser.parse_args()
    models = [model_method(name) for name in options.model]
    pairs, skipped = read(PAIRS), []
    texts = [read(path) for path in sorted(options.texts.glob("*.csv"))]
    if not texts:
        skipped.append(f"There are no CSV files in {options.texts}: skipped.")
    methods = list(models)
    if not options.no_peers:
        vader = vader_method()
        methods += [vader] if vader else []
        skipped += [] if vader else ["VADER is not installed: skipped."]
        methods.append(logistic_method())
    text = page(methods, [pairs, *texts], skipped)
    options.output.write_text(text, "utf-8")
    print(text)
    if options.mistakes:
        for model in models:
            print(model.name, *mistakes(measure(model, pairs)), sep="\n")


if __name__ == "__main__":
    main()
