"""`sentiment predict --input`: score a file or a folder of files."""

import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import typer

from sentiment.cli._predict_report import STANDARD_INPUT, report
from sentiment.cli._terminal import Meter, StandardOutput, print_message
from sentiment.utils.text import count_of

if TYPE_CHECKING:
    from sentiment.data.readers import Reader, ReadOptions
    from sentiment.inference.bundle import Bundle
    from sentiment.inference.scoring import ScoringJob, ScoringOptions


def check_files(
    source: Path, output: Path | None, reading: "ReadOptions", *, defuse: bool, warnings: bool
) -> None:
    from sentiment.data import formats
    from sentiment.data.compression import without_compression

    if source == STANDARD_INPUT and not reading.format:
        raise typer.BadParameter(f"--input - needs --format: {', '.join(formats.FORMATS)}")
    name = formats.output_name(source, reading)
    if defuse and not formats.FORMATS[name].formulas:
        raise typer.BadParameter("--defuse-formulas needs a table such as CSV as its input")
    if warnings and name == "txt":
        raise typer.BadParameter("--warnings needs a table such as CSV as its input")
    if output is None:
        if formats.FORMATS[name].binary and sys.stdout.isatty():
            raise typer.BadParameter(f"{name.capitalize()} output needs --output FILE")
        return
    if output.exists() and not output.is_file():
        raise typer.BadParameter(f"{output} is not a regular file")
    if not reading.format and formats.format_name(output) != name:
        raise typer.BadParameter(f"{output} must have the format of the result, .{name}")
    if formats.FORMATS[name].binary and without_compression(output) != output:
        raise typer.BadParameter(f"{output}: {name.capitalize()} files are compressed within")
    if output.exists() and source.exists() and output.samefile(source):
        raise typer.BadParameter(f"{output} is the input")


def score_file(
    bundle: "Bundle",
    source: Path,
    output: Path | None,
    options: "ScoringOptions",
    *,
    resume: bool,
    quiet: bool,
) -> None:
    """Classify the texts of a file."""
    from sentiment.data import writers
    from sentiment.inference import scoring

    with ExitStack() as stack:
        reader = _open(source, options.reading, stack)
        if resume and not reader.resumable:
            raise typer.BadParameter(f"--resume does not work with {source}")
        job = scoring.ScoringJob(bundle, reader, options, source)
        if job.text_column != options.text_column and not quiet:
            print_message(f"text column: {job.text_column}")
        meter = Meter(_size(source), shown=not quiet)
        stack.callback(meter.close)
        if output is None:
            scoring.score_to_stream(job, StandardOutput(lines=False), meter)
        else:
            _write_file(job, source, output, meter, resume=resume)
    if not quiet:
        wanted = writers.added_columns(evidence=options.evidence)
        for name, added in zip(wanted, job.names, strict=True):
            if name != added:
                print_message(f"{source} already has a column {name!r}: the new one is {added!r}")
        report(job, by_text=False)
        if output is not None:
            recoded = "" if reader.encoding == "utf-8" else f" in UTF-8, from {reader.encoding}"
            print_message(f"{count_of(job.tally.rows, 'row')} written to {output}{recoded}")


def _open(source: Path, reading: "ReadOptions", stack: ExitStack) -> "Reader":
    from sentiment.data import formats

    if source == STANDARD_INPUT:
        file: BinaryIO = sys.stdin.buffer
        if formats.FORMATS[formats.format_name(source, reading)].binary:
            spooled = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
            shutil.copyfileobj(file, spooled)  # these are read from their end
            spooled.seek(0)
            file = cast(BinaryIO, spooled)
        return formats.make_reader(source, file, reading)
    return formats.open_reader(source, reading, stack)


def _size(source: Path) -> int:
    """Return the size of a file, or of all files in a folder, in bytes; 0 for standard input."""
    paths = source.iterdir() if source.is_dir() else [source]
    return sum(path.stat().st_size for path in paths if path.exists())


def _write_file(
    job: "ScoringJob", source: Path, output: Path, meter: Meter, *, resume: bool
) -> None:
    from sentiment.inference import scoring
    from sentiment.inference.partial_file import PartialFile

    partial = PartialFile(output, scoring.job_identity(job, source))
    try:
        scoring.score_to_file(job, partial, meter, resume=resume)
    except KeyboardInterrupt:
        meter.close()
        if partial.resumable():
            print_message("Try: the same command with --resume, which continues from here")
        raise
