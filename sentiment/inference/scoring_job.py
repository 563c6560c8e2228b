"""Classify the rows of one input: read, predict in several processes, write, count."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

from sentiment.data import text_stream, writers
from sentiment.data.columns import find_column
from sentiment.data.readers import Reader, ReadOptions, Row
from sentiment.errors import InputError
from sentiment.inference import predict, validation
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import LabelRule, Prediction

MAX_EXAMPLES = 10  # bad rows and warnings that are listed one by one; all are counted

PredictTexts = Callable[[list[str]], list[Prediction]]


class RowSink(Protocol):
    """Where rows go, with the values added to each."""

    def write(self, rows: Sequence[Row], values: Sequence[Sequence[Any]]) -> None:
        """Write a chunk of rows."""


@dataclass(frozen=True)
class ScoringOptions:
    """How rows become labels.

    on_error: fail, skip or null, for rows that can't be classified; bands: how a probability
    becomes a label; defuse: keep spreadsheets from running cells as formulas; reading: how the file
    is read; warnings: add them to tables as well; evidence: add it.
    """

    text_column: str = "text"
    on_error: str = "fail"
    bands: LabelRule = field(default_factory=LabelRule)
    defuse: bool = False
    reading: ReadOptions = field(default_factory=ReadOptions)
    warnings: bool = False
    evidence: bool = False


@dataclass
class ScoringCounts:
    """The progress of a job.

    rows: rows written; bad: lines of rows that could not be classified; named: what is wrong with
    the first of these; blank: lines that hold no row; doubts: rows that may hold several, by line;
    warnings: texts with each warning, by its name; warned: line and name of the first.
    """

    rows: int = 0
    bad: int = 0
    named: list[str] = field(default_factory=list)
    blank: int = 0
    doubtful: int = 0
    doubts: list[str] = field(default_factory=list)
    warnings: dict[str, int] = field(default_factory=dict)
    warned: list[tuple[int, str]] = field(default_factory=list)

    def add_bad_row(self, message: str, lines: int) -> None:
        """Count a row that can't be classified, by its lines."""
        self.bad += lines
        if len(self.named) < MAX_EXAMPLES:
            self.named.append(message)

    def add_doubt(self, message: str) -> None:
        """Count a row that may hold several."""
        self.doubtful += 1
        if len(self.doubts) < MAX_EXAMPLES:
            self.doubts.append(message)

    def add_warnings(self, line: int, names: Iterable[str]) -> None:
        """Count the warnings of a row."""
        for name in names:
            self.warnings[name] = self.warnings.get(name, 0) + 1
            if len(self.warned) < MAX_EXAMPLES:
                self.warned.append((line, name))


@dataclass(frozen=True)
class Chunk:
    """Rows read at once.

    errors: why each row can't be classified, or None; offset, line and blank: how far the file is
    read, and how many lines without a row it has up to there; position: bytes of the file itself.
    """

    rows: list[Row]
    errors: list[str | None]
    offset: int
    line: int
    blank: int
    position: int


