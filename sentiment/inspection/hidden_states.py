"""Compute the hidden states of texts and write them as CSV, Parquet or npz."""

import codecs
import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TextIO

import numpy as np

from sentiment.data.arrow import libraries
from sentiment.errors import InputError
from sentiment.inference.classifier import BATCH_SIZE, Classifier
from sentiment.inference.weights import directions
from sentiment.utils import files, opening

Steps = Literal["all", "last"]
TEXT_COLUMNS = ("text", "step", "word")  # columns before those of the state


class StateRow(NamedTuple):
    """The state after one word: the number of the text and of the word, from 1, and the word.

    `state` has S numbers. For a text without a word, `step` is 0 and `word` is empty.
    """

    text: int
    step: int
    word: str
    state: list[float]


@dataclass(frozen=True)
class HiddenStates:
    """The hidden states of N texts, at every step or at the last.

    first: number of the first text, from 1; tokens: the words of all texts; offsets: int64
    (N + 1,), text i has the tokens offsets[i] to offsets[i + 1]; states: float32, (total tokens, S)
    for every step, (N, S) for the last (see `Classifier.states` and `final_states`).
    """

    first: int
    tokens: list[str]
    offsets: np.ndarray
    states: np.ndarray
    steps: Steps

    def rows(self) -> Iterator[StateRow]:
        """Yield each state with its text, step and word."""
        states = self.states.tolist()
        for index, (start, end) in enumerate(zip(self.offsets, self.offsets[1:], strict=False)):
            text = self.first + index
            if self.steps == "last":
                word = self.tokens[end - 1] if end > start else ""
                yield StateRow(text, int(end - start), word, states[index])
            else:
                for row in range(start, end):
                    yield StateRow(text, row - int(start) + 1, self.tokens[row], states[row])


def compute_states(
    classifier: Classifier, texts: Iterable[str], steps: Steps
) -> Iterator[HiddenStates]:
    """Yield the states of `texts`, in batches of the runtime's size.

    A text longer than the model's longest review is cut to its last words, as in `predict`. A text
    without a word has no step; its last state is the initial state, zeros.
    """
    remaining, first = iter(texts), 1
    read = classifier.states if steps == "all" else classifier.final_states
    while batch := list(islice(remaining, BATCH_SIZE)):
        encoded = classifier.encode(batch)
        tokens = [
            word
            for text, length in zip(batch, encoded.lengths.tolist(), strict=True)
            if length
            for word in classifier.bundle.tokenizer.tokenize(text)[-length:]
        ]
        yield HiddenStates(first, tokens, encoded.offsets, read(encoded), steps)
        first += len(batch)


def column_names(classifier: Classifier) -> list[str]:
    """Return the names of the S numbers of a state: forward_1, forward_2, …, backward_1, …."""
    settings = classifier.bundle.settings
    units = range(1, settings.units + 1)
    return [f"{direction}_{unit}" for direction in directions(settings) for unit in units]


def write_states(path: Path, names: list[str], parts: Iterable[HiddenStates]) -> None:
    """Write states to `path` atomically, in the format of its suffix.

    .csv and .parquet: a row for each state with the columns text, step, word and `names`.
    .npz: `states` float32 (rows, S), `tokens` str (total tokens,) and `offsets` int64 (N + 1,).
    Raises InputError for another suffix, and UnavailableError if .parquet needs pyarrow, which is
    not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet", ".npz"):
        raise InputError(f"{path}: expected a name that ends in .csv, .parquet or .npz")
    with files.atomic_file(opening.output_path(path)) as tmp:
        if suffix == ".npz":
            _write_npz(tmp, len(names), parts)
        elif suffix == ".parquet":
            _write_parquet(tmp, names, parts)
        else:
            with tmp.open("w", encoding="utf-8", newline="") as file:
                write_csv(file, names, parts)


def write_csv(
    file: TextIO | codecs.StreamWriter, names: list[str], parts: Iterable[HiddenStates]
) -> None:
    """Write states as CSV with a header; nine digits distinguish all float32 numbers."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*TEXT_COLUMNS, *names])
    for part in parts:
        for row in part.rows():
            numbers = [f"{value:.9g}" for value in row.state]
            writer.writerow([row.text, row.step, row.word, *numbers])


def _write_parquet(path: Path, names: list[str], parts: Iterable[HiddenStates]) -> None:
    pyarrow, parquet = libraries()
    types = [pyarrow.int64(), pyarrow.int64(), pyarrow.string()]
    types += [pyarrow.float32()] * len(names)
    schema = pyarrow.schema(list(zip([*TEXT_COLUMNS, *names], types, strict=True)))
    with parquet.ParquetWriter(path, schema) as writer:
        for part in parts:
            rows = [(row.text, row.step, row.word) for row in part.rows()]
            text_columns = [*zip(*rows, strict=True)] or [(), (), ()]
            arrays = [
                pyarrow.array(values, kind)
                for values, kind in zip([*text_columns, *part.states.T], types, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _write_npz(path: Path, size: int, parts: Iterable[HiddenStates]) -> None:
    """Write all states; `size` is S, needed if there are no parts."""
    states, lengths = [np.empty((0, size), np.float32)], [np.zeros(1, np.int64)]
    tokens: list[str] = []
    for part in parts:
        states.append(part.states)
        tokens += part.tokens
        lengths.append(np.diff(part.offsets))
    with path.open("wb") as file:
        np.savez(
            file,
            states=np.concatenate(states),
            tokens=np.array(tokens, str),
            offsets=np.cumsum(np.concatenate(lengths)),
        )
