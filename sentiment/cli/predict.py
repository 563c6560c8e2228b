"""`sentiment predict`."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sentiment.cli._label_rule import (
    NeutralCommand,
    NeutralOption,
    ThresholdOption,
    check_rule,
    is_auto,
    model_rule,
)
from sentiment.cli._options import (
    FILES,
    InputOption,
    ModelOption,
    TextColumnOption,
    TextsArgument,
    check_text_source,
    reading_options,
    refuse_ignored,
    refuse_ignored_reading,
)
from sentiment.cli._predict_report import STANDARD_INPUT, Display, report, report_bad_rows
from sentiment.cli._terminal import StandardOutput, print_message, stdout_is_utf8
from sentiment.errors import InputError
from sentiment.inference import trained_models
from sentiment.utils.paths import find_project

if TYPE_CHECKING:
    from sentiment.data.readers import ReadOptions
    from sentiment.inference.bundle import Bundle
    from sentiment.inference.scoring import ScoringOptions

_EXAMPLE = 'sentiment predict "An unforgettable film."'
COMMAND_CLASS = NeutralCommand
EXAMPLES = {
    _EXAMPLE: "classify a text",
    'sentiment predict --why "Not bad at all."': "show which words decided",
    "sentiment predict -i reviews.csv -o labelled.csv": "add label and probability to a file",
    "cat reviews.txt | sentiment predict - --json": "one text per line in, JSON out",
}
_EXPLAIN = "Explanations"
_SPARK = "Spark"

_WriteToOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="file to write: the input with the columns label and probability added; compressed "
        "if its name ends in .gz, .bz2, .xz or .zst",
        rich_help_panel=FILES,
    ),
]
_EvidenceOption = Annotated[
    bool,
    typer.Option(
        "--evidence", help="add how many different words speak for the label of each text"
    ),
]
_TraceOption = Annotated[
    bool,
    typer.Option("--trace", help="show P(positive) after every word", rich_help_panel=_EXPLAIN),
]
_WhyOption = Annotated[
    bool,
    typer.Option(
        "--why", help="show the effect of the most important words", rich_help_panel=_EXPLAIN
    ),
]
_HtmlOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="write a page that explains one text and works offline",
        rich_help_panel=_EXPLAIN,
    ),
]
_OnErrorOption = Annotated[
    Literal["fail", "skip", "null"] | None,
    typer.Option(
        help="on a bad row: stop, leave it out, or write it without a label; default: fail, but "
        "null and exit code 1 for lines of standard input",
        rich_help_panel=FILES,
    ),
]
_WarningsOption = Annotated[
    bool,
    typer.Option(
        "--warnings",
        help="add the column warnings to CSV and TSV files; other formats have it always",
        rich_help_panel=FILES,
    ),
]
_DefuseOption = Annotated[
    bool,
    typer.Option(
        "--defuse-formulas",
        help="put ' before CSV and TSV cells that a spreadsheet would run as a formula",
        rich_help_panel=FILES,
    ),
]
_ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="continue a file that an interruption left unfinished",
        rich_help_panel=FILES,
    ),
]
_EngineOption = Annotated[
    Literal["local", "spark"],
    typer.Option(
        help="what scores --input: this machine, or Spark, which writes folders",
        rich_help_panel=_SPARK,
    ),
]
_MasterOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Spark master; default: that of SPARK_HOME, or local[*]",
        rich_help_panel=_SPARK,
    ),
]
_AsJsonOption = Annotated[bool, typer.Option("--json", help="print one JSON object per text")]
_QuietOption = Annotated[bool, typer.Option("--quiet", help="print errors only")]


def note() -> str:
    """Return what the bundled model is known to get wrong, by kind, for its help page."""
    from sentiment.inference.known_failures import read_known_failures

    # Not `resolve.PRETRAINED`: completion asks for the page too, and does without NumPy.
    shares = read_known_failures(Path(__file__).parents[1] / trained_models.BUNDLED)
    kinds = ", ".join(f"{kind} {share}" for kind, share in shares)
    return (
        f"Short sentences are hard. Right answers of the bundled model, by what turns the verdict: "
        f"{kinds}. Coin tosses give 50 %. --neutral auto and --evidence say which answers to trust."
    )


@reading_options
def command(
    ctx: typer.Context,
    texts: TextsArgument = None,
    read_from: InputOption = None,
    write_to: _WriteToOption = None,
    text_column: TextColumnOption = "text",
    model: ModelOption = None,
    threshold: ThresholdOption = 0.5,
    neutral: NeutralOption = None,
    evidence: _EvidenceOption = False,
    trace: _TraceOption = False,
    why: _WhyOption = False,
    html: _HtmlOption = None,
    on_error: _OnErrorOption = None,
    warnings: _WarningsOption = False,
    defuse: _DefuseOption = False,
    resume: _ResumeOption = False,
    engine: _EngineOption = "local",
    master: _MasterOption = None,
    as_json: _AsJsonOption = False,
    quiet: _QuietOption = False,
    *,
    reading: "ReadOptions",
) -> None:
    """Classify texts, or add label and probability to a file of texts."""
    rule = check_rule(threshold, neutral)
    if engine == "spark" or master is not None:
        from sentiment.cli import _predict_spark

        _predict_spark.run(ctx, rule)
        return
    source = STANDARD_INPUT if read_from == "-" else Path(read_from) if read_from else None
    output = Path(write_to) if write_to is not None else None
    display = Display(trace, why, html, as_json, quiet, evidence)
    flags = {"defuse": defuse, "warnings": warnings, "resume": resume}
    _check_options(ctx, source, output, reading, display, **flags)
    check_text_source(texts, source, _EXAMPLE)
    bundle = _load_model(model, show=not quiet and not as_json)
    rule = model_rule(bundle, quiet=quiet) if is_auto(neutral) else rule
    from sentiment.inference.scoring import ScoringOptions

    on_bad = on_error or "fail"
    options = ScoringOptions(text_column, on_bad, rule, defuse, reading, warnings, evidence)
    if source is not None:
        from sentiment.cli import _predict_files

        _predict_files.score_file(bundle, source, output, options, resume=resume, quiet=quiet)
    else:
        _score_texts(bundle, texts or ["-"], options, display, lenient=on_error is None)


def _load_model(name: str | None, *, show: bool) -> "Bundle":
    """Open the model to predict with; print which one it is if `show`."""
    from sentiment.inference import resolve

    bundle = resolve.resolve_model(name, find_project())
    if show:
        print_message(f"model: {bundle.name} ({bundle.folder})")
    return bundle


def _check_options(
    ctx: typer.Context,
    source: Path | None,
    output: Path | None,
    reading: "ReadOptions",
    display: Display,
    *,
    defuse: bool,
    warnings: bool,
    resume: bool,
) -> None:
    if source is None:
        refuse_ignored_reading(ctx, source, reading)
        if display.explains:
            refuse_ignored(ctx, ("on_error",), "an explanation stops at a bad text")
        if output or resume:
            raise typer.BadParameter("--output and --resume need --input FILE")
        if defuse or warnings:
            option = "--defuse-formulas" if defuse else "--warnings"
            raise typer.BadParameter(f"{option} needs --input FILE, a table such as CSV")
        return
    if display.as_json:
        raise typer.BadParameter("--json is for texts: a file keeps its own format")
    if display.explains:
        raise typer.BadParameter("--trace, --why and --html are for texts, not for --input FILE")
    if resume and output is None:
        raise typer.BadParameter("--resume needs --output FILE")
    from sentiment.cli import _predict_files

    _predict_files.check_files(source, output, reading, defuse=defuse, warnings=warnings)
    refuse_ignored_reading(ctx, source, reading)


def _score_texts(
    bundle: "Bundle",
    texts: list[str],
    options: "ScoringOptions",
    display: Display,
    *,
    lenient: bool,
) -> None:
    """Classify texts that were typed or piped, and explain them if that is wanted.

    lenient: a bad line of standard input does not stop the others; the exit code is 1 at the end.
    """
    if display.explains:
        from sentiment.cli._explanation_view import explain_texts

        explain_texts(bundle, texts, options.bands, display)
        return
    from sentiment.data import readers, writers
    from sentiment.inference import scoring

    reader = readers.ArgumentsReader(texts, sys.stdin.buffer)
    lenient = lenient and "-" in texts
    on_error = "null" if lenient else options.on_error
    options = replace(options, text_column="text", on_error=on_error)
    job = scoring.ScoringJob(bundle, reader, options)
    if display.as_json:
        writer: writers.Writer = writers.ObjectsWriter(
            reader, job.names, {"model": bundle.name}, ascii_only=not stdout_is_utf8()
        )
    else:
        writer = writers.LinesWriter(reader, job.names)
    job.run(scoring.BytesSink(writer, StandardOutput(lines=not display.as_json)), lambda _: None)
    if not job.tally.rows and not job.tally.bad:
        raise InputError("standard input held no text", hint=_EXAMPLE)
    if not display.quiet:
        report(job, by_text=not display.as_json)
    if lenient and job.tally.bad:
        if display.quiet:
            report_bad_rows(job)
        raise typer.Exit(1)