class ScoringJob:
    """The scoring of one input.

    `tally` grows while `run` works; `names` are the added columns, `text_column` is the one found.
    """

    _source: Iterator[list[Row]]

    def __init__(
        self, bundle: Bundle, reader: Reader, rules: ScoringOptions, source: Path | None = None
    ):
        self.bundle, self.reader, self.rules, self.source = bundle, reader, rules, source
        self.tally = ScoringCounts()
        self._source = reader.chunks()
        taken = list(self._input_columns())
        self.text_column = self._find_text_column(taken)
        reader.need([self.text_column])
        wanted = writers.added_columns(evidence=rules.evidence)
        self.names = tuple(writers.free_column_name(name, taken) for name in wanted)
        self._written = {self.text_column, *self.names}

    def _input_columns(self) -> Iterable[str]:
        """Return the columns of the input; without a header, the fields of its first object."""
        if self.reader.columns is not None:
            return self.reader.columns
        first = next(self._source, [])
        self._source = chain(iter([first] if first else []), self._source)
        return next((row.fields for row in first if not row.wrong), {})

    def _find_text_column(self, columns: list[str]) -> str:
        try:
            return find_column(columns, self.rules.text_column)
        except InputError as error:
            if self.reader.columns is None:
                return self.rules.text_column  # rows without a header may differ in their fields
            raise InputError(f"{self.source}: {error.fact}", hint=error.hint) from error

    def resume(self, offset: int, line: int, tally: ScoringCounts) -> None:
        """Continue a job that had come to `offset`, the end of line `line`, before it runs."""
        self.reader.go_to(offset, line)
        self.reader.blank_lines = tally.blank
        self._source = self.reader.chunks()
        self.tally = tally

    def run(self, sink: RowSink, after: Callable[[Chunk], None]) -> None:
        """Classify every row and write it to `sink`; call `after` with each chunk written.

        Raises InputError, naming the line, if a row is bad and `on_error` is `fail`.
        """
        function = partial(predict.predict, Classifier(self.bundle), self.rules.bands)
        # Closed as soon as the work fails, which ends the worker processes.
        with closing(_predict_chunks(function, self._chunks())) as results:
            for chunk, predictions in results:
                rows, values = self._added_values(chunk, predictions)
                sink.write(rows, values)
                self.tally.rows += len(rows)
                self.tally.blank = chunk.blank
                after(chunk)
        self.tally.blank = self.reader.blank_lines

    def _chunks(self) -> Iterator[tuple[Chunk, list[str]]]:
        """Yield each chunk and the texts in it that can be classified."""
        for rows in self._source:
            errors = [row.wrong or self._column_error(row) for row in rows]
            texts = [
                row.fields[self.text_column]
                for row, error in zip(rows, errors, strict=True)
                if not error
            ]
            rows = [self._lighter(row) for row in rows]
            reader = self.reader
            done = (reader.offset, reader.line, reader.blank_lines, reader.position())
            yield Chunk(rows, errors, *done), texts

    def _lighter(self, row: Row) -> Row:
        """Return a row with the fields that a writer needs; a dozen chunks wait to be written."""
        if row.fields.keys() <= self._written:
            return row
        fields = {name: value for name, value in row.fields.items() if name in self._written}
        return row._replace(fields=fields)

    def _column_error(self, row: Row) -> str | None:
        added = self.names if self.reader.columns is None else ()
        return validation.column_error(row.fields, self.text_column, added)

    def _added_values(
        self, chunk: Chunk, predictions: list[Prediction]
    ) -> tuple[list[Row], list[tuple[Any, ...]]]:
        """Return the rows to write and the values added to each."""
        remaining = iter(predictions)
        text = " " if self.source is None else ": the text "
        rows, values = [], []
        for row, error in zip(chunk.rows, chunk.errors, strict=True):
            result = Prediction(None, None, wrong=error) if error else next(remaining)
            if result.wrong:
                self._handle_bad_row(row, f": {error}" if error else text + result.wrong)
                if self.rules.on_error == "skip":
                    continue
            if row.doubt:
                self.tally.add_doubt(f"{self._place(row)}: {row.doubt}")
            self.tally.add_warnings(row.line, result.warnings)
            rows.append(row)
            evidence = (result.evidence,) if self.rules.evidence else ()
            values.append((result.label, result.probability, *evidence, list(result.warnings)))
        return rows, values

    def _handle_bad_row(self, row: Row, error: str) -> None:
        """Count a bad row, or raise InputError if `on_error` is `fail`."""
        fact = f"{self._place(row)}{error}"
        if self.rules.on_error == "fail":
            hint = "--on-error skip to leave such rows out, or null to keep them"
            if self.source is not None and row.wrong and self.reader.undecodable:
                hint = f"{text_stream.decoding_hint(self.source, self.reader.encoding)}; or {hint}"
            raise InputError(fact, hint=hint)
        self.tally.add_bad_row(fact, row.lines)

    def _place(self, row: Row) -> str:
        """Return where a row is: the file, and its line or lines."""
        path = self.source / row.file if self.source and row.file else self.source
        file = f"{path}, " if path else ""
        if row.lines == 1:
            return f"{file}{self.reader.unit} {row.line}"
        return f"{file}{self.reader.unit}s {row.line} to {row.line + row.lines - 1}"


def _predict_chunks(
    function: PredictTexts, jobs: Iterator[tuple[Chunk, list[str]]]
) -> Generator[tuple[Chunk, list[Prediction]]]:
    """Yield each chunk and the predictions for its texts; a single chunk needs no processes."""
    head = list(islice(jobs, 2))
    if len(head) < 2:
        yield from ((chunk, function(texts)) for chunk, texts in head)
        return
    from sentiment.inference import worker_pool  # here: a single text need not wait 20 ms for it

    jobs = chain(iter(head), jobs)
    del head  # it would stay in memory to the end
    yield from worker_pool.ordered_map(function, jobs)
