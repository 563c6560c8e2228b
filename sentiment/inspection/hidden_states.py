"""Stage: texts in, hidden states out, with the words that they stand after.

Knows the runtime and the formats CSV, Parquet and npz; knows nothing of what a state means.
"""

import codecs
import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TextIO

import numpy as np

from sentiment.data.parquet import libraries
from sentiment.data.tokenizer import tokenize
from sentiment.errors import InputError
from sentiment.inference.classifier import BATCH_SIZE, Classifier
from sentiment.inference.weights import directions
from sentiment.utils import files

Steps = Literal["all", "last"]
TEXT_COLUMNS = ("text", "step", "word")  # columns before those of the state


class StateRow(NamedTuple):
    """A state with its place: the number of the text and of the word, both from 1, and the word.

    `state` holds S numbers. Of a text without a word, `step` is 0 and `word` is empty.
    """

    text: int
    step: int
    word: str
    state: list[float]


@dataclass(frozen=True)
class HiddenStates:
    """Hidden states of some texts, of every step or of the last.

    first: number of the first text, from 1; tokens: the words read of all texts; offsets: int64
    (N + 1,), text i has the tokens offsets[i] to offsets[i + 1]; states: float32 (total tokens, S)
    of every step or (N, S) of the last (see `Classifier.states` and `final_states`).
    """

    first: int
    tokens: list[str]
    offsets: np.ndarray
    states: np.ndarray
    steps: Steps

    def rows(self) -> Iterator[StateRow]:
        """Yield each state with its place."""
        states = self.states.tolist()
        for number, (start, end) in enumerate(zip(self.offsets, self.offsets[1:], strict=False)):
            text = self.first + number
            if self.steps == "last":
                word = self.tokens[end - 1] if end > start else ""
                yield StateRow(text, int(end - start), word, states[number])
            else:
                for place in range(start, end):
                    yield StateRow(text, place - int(start) + 1, self.tokens[place], states[place])


def compute_states(
    classifier: Classifier, texts: Iterable[str], steps: Steps
) -> Iterator[HiddenStates]:
    """Yield the states of `texts`, of so many at once as the runtime reads at once.

    Of a text above the model's longest review only the last words are read, as in `predict`. A
    text without a word has no step, and as its last state the initial one, zeros.
    """
    left, first = iter(texts), 1
    act = classifier.states if steps == "all" else classifier.final_states
    while some := list(islice(left, BATCH_SIZE)):
        encoded = classifier.encode(some)
        lengths = encoded.lengths.tolist()
        tokens = [
            word
            for text, length in zip(some, lengths, strict=True)
            if length
            for word in tokenize(text)[-length:]
        ]
        yield HiddenStates(first, tokens, encoded.offsets, act(encoded), steps)
        first += len(some)


def column_names(classifier: Classifier) -> list[str]:
    """Return the names of the S numbers of a state: forward_1 and so on, backward_1 and so on."""
    settings = classifier.bundle.settings
    return [f"{way}_{n}" for way in directions(settings) for n in range(1, settings.units + 1)]


def write_states(path: Path, names: list[str], parts: Iterable[HiddenStates]) -> None:
    """Write states to `path`, whole or not at all; its suffix names the format.

    .csv and .parquet: a row for each state, columns text, step, word and `names`; .npz: `states`
    float32 (rows, S), `tokens` str (total tokens,) and `offsets` int64 (N + 1,). Raises InputError
    for another suffix, and UnavailableError for .parquet where pyarrow is not installed.
    """
    kind = path.suffix.lower()
    if kind not in (".csv", ".parquet", ".npz"):
        raise InputError(f"{path}: expected a name that ends in .csv, .parquet or .npz")
    with files.atomic_file(path) as aside:
        if kind == ".npz":
            _write_npz(aside, len(names), parts)
        elif kind == ".parquet":
            _write_parquet(aside, names, parts)
        else:
            with aside.open("w", encoding="utf-8", newline="") as file:
                write_csv(file, names, parts)


def write_csv(
    file: TextIO | codecs.StreamWriter, names: list[str], parts: Iterable[HiddenStates]
) -> None:
    """Write states as CSV with a header; nine digits tell every float32 from the next."""
    out = csv.writer(file, lineterminator="\n")
    out.writerow([*TEXT_COLUMNS, *names])
    for part in parts:
        for row in part.rows():
            out.writerow([row.text, row.step, row.word, *(f"{value:.9g}" for value in row.state)])


def _write_parquet(path: Path, names: list[str], parts: Iterable[HiddenStates]) -> None:
    pyarrow, parquet = libraries()
    kinds = [pyarrow.int64(), pyarrow.int64(), pyarrow.string()]
    kinds += [pyarrow.float32()] * len(names)
    schema = pyarrow.schema(list(zip([*TEXT_COLUMNS, *names], kinds, strict=True)))
    with parquet.ParquetWriter(path, schema) as out:
        for part in parts:
            places = [(row.text, row.step, row.word) for row in part.rows()]
            data = [*zip(*places, strict=True)] or [(), (), ()]
            arrays = [
                pyarrow.array(values, kind)
                for values, kind in zip([*data, *part.states.T], kinds, strict=True)
            ]
            out.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _write_npz(path: Path, size: int, parts: Iterable[HiddenStates]) -> None:
    states, tokens, lengths = [np.empty((0, size), np.float32)], [], [np.zeros(1, np.int64)]
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
