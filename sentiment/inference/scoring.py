"""Stage 5: rows of a file in, the same rows with label, probability and warnings out.

Knows the order of the work: read, classify (in several processes where there is much), write.
Imports neither TensorFlow nor MLflow. Memory does not grow with the file.
"""

import hashlib
import json
import shlex
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

from sentiment import __version__
from sentiment.data import parquet, readers, writers
from sentiment.data.readers import Reader, Row
from sentiment.data.writers import ByteStream
from sentiment.errors import InputError, SentimentError
from sentiment.inference import predict, validation
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.partial_file import PartialFile
from sentiment.inference.predict import LabelRule, Prediction
from sentiment.utils.locks import file_lock

ON_ERROR = ("fail", "skip", "null")
EXAMPLES = 10  # bad rows and warnings that are named one by one; others are counted

PredictTexts = Callable[[Sequence[str]], list[Prediction]]
Report = Callable[[int, int], None]  # rows done, bytes read


class RowSink(Protocol):
    """Where rows go with the values added to each."""

    def write(self, rows: Sequence[Row], values: Sequence[Sequence[Any]]) -> None:
        """Write a chunk of rows."""


@dataclass(frozen=True)
class ScoringOptions:
    """How rows become labels, and what is done with those that can't: fail, skip or null.

    defuse: keep spreadsheets from taking cells for formulas.
    """

    text_column: str = "text"
    on_error: str = "fail"
    bands: LabelRule = field(default_factory=LabelRule)
    defuse: bool = False


@dataclass
class ScoringCounts:
    """What has been done so far. `warned` and `named` hold the first few, `warnings` all."""

    rows: int = 0
    bad: int = 0
    named: list[str] = field(default_factory=list)
    warnings: dict[str, int] = field(default_factory=dict)
    warned: list[tuple[int, str]] = field(default_factory=list)

    def note(self, line: int, names: Iterable[str]) -> None:
        """Count the warnings of a row."""
        for name in names:
            self.warnings[name] = self.warnings.get(name, 0) + 1
            if len(self.warned) < EXAMPLES:
                self.warned.append((line, name))


class ScoringJob:
    """The work on one input. `tally` grows as `run` goes on."""

    def __init__(
        self, bundle: Bundle, reader: Reader, rules: ScoringOptions, source: Path | None = None
    ):
        self.bundle, self.reader, self.rules, self.source = bundle, reader, rules, source
        self.tally = ScoringCounts()
        if reader.columns is not None and rules.text_column not in reader.columns:
            have = ", ".join(reader.columns) or "no header"
            raise InputError(
                f"{source}: no column {rules.text_column!r}; it has {have}",
                hint="name yours with --text-column",
            )
        self.names = tuple(
            writers.free_column_name(name, self._taken()) for name in writers.ADDED_COLUMNS
        )

    def _taken(self) -> Iterable[str]:
        """Return the names of the input's columns; the first object's where there is no header."""
        if self.reader.columns is not None:
            return self.reader.columns
        first = next(self.reader.chunks(), [])
        self.reader.go_to(0, 0)
        return next((row.fields for row in first if not row.wrong), {})

    def run(self, sink: RowSink, after: Callable[["_Chunk"], None]) -> None:
        """Classify every row and write it to `sink`; call `after` behind each chunk.

        Raises InputError, naming the line, where a row is bad and the rules say `fail`.
        """
        judge = partial(predict.predict, Classifier(self.bundle), self.rules.bands)
        # Closed at once where the work fails, and with it the processes that do it.
        with closing(_answers(judge, self._jobs())) as answers:
            for chunk, said in answers:
                rows, values = self._settle(chunk, said)
                sink.write(rows, values)
                self.tally.rows += len(rows)
                after(chunk)

    def _jobs(self) -> Iterator[tuple["_Chunk", list[str]]]:
        for rows in self.reader.chunks():
            wrong = [row.wrong or self._misfit(row) for row in rows]
            texts = [
                row.fields[self.rules.text_column]
                for row, fault in zip(rows, wrong, strict=True)
                if not fault
            ]
            yield _Chunk(rows, wrong, self.reader.offset, self.reader.line), texts

    def _misfit(self, row: Row) -> str | None:
        added = self.names if self.reader.columns is None else ()
        return validation.column_error(row.fields, self.rules.text_column, added)

    def _settle(self, chunk: "_Chunk", said: list[Prediction]) -> tuple[list[Row], list[tuple]]:
        """Return the rows to write and the values added to each."""
        answers = iter(said)
        subject = " " if self.source is None else ": the text "
        rows, values = [], []
        for row, wrong in zip(chunk.rows, chunk.wrong, strict=True):
            one = Prediction(None, None, wrong=wrong) if wrong else next(answers)
            if one.wrong:
                self._blame(row, f": {wrong}" if wrong else subject + one.wrong)
                if self.rules.on_error == "skip":
                    continue
            self.tally.note(row.line, one.warnings)
            rows.append(row)
            values.append((one.label, one.probability, list(one.warnings)))
        return rows, values

    def _blame(self, row: Row, fault: str) -> None:
        place = f"{self.source}, " if self.source else ""
        fact = f"{place}{self.reader.unit} {row.line}{fault}"
        if self.rules.on_error == "fail":
            raise InputError(
                fact,
                hint="--on-error skip, which leaves such rows out, or null, which keeps them",
            )
        self.tally.bad += 1
        if len(self.tally.named) < EXAMPLES:
            self.tally.named.append(fact)


