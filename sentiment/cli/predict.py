"""`sentiment predict`."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sentiment.cli._common import ModelOption
from sentiment.cli._terminal import Meter, Output, say, speaks_utf8
from sentiment.errors import InputError
from sentiment.utils.paths import find_project
from sentiment.utils.text import count_of

if TYPE_CHECKING:
    from sentiment.inference.bundle import Bundle
    from sentiment.inference.scoring import ScoringJob, ScoringOptions

_EXAMPLE = 'sentiment predict "An unforgettable film."'
_ADDED = "adds label and probability (and warnings in JSONL and Parquet), all else kept as it was; "
_RENAMED = "predicted_label where the file has a label, and so on"


def command(
    ctx: typer.Context,
    texts: Annotated[
        list[str] | None, typer.Argument(help="texts; - or a pipe: one text a line")
    ] = None,
    read_from: Annotated[
        str | None,
        typer.Option("--input", help="a file of texts: .csv, .tsv, .jsonl, .parquet or .txt"),
    ] = None,
    write_to: Annotated[
        str | None,
        typer.Option("--output", help=f"where the scored file goes; {_ADDED}{_RENAMED}"),
    ] = None,
    text_column: Annotated[str, typer.Option(help="column that holds the text")] = "text",
    model: ModelOption = None,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="positive from this probability on")
    ] = 0.5,
    neutral: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="neutral from LOW to HIGH, in place of a threshold"),
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="show P(positive) after every word")
    ] = False,
    why: Annotated[
        bool, typer.Option("--why", help="show which words moved the decision, and how far")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="write both for one text as a page that needs no network")
    ] = None,
    on_error: Annotated[
        Literal["fail", "skip", "null"],
        typer.Option(help="a bad row ends the work, is left out, or is kept without a label"),
    ] = "fail",
    defuse: Annotated[
        bool,
        typer.Option(
            "--defuse-formulas",
            help="in CSV and TSV put ' before each cell that a spreadsheet would run: one that "
            "begins with = + - @, a tab or a line end and is no number; else cells stay as they "
            "were",
        ),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="go on with an interrupted job")] = False,
    engine: Annotated[
        Literal["local", "spark"],
        typer.Option(help="what scores --input: this machine, or Spark, which writes folders"),
    ] = "local",
    master: Annotated[
        str | None,
        typer.Option(metavar="URL", help="of Spark; else what SPARK_HOME configures, or local[*]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="a JSON object a line")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="say nothing but errors")] = False,
) -> None:
    """Print the label and the probability of each text, or add them to a file of texts."""
    _check_band(threshold, neutral)
    from sentiment.inference.predict import LabelRule

    bands = LabelRule(threshold, neutral)
    if engine == "spark" or master is not None:
        from sentiment.cli import _predict_spark

        _predict_spark.run(
            ctx, read_from, write_to,
            text_column=text_column, model=model, bands=bands, master=master, quiet=quiet,
        )  # fmt: skip
        return
    source, output = (Path(name) if name is not None else None for name in (read_from, write_to))
    _check_usage(texts, source, output, resume=resume, as_json=as_json)
    if defuse and (source is None or source.suffix.lower() not in (".csv", ".tsv")):
        raise typer.BadParameter("--defuse-formulas goes with --input FILE, a CSV or TSV file")
    if source and (trace or why or html):
        raise typer.BadParameter("--trace, --why and --html are for texts, not for --input FILE")
    # NumPy's threads get in each other's way here: the products are small.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from sentiment.inference import resolve
    from sentiment.inference.scoring import ScoringOptions

    rules = ScoringOptions(text_column, on_error, bands, defuse)
    opened = resolve.resolve_model(model, find_project())
    if not quiet and not as_json:
        say(f"model: {opened.name} ({opened.folder})")
    if trace or why or html:
        from sentiment.cli._explain import Wanted, answer

        wanted = Wanted(trace, why, html)
        answer(opened, texts or ["-"], rules.bands, wanted, as_json=as_json, quiet=quiet)
    elif source is None:
        _texts(opened, texts or ["-"], rules, as_json=as_json, quiet=quiet)
    else:
        _file(opened, source, output, rules, resume=resume, quiet=quiet)


def _check_usage(
    texts: list[str] | None,
    source: Path | None,
    output: Path | None,
    *,
    resume: bool,
    as_json: bool,
) -> None:
    if source is None:
        if output or resume:
            raise typer.BadParameter("--output and --resume go with --input FILE")
        if not texts and sys.stdin.isatty():
            raise InputError("no text was given", hint=_EXAMPLE)
        return
    if texts:
        raise typer.BadParameter("texts are given, or --input FILE, not both")
    if as_json:
        raise typer.BadParameter("--json is for texts: a file is written in its own format")
    _check_files(source, output, resume=resume)


def _check_files(source: Path, output: Path | None, *, resume: bool) -> None:
    kind = source.suffix.lower()
    if resume and (output is None or kind == ".parquet"):
        raise typer.BadParameter("--resume goes with --output, and not with Parquet")
    if kind == ".parquet" and output is None and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is nothing that a terminal shows: name --output")
    if output is not None:
        if output.suffix.lower() != kind:
            raise typer.BadParameter(f"{output}: the output has the input's format, {kind}")
        if output.exists() and (not output.is_file() or output.samefile(source)):
            raise typer.BadParameter(f"{output} is the input, or no ordinary file")


def _check_band(threshold: float, neutral: tuple[float, float] | None) -> None:
    if not 0 <= threshold <= 1:  # NaN, which a range lets pass
        raise typer.BadParameter(f"expected 0 to 1, got {threshold}", param_hint="--threshold")
    if neutral is None:
        return
    low, high = neutral
    if not 0 <= low <= high <= 1:
        raise typer.BadParameter(
            f"expected 0 <= LOW <= HIGH <= 1, got {low} {high}", param_hint="--neutral"
        )
    if threshold != 0.5:
        raise typer.BadParameter("--neutral takes the place of --threshold: give one of them")


def _texts(
    opened: "Bundle", texts: list[str], rules: "ScoringOptions", *, as_json: bool, quiet: bool
) -> None:
    """Classify texts that were typed or piped."""
    from dataclasses import replace

    from sentiment.data import readers, writers
    from sentiment.inference import scoring

    reader = readers.ArgumentsReader(texts, sys.stdin.buffer)
    work = scoring.ScoringJob(opened, reader, replace(rules, text_column="text"))
    if as_json:
        writer: writers.Writer = writers.ObjectsWriter(
            reader, work.names, {"model": opened.name}, ascii_only=not speaks_utf8()
        )
    else:
        writer = writers.make_writer(reader, work.names)
    work.run(scoring.BytesSink(writer, Output(lines=not as_json)), lambda _: None)
    if not work.tally.rows and not work.tally.bad:
        raise InputError("standard input held no text", hint=_EXAMPLE)
    if not quiet:
        _remark(work, one_by_one=not as_json)


def _file(
    opened: "Bundle",
    source: Path,
    output: Path | None,
    rules: "ScoringOptions",
    *,
    resume: bool,
    quiet: bool,
) -> None:
    """Classify a file."""
    from sentiment.data import writers
    from sentiment.inference import scoring
    from sentiment.inference.partial_file import PartialFile

    with ExitStack() as stack:
        reader = scoring.open_source(source, rules.text_column, stack)
        work = scoring.ScoringJob(opened, reader, rules, source)
        meter = Meter(source.stat().st_size, shown=not quiet)
        stack.callback(meter.close)
        if output is None:
            scoring.score_to_stream(work, Output(lines=False), meter)
        else:
            part = PartialFile(output, scoring.job_identity(work, source))
            try:
                scoring.score_to_file(work, part, meter, resume=resume)
            except KeyboardInterrupt:
                meter.close()
                if part.resumable():
                    say("The same command with --resume goes on from here.")
                raise
    if not quiet:
        for name, ours in zip(writers.ADDED_COLUMNS, work.names, strict=True):
            if name != ours:
                say(f"{source} has a column {name!r} already: ours is {ours!r}")
        _remark(work, one_by_one=False)
        if output is not None:
            say(f"{count_of(work.tally.rows, 'row')} written to {output}")


def _remark(work: "ScoringJob", *, one_by_one: bool) -> None:
    """Say what was left out and what is doubtful: each for a few texts, counted for many."""
    from sentiment.inference.predict import WARNINGS

    tally = work.tally
    for fact in tally.named:
        say(fact)
    if tally.bad:
        done = "left out" if work.rules.on_error == "skip" else "kept without a label"
        say(f"{count_of(tally.bad, 'bad row')} {done}")
    if one_by_one and sum(tally.warnings.values()) <= len(tally.warned):
        for number, name in tally.warned:
            say(f"warning: text {number}: {WARNINGS[name]}")
        return
    for name, times in tally.warnings.items():
        say(f"warning: {count_of(times, 'text')}: {WARNINGS[name]}")
