"""`sentiment predict`."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sentiment.cli._options import ModelOption, TextColumnOption, TextsArgument, check_text_source
from sentiment.cli._terminal import Meter, StandardOutput, print_message, stdout_is_utf8
from sentiment.errors import InputError
from sentiment.utils.paths import find_project
from sentiment.utils.text import count_of

if TYPE_CHECKING:
    from sentiment.data.formats import FileFormat
    from sentiment.inference.bundle import Bundle
    from sentiment.inference.scoring import ScoringJob, ScoringOptions

_EXAMPLE = 'sentiment predict "An unforgettable film."'


_ReadFromOption = Annotated[
    str | None,
    typer.Option("--input", help=".csv, .tsv, .jsonl, .parquet or .txt file of texts"),
]
_WriteToOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        help="file to write: the input with label and probability added, in JSONL and Parquet "
        "warnings as well; a name that is taken becomes predicted_label and so on",
    ),
]
_ThresholdOption = Annotated[
    float,
    typer.Option(metavar="FLOAT", min=0, max=1, help="lowest probability of a positive text"),
]
_NeutralOption = Annotated[
    tuple[float, float] | None,
    typer.Option(
        metavar="LOW HIGH",
        help="probabilities from LOW to HIGH are neutral; replaces --threshold",
    ),
]
_TraceOption = Annotated[bool, typer.Option("--trace", help="show P(positive) after every word")]
_WhyOption = Annotated[
    bool, typer.Option("--why", help="show the effect of the most important words")
]
_HtmlOption = Annotated[
    Path | None, typer.Option(help="write a page that explains one text and works offline")
]
_OnErrorOption = Annotated[
    Literal["fail", "skip", "null"],
    typer.Option(help="on a bad row: stop, leave it out, or write it without a label"),
]
_DefuseOption = Annotated[
    bool,
    typer.Option(
        "--defuse-formulas",
        help="put ' before CSV and TSV cells that a spreadsheet would run as a formula: those "
        "that begin with = + - @, a tab or a line end and are not numbers",
    ),
]
_ResumeOption = Annotated[bool, typer.Option("--resume", help="continue an interrupted job")]
_EngineOption = Annotated[
    Literal["local", "spark"],
    typer.Option(help="where to score --input: here, or with Spark, which writes folders"),
]
_MasterOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Spark master; default: that of SPARK_HOME, or local[*]"),
]
_AsJsonOption = Annotated[bool, typer.Option("--json", help="print one JSON object per text")]
_QuietOption = Annotated[bool, typer.Option("--quiet", help="print errors only")]


def command(
    ctx: typer.Context,
    texts: TextsArgument = None,
    read_from: _ReadFromOption = None,
    write_to: _WriteToOption = None,
    text_column: TextColumnOption = "text",
    model: ModelOption = None,
    threshold: _ThresholdOption = 0.5,
    neutral: _NeutralOption = None,
    trace: _TraceOption = False,
    why: _WhyOption = False,
    html: _HtmlOption = None,
    on_error: _OnErrorOption = "fail",
    defuse: _DefuseOption = False,
    resume: _ResumeOption = False,
    engine: _EngineOption = "local",
    master: _MasterOption = None,
    as_json: _AsJsonOption = False,
    quiet: _QuietOption = False,
) -> None:
    """Print the label and probability of each text, or add them to a file of texts."""
    _check_label_rule(threshold, neutral)
    from sentiment.inference.predict import LabelRule

    rule = LabelRule(threshold, neutral)
    if engine == "spark" or master is not None:
        from sentiment.cli import _predict_spark

        _predict_spark.run(
            ctx, read_from, write_to,
            text_column=text_column, model=model, rule=rule, master=master, quiet=quiet,
        )  # fmt: skip
        return
    source, output = (Path(name) if name is not None else None for name in (read_from, write_to))
    explains = bool(trace or why or html)
    _check_options(source, output, explains=explains, defuse=defuse, resume=resume, as_json=as_json)
    check_text_source(texts, source, _EXAMPLE)
    bundle = _load_model(model, show=not quiet and not as_json)
    from sentiment.inference.scoring import ScoringOptions

    options = ScoringOptions(text_column, on_error, rule, defuse)
    if explains:
        from sentiment.cli._explanation_view import ExplanationOptions, explain_texts

        wanted = ExplanationOptions(trace, why, html, as_json, quiet)
        explain_texts(bundle, texts or ["-"], rule, wanted)
    elif source is None:
        _score_texts(bundle, texts or ["-"], options, as_json=as_json, quiet=quiet)
    else:
        _score_file(bundle, source, output, options, resume=resume, quiet=quiet)


def _load_model(name: str | None, *, show: bool) -> "Bundle":
    """Open the model to predict with; print which one it is if `show`."""
    # The products are small, and more threads only slow NumPy down.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from sentiment.inference import resolve

    bundle = resolve.resolve_model(name, find_project())
    if show:
        print_message(f"model: {bundle.name} ({bundle.folder})")
    return bundle


def _check_options(
    source: Path | None,
    output: Path | None,
    *,
    explains: bool,
    defuse: bool,
    resume: bool,
    as_json: bool,
) -> None:
    from sentiment.data import formats

    file_format = formats.find_format(source) if source else None
    if defuse and not (file_format and file_format.formulas):
        raise typer.BadParameter("--defuse-formulas needs --input FILE, a CSV or TSV file")
    if source is None:
        if output or resume:
            raise typer.BadParameter("--output and --resume need --input FILE")
        return
    if as_json:
        raise typer.BadParameter("--json is for texts: a file keeps its own format")
    if explains:
        raise typer.BadParameter("--trace, --why and --html are for texts, not for --input FILE")
    _check_files(source, output, file_format, resume=resume)


def _check_files(
    source: Path, output: Path | None, file_format: "FileFormat | None", *, resume: bool
) -> None:
    suffix = source.suffix.lower()
    name = suffix.removeprefix(".").capitalize()
    if resume and output is None:
        raise typer.BadParameter("--resume needs --output FILE")
    if resume and file_format and not file_format.resumable:
        raise typer.BadParameter(f"--resume does not work with {name}")
    if file_format and file_format.binary and output is None and sys.stdout.isatty():
        raise typer.BadParameter(f"{name} output needs --output FILE")
    if output is not None:
        if output.suffix.lower() != suffix:
            raise typer.BadParameter(f"{output} must have the format of the input, {suffix}")
        if output.exists() and not output.is_file():
            raise typer.BadParameter(f"{output} is not a regular file")
        if output.exists() and output.samefile(source):
            raise typer.BadParameter(f"{output} is the input")


def _check_label_rule(threshold: float, neutral: tuple[float, float] | None) -> None:
    if not 0 <= threshold <= 1:  # NaN, which Typer's range lets pass
        raise typer.BadParameter(f"expected 0 to 1, got {threshold}", param_hint="--threshold")
    if neutral is None:
        return
    low, high = neutral
    if not 0 <= low <= high <= 1:
        raise typer.BadParameter(
            f"expected 0 <= LOW <= HIGH <= 1, got {low} {high}", param_hint="--neutral"
        )
    if threshold != 0.5:
        raise typer.BadParameter("--neutral replaces --threshold: give only one of them")


def _score_texts(
    bundle: "Bundle", texts: list[str], options: "ScoringOptions", *, as_json: bool, quiet: bool
) -> None:
    """Classify texts that were typed or piped."""
    from dataclasses import replace

    from sentiment.data import readers, writers
    from sentiment.inference import scoring

    reader = readers.ArgumentsReader(texts, sys.stdin.buffer)
    job = scoring.ScoringJob(bundle, reader, replace(options, text_column="text"))
    if as_json:
        writer: writers.Writer = writers.ObjectsWriter(
            reader, job.names, {"model": bundle.name}, ascii_only=not stdout_is_utf8()
        )
    else:
        writer = writers.LinesWriter(reader, job.names)
    job.run(scoring.BytesSink(writer, StandardOutput(lines=not as_json)), lambda _: None)
    if not job.tally.rows and not job.tally.bad:
        raise InputError("standard input held no text", hint=_EXAMPLE)
    if not quiet:
        _report(job, by_text=not as_json)


def _score_file(
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
        reader = scoring.open_source(source, options.text_column, stack)
        job = scoring.ScoringJob(bundle, reader, options, source)
        meter = Meter(source.stat().st_size, shown=not quiet)
        stack.callback(meter.close)
        if output is None:
            scoring.score_to_stream(job, StandardOutput(lines=False), meter)
        else:
            _write_file(job, source, output, meter, resume=resume)
    if not quiet:
        for name, added in zip(writers.ADDED_COLUMNS, job.names, strict=True):
            if name != added:
                print_message(f"{source} already has a column {name!r}: the new one is {added!r}")
        _report(job, by_text=False)
        if output is not None:
            print_message(f"{count_of(job.tally.rows, 'row')} written to {output}")


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


def _report(job: "ScoringJob", *, by_text: bool) -> None:
    """Print bad rows and warnings: one by one for a few texts, counted for many."""
    from sentiment.inference.predict import WARNINGS

    tally = job.tally
    for fact in tally.named:
        print_message(fact)
    if tally.bad:
        action = "left out" if job.rules.on_error == "skip" else "written without a label"
        print_message(f"{count_of(tally.bad, 'bad row')} {action}")
    if by_text and sum(tally.warnings.values()) <= len(tally.warned):
        for number, name in tally.warned:
            print_message(f"warning: text {number}: {WARNINGS[name]}")
        return
    for name, count in tally.warnings.items():
        print_message(f"warning: {count_of(count, 'text')}: {WARNINGS[name]}")