@dataclass(frozen=True)
class _Chunk:
    """Rows, what is wrong with each before it is classified, and where the reader then stood."""

    rows: list[Row]
    wrong: list[str | None]
    offset: int
    line: int


def _answers(judge: PredictTexts, jobs: Iterator) -> Generator[tuple[_Chunk, list[Prediction]]]:
    """Yield each chunk and what is said of its texts; one chunk alone needs no processes."""
    head = list(islice(jobs, 2))
    if len(head) < 2:
        yield from ((chunk, judge(texts)) for chunk, texts in head)
        return
    from sentiment.inference import (
        worker_pool,  # takes 20 ms, which a short text needn't wait for
    )

    yield from worker_pool.ordered_map(judge, chain(head, jobs))


class BytesSink:
    """Writes rows of a text format to a stream of bytes."""

    def __init__(self, writer: writers.Writer, file: ByteStream):
        self._writer, self._file = writer, file

    def write(self, rows: Sequence[Row], values: Sequence[Sequence[Any]]) -> None:
        """Write a chunk at one stroke."""
        self._file.write(self._writer.chunk(rows, values))
        self._file.flush()


def open_source(path: Path, text_column: str, stack: ExitStack) -> Reader:
    """Open a file of texts, by the kind that its name tells."""
    file = stack.enter_context(readers.open_binary(path))
    if path.suffix.lower() == ".parquet":
        return parquet.ParquetReader(path, file, text_column)
    return readers.make_reader(path, file)


def job_identity(work: ScoringJob, source: Path) -> dict[str, Any]:
    """Return what must be the same for an interrupted job to go on."""
    there = source.stat()
    parts = json.dumps(work.bundle.record["files"], sort_keys=True)
    return {
        "the input file": [str(source.resolve()), there.st_size, there.st_mtime_ns],
        "the model": hashlib.sha256(parts.encode()).hexdigest(),
        "a setting": json.loads(json.dumps(asdict(work.rules))),
        "the version of this program": __version__,
    }


def score_to_stream(work: ScoringJob, file: ByteStream, report: Report) -> None:
    """Write the scored rows to `file`, in the format of the input."""

    def after(chunk: _Chunk) -> None:
        report(work.tally.rows, chunk.offset)

    if isinstance(work.reader, parquet.ParquetReader):
        with closing(parquet.ParquetWriter(work.reader, work.names, file)) as sink:
            work.run(sink, after)
    else:
        writer = writers.make_writer(work.reader, work.names, defuse=work.rules.defuse)
        file.write(writer.head)
        work.run(BytesSink(writer, file), after)


def score_to_file(work: ScoringJob, part: PartialFile, report: Report, *, resume: bool) -> None:
    """Write the scored rows to the file that `part` becomes.

    Where the work is interrupted the part stays, for `resume`; where it fails, nothing does. Where
    going on is refused the part stays as well: the job that it belongs to can still go on. Raises
    InputError where another process writes the same file.
    """
    with file_lock(part.lock, f"writing {part.target}"):
        state = part.state() if resume else None
        try:
            if isinstance(work.reader, parquet.ParquetReader):
                _whole(work, part, report)
            else:
                _resumable(work, part, report, state)
        except SentimentError:
            part.discard()
            raise
        except OSError as error:
            if error.errno is None:
                raise
            hint = "the same command with --resume, which goes on from here"
            if not part.resumable():
                part.discard()
                hint = (
                    f"df -h {shlex.quote(str(part.target.parent))}, which tells what room is left"
                )
            raise InputError(f"can't write {part.target}: {error.strerror}", hint=hint) from error


def _whole(work: ScoringJob, part: PartialFile, report: Report) -> None:
    """Write a Parquet file, which can't be gone on with: its index is written last."""
    try:
        with part.begin() as file:
            score_to_stream(work, file, report)
            part.finish(file)
    except BaseException:
        part.discard()
        raise


def _resumable(work: ScoringJob, part: PartialFile, report: Report, state: dict | None) -> None:
    """Write a file of text, from where `state` tells."""
    with part.begin() if state is None else part.reopen(state["bytes"]) as file:
        if state is not None:
            work.reader.go_to(state["offset"], state["line"])
            work.tally = ScoringCounts(**state["tally"])
        writer = writers.make_writer(work.reader, work.names, defuse=work.rules.defuse)
        if state is None:
            file.write(writer.head)

        def after(chunk: _Chunk) -> None:
            done = {"offset": chunk.offset, "line": chunk.line, "tally": asdict(work.tally)}
            part.save(file, done)
            report(work.tally.rows, chunk.offset)

        work.run(BytesSink(writer, file), after)
        part.finish(file)
