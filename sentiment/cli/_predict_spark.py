"""Run `sentiment predict --engine spark`: score files of texts on one machine or many."""

from pathlib import PurePosixPath

import typer

from sentiment.cli._label_rule import is_auto, model_rule
from sentiment.cli._options import option_names, typed_parameters
from sentiment.cli._terminal import print_message
from sentiment.errors import InputError
from sentiment.inference.predict import LabelRule
from sentiment.utils.paths import find_project
from sentiment.utils.text import count_of

# The parameters that --engine spark accepts.
_ALLOWED = {"engine", "master", "read_from", "write_to", "text_column", "model", "threshold"}
_ALLOWED |= {"neutral", "quiet"}
_FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")


def run(ctx: typer.Context, rule: LabelRule) -> None:
    """Score the files at --input into folders, with the other options in `ctx`."""
    options = ctx.params
    source, output, quiet = options["read_from"], options["write_to"], options["quiet"]
    if options["engine"] != "spark":
        raise typer.BadParameter("--master needs --engine spark")
    if others := typed_parameters(ctx) - _ALLOWED:
        raise typer.BadParameter(f"--engine spark does not support {option_names(ctx, others)}")
    if source is None or output is None:
        raise typer.BadParameter("--engine spark needs --input and --output")
    suffix = _format(source, output)
    from sentiment.inference import resolve
    from sentiment.inference.validation import Vocabulary
    from sentiment.spark import session

    session.require_spark()
    bundle = resolve.resolve_model(options["model"], find_project())
    rule = model_rule(bundle, quiet=quiet) if is_auto(options["neutral"]) else rule
    if not quiet:
        print_message(f"model: {bundle.folder}")
        print_message("starting Spark ...")
    with session.spark_session(options["master"]) as spark:
        from sentiment.spark import probability, rows, scoring

        vocabulary = Vocabulary(frozenset(bundle.tokenizer.words), bundle.tokenizer.rules)
        udf = probability.probability_udf(spark, bundle)
        job = rows.SparkJob(source, output, suffix, options["text_column"], rule, vocabulary)
        result = scoring.score(spark, job, udf)
    if not quiet:
        if result.rejected:
            rejected = count_of(result.rejected, "row")
            print_message(f"{rejected} rejected and written with the reasons to {job.rejects}")
        print_message(f"{count_of(result.rows, 'row')} written to {output}")


def _format(source: str, output: str) -> str:
    """Return the suffix of the source, or else that of the output; they must not differ."""
    suffixes = [PurePosixPath(name).suffix.lower() for name in (source, output)]
    suffix = suffixes[0] or suffixes[1]
    if suffix not in _FORMATS or suffixes[1] not in ("", suffix):
        raise InputError(
            f"{source} and {output}: expected files of one format, {', '.join(_FORMATS)}",
            hint="--output scored.parquet for a folder of Parquet files",
        )
    return suffix
