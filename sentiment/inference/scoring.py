"""Score a file of texts: write its rows with label, probability and warnings added.

Memory does not grow with the file.
"""

import hashlib
import json
import shlex
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sentiment import __version__
from sentiment.data import parquet, readers, writers
from sentiment.data.readers import Reader, Row
from sentiment.data.writers import ByteStream
from sentiment.errors import InputError, SentimentError
from sentiment.inference.partial_file import PartialFile
from sentiment.inference.scoring_job import Chunk, ScoringCounts, ScoringJob, ScoringOptions
from sentiment.utils.locks import file_lock

__all__ = [
    "BytesSink",
    "ScoringJob",
    "ScoringOptions",
    "job_identity",
    "open_source",
    "score_to_file",
    "score_to_stream",
]

Report = Callable[[int, int], None]  # called with rows done and bytes read


class BytesSink:
    """Writes rows of a text format to a stream of bytes."""

    def __init__(self, writer: writers.Writer, file: ByteStream):
        self._writer, self._file = writer, file

    def write(self, rows: Sequence[Row], values: Sequence[Sequence[Any]]) -> None:
        """Write a chunk of rows in one call."""
        self._file.write(self._writer.chunk(rows, values))
        self._file.flush()


def open_source(path: Path, text_column: str, stack: ExitStack) -> Reader:
    """Open a file of texts in the format that its name ends in."""
    file = stack.enter_context(readers.open_binary(path))
    if path.suffix.lower() == ".parquet":
        return parquet.ParquetReader(path, file, text_column)
    return readers.make_reader(path, file)


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


def score_to_stream(work: ScoringJob, file: ByteStream, report: Report) -> None:
    """Write the scored rows to `file`, in the format of the input."""

    def after(chunk: Chunk) -> None:
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

    If the work is interrupted, `part` stays for `resume`; if it fails, `part` is removed. If
    resuming is refused, `part` stays as well: the job that it belongs to can still resume. Raises
    InputError if another process writes the same file.
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
            hint = "the same command with --resume"
            if not part.resumable():
                part.discard()
                hint = f"df -h {shlex.quote(str(part.target.parent))}, which shows the free space"
            raise InputError(f"can't write {part.target}: {error.strerror}", hint=hint) from error


def _whole(work: ScoringJob, part: PartialFile, report: Report) -> None:
    """Write a Parquet file, which can't be resumed: its index is written last."""
    try:
        with part.begin() as file:
            score_to_stream(work, file, report)
            part.finish(file)
    except BaseException:
        part.discard()
        raise


def _resumable(
    work: ScoringJob, part: PartialFile, report: Report, state: dict[str, Any] | None
) -> None:
    """Write a file of text; resume from `state` if there is one."""
    with part.begin() if state is None else part.reopen(state["bytes"]) as file:
        if state is not None:
            work.reader.go_to(state["offset"], state["line"])
            work.tally = ScoringCounts(**state["tally"])
        writer = writers.make_writer(work.reader, work.names, defuse=work.rules.defuse)
        if state is None:
            file.write(writer.head)

        def after(chunk: Chunk) -> None:
            progress = {"offset": chunk.offset, "line": chunk.line, "tally": asdict(work.tally)}
            part.save(file, progress)
            report(work.tally.rows, chunk.offset)

        work.run(BytesSink(writer, file), after)
        part.finish(file)
