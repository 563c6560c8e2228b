"""Score a file of texts: write its rows with label, probability and warnings added.

Memory does not grow with the file.
"""

import hashlib
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sentiment import __version__
from sentiment.data import formats
from sentiment.data.compression import compressed
from sentiment.data.readers import Row
from sentiment.data.writers import ByteStream, Writer
from sentiment.errors import InputError, SentimentError, WorkerLostError
from sentiment.inference.partial_file import HINT, PartialFile
from sentiment.inference.scoring_job import Chunk, ScoringCounts, ScoringJob, ScoringOptions
from sentiment.utils import files
from sentiment.utils.locks import file_lock
from sentiment.utils.typed_json import typed

__all__ = [
    "BytesSink",
    "ScoringJob",
    "ScoringOptions",
    "job_identity",
    "score_to_file",
    "score_to_stream",
]

_RESUME = "the same command with --resume"
Report = Callable[[int, int], None]  # called with rows done and bytes read


@dataclass(frozen=True)
class _Progress:
    """How far an interrupted job had come: bytes and lines of the input, and bytes written."""

    offset: int
    line: int
    tally: ScoringCounts
    bytes: int


class BytesSink:
    """Writes rows to a stream of bytes."""

    def __init__(self, writer: Writer, file: ByteStream):
        self._writer, self._file = writer, file

    def write(self, rows: Sequence[Row], values: Sequence[Sequence[Any]]) -> None:
        """Write a chunk of rows in one call."""
        self._file.write(self._writer.chunk(rows, values))
        self._file.flush()

    def finish(self) -> None:
        """Write the bytes that the format has after the last row."""
        if tail := self._writer.tail():
            self._file.write(tail)


def job_identity(work: ScoringJob, source: Path) -> dict[str, Any]:
    """Return what must not change for an interrupted job to resume."""
    status = source.stat()
    model_files = json.dumps(work.bundle.manifest.files, sort_keys=True)
    return {
        "the input file": [str(source.resolve()), status.st_size, status.st_mtime_ns],
        "the model": hashlib.sha256(model_files.encode()).hexdigest(),
        "a setting": json.loads(json.dumps(asdict(work.rules))),
        "the version of this program": __version__,
    }


def _source(work: ScoringJob) -> Path:
    if work.source is None:
        raise ValueError("expected a job on a file, got one on typed texts")
    return work.source


def _make_writer(work: ScoringJob) -> Writer:
    return formats.make_writer(
        _source(work),
        work.reader,
        work.names,
        options=work.rules.reading,
        defuse=work.rules.defuse,
        warnings=work.rules.warnings,
    )


def score_to_stream(work: ScoringJob, file: ByteStream, report: Report) -> None:
    """Write the scored rows to `file`, in the format of the input."""

    def after(chunk: Chunk) -> None:
        report(work.tally.rows, chunk.position)

    writer = _make_writer(work)
    file.write(writer.head)
    sink = BytesSink(writer, file)
    try:
        work.run(sink, after)
    finally:
        sink.finish()


def score_to_file(work: ScoringJob, part: PartialFile, report: Report, *, resume: bool) -> None:
    """Write the scored rows to the file that `part` becomes.

    If the work is interrupted, `part` stays for `resume`, unless nothing of it is recorded yet; if
    it fails, `part` is removed. If resuming is refused, `part` stays as well: the job that it
    belongs to can still resume. Raises InputError if another process writes the same file, and
    WorkerLostError if a process of the work is killed.
    """
    with file_lock(part.lock, f"writing {part.target}"):
        state = part.state() if resume else None
        try:
            if work.reader.resumable:
                _resumable(work, part, report, state)
            else:
                _whole(work, part, report)
        except WorkerLostError as error:
            if part.resumable():
                raise WorkerLostError(error.fact, hint=_RESUME) from error
            part.discard()
            raise
        except SentimentError:
            part.discard()
            raise
        except OSError as error:
            hint = _RESUME
            if not part.resumable():
                part.discard()
                hint = f"df -h {shlex.quote(str(part.target.parent))}"
            reason = error.strerror or error
            raise InputError(f"can't write {part.target}: {reason}", hint=hint) from error
        except BaseException:
            if not part.resumable():  # interrupted before anything was recorded
                part.discard()
            raise


def _whole(work: ScoringJob, part: PartialFile, report: Report) -> None:
    """Write a file in a format that can't be resumed, such as Parquet."""
    try:
        with part.begin() as file:
            target = compressed(file, part.target)
            score_to_stream(work, target, report)
            target.flush()
            part.finish(file)
    except BaseException:
        part.discard()
        raise


def _resumable(
    work: ScoringJob, part: PartialFile, report: Report, state: dict[str, Any] | None
) -> None:
    """Write a file in a format that can be resumed; resume from `state` if there is one."""
    with part.begin() if state is None else part.reopen(state["bytes"]) as file:
        if state is not None:
            with files.read_errors(part.record, hint=HINT):
                done = typed(_Progress, state, "state")
                if min(done.offset, done.line, done.tally.blank) < 0:
                    raise ValueError("a count is below 0")
            work.resume(done.offset, done.line, done.tally)
        writer, target = _make_writer(work), compressed(file, part.target)
        if state is None:
            target.write(writer.head)

        def after(chunk: Chunk) -> None:
            progress = {"offset": chunk.offset, "line": chunk.line, "tally": asdict(work.tally)}
            part.save(file, progress)
            report(work.tally.rows, chunk.position)

        sink = BytesSink(writer, target)
        work.run(sink, after)
        sink.finish()
        target.flush()
        part.finish(file)
