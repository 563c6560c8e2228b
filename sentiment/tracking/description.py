"""Describe runs and registered models in Markdown, as MLflow's pages show them."""

import re
import shlex

from mlflow.entities import Run

from sentiment.tracking import tags
from sentiment.tracking.metric_names import BEST, VALIDATION_ACCURACY, VALIDATION_LOSS
from sentiment.utils.text import escape_control

COMPARISON = "comparison.html"  # the page that compares a run with those before it
_LINKS = {
    "report.html": "what it learnt and what the hidden states did",
    COMPARISON: "how it compares with the runs before it",
    "evaluation": "where it is right and where it is wrong",
}  # artifacts and the texts of their links
_MARKUP = re.compile(r"([\\`*_{}\[\]()#!|~<>&])")
# What a person has written below this line is kept.
_END = "\n\n---\n"
REGISTERED_MODEL = (
    "Classifies English film reviews, and texts like them, as positive or negative. A SimpleRNN "
    "reads the text word by word, and its final hidden state is all that the classifier sees. "
    "Each version is the best epoch of a run; the alias `champion` marks the one in use.\n\n"
    "Not for texts about people, other languages, or uses in which a wrong answer does harm.\n\n"
    '```\nsentiment predict --model models:/sentiment@champion "An unforgettable film."\n```'
)


def describe_run(run: Run, artifacts: set[str]) -> str:
    """Return the description of a training's run, given what it has logged so far.

    artifacts: the files and folders at the top of the run's artifacts. The description keeps what a
    person has added at the end of the one before.
    """
    known = tags.with_present_names(run.data.tags)
    # The page shows four lines, and the rest after a click.
    first = " ".join(filter(None, [_test_result(run), _where(run, artifacts)]))
    parts = [
        first,
        _remark("Failed", known.get(tags.FAILURE)),
        _what(run),
        _validation(run),
        _remark("Diagnosis", known.get(tags.DIAGNOSIS)),
    ]
    if command := known.get(tags.COMMAND):
        parts.append(f"Train it again:\n\n{_code(command)}")
    parts.append(_in_a_terminal(known.get(tags.MODEL, run.info.run_id)))
    before = known.get(tags.NOTE, "")
    added = before.partition(_END)[2] if _END in before else before
    return "\n\n".join(filter(None, parts)) + _END + added


def describe_version(run: Run) -> str:
    """Return the description of a registered version, the model of a run's best epoch."""
    known = tags.with_present_names(run.data.tags)
    name = known.get(tags.MODEL, run.info.run_name or run.info.run_id)
    epoch = known.get(tags.BEST_EPOCH)
    source = f"Epoch {epoch} of" if epoch else "The best epoch of"
    parts = [
        f"{source} the run [{_plain(name)}]({_page(run)}).",
        _what(run),
        _test_result(run),
        _validation(run),
        "It adds up the effects of words and short phrases. It misses irony, many negations and "
        "comparisons.",
    ]
    return "\n\n".join(filter(None, parts))


def _what(run: Run) -> str:
    """Return what was trained on what."""
    of, tagged = run.data.params.get, run.data.tags.get
    if of("units") is None:
        return ""
    direction = "in both directions" if of("bidirectional") == "True" else "from the beginning"
    ngrams = of("ngrams", "1")
    features = "words" if ngrams == "1" else f"words and n-grams of up to {ngrams} words"
    readout = {"last": "its last state", "mean": "the mean of all states"}.get(
        of("readout", "last"), "the maximum of all states"
    )
    return (
        f"**A classifier of reviews.** {of('cell', 'simple_rnn')} with {of('units')} units, which "
        f"reads {features} {direction}; the answer comes from {readout}. "
        f"Recipe **{_plain(tagged('recipe', 'unknown'))}**, data set "
        f"**{_plain(tagged('dataset', 'unknown'))}**, "
        f"seed {of('seed', '0')}."
    )


def _test_result(run: Run) -> str:
    """Return the accuracy on the test reviews, with its interval."""
    accuracy = run.data.tags.get(tags.accuracy_tag("test"))
    return f"**Test accuracy: {accuracy}.**" if accuracy else "Not measured on test reviews yet."


def _validation(run: Run) -> str:
    """Return the metrics of the best epoch, once it is known."""
    measured = run.data.metrics
    accuracy, loss = (measured.get(BEST + name) for name in (VALIDATION_ACCURACY, VALIDATION_LOSS))
    if accuracy is None or loss is None:
        return ""
    epoch = run.data.tags.get(tags.BEST_EPOCH, "the last")
    return (
        f"Validation of the best epoch, {epoch}: accuracy {100 * accuracy:.2f} %, loss {loss:.4f}."
    )


def _remark(title: str, text: str | None) -> str:
    return f"**{title}**: {_plain(text)}" if text else ""


def _plain(text: str) -> str:
    """Return text on one line, of which Markdown and HTML make nothing else."""
    return _MARKUP.sub(r"\\\1", _one_line(text))


def _code(command: str) -> str:
    """Return a block of code, which the command can't end."""
    line = _one_line(command)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{fence}\n{line}\n{fence}"


def _one_line(text: str) -> str:
    return " ".join(escape_control(text).split())


def _where(run: Run, artifacts: set[str]) -> str:
    """Return links to those of the run's artifacts that a person looks at first."""
    links = [
        f"[{text}]({_page(run)}/artifacts/{name})"
        for name, text in _LINKS.items()
        if name in artifacts
    ]
    return f"Look at {', '.join(links)}." if links else ""


def _in_a_terminal(name: str) -> str:
    command = f'sentiment predict --model {shlex.quote(name)} --why "An unforgettable film."'
    return f"Ask its model:\n\n{_code(command)}"


def _page(run: Run) -> str:
    """Return the address of a run's page, from any page of the same server."""
    return f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
