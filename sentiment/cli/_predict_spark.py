"""Run `sentiment predict --engine spark`: score files of texts on one machine or many."""

import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import typer

from sentiment.cli._options import option_names, typed_parameters
from sentiment.cli._terminal import print_message
from sentiment.errors import InputError
from sentiment.inference.predict import LabelRule
from sentiment.utils.paths import ProjectPaths, find_project
from sentiment.utils.text import count_of

if TYPE_CHECKING:
    from sentiment.inference.validation import Vocabulary

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
    from sentiment.spark import session

    session.require_spark()
    paths = find_project()
    address = _model_address(options["model"], paths)
    if not quiet:
        print_message(f"model: {address}")
        print_message("starting Spark ...")
    with session.spark_session(options["master"]) as spark, tempfile.TemporaryDirectory() as tmp:
        from sentiment.spark import rows, scoring
        from sentiment.tracking import spark_udf

        udf = spark_udf.probability_udf(paths, spark, address, Path(tmp))
        vocabulary = _vocabulary(address, paths)
        job = rows.SparkJob(source, output, suffix, options["text_column"], rule, vocabulary)
        result = scoring.score(spark, job, udf)
    if not quiet:
        if result.rejected:
            rejected = count_of(result.rejected, "row")
            print_message(f"{rejected} rejected and written with the reasons to {job.rejects}")
        print_message(f"{count_of(result.rows, 'row')} written to {output}")


def _model_address(model: str | None, paths: ProjectPaths) -> str | Path:
    """Return the address of a registered model as it is, or the folder of any other."""
    from sentiment.inference import resolve

    name = resolve.requested_model(model)
    if name and name.startswith("models:/"):
        return name
    return resolve.resolve_model(name, paths).folder


def _vocabulary(address: str | Path, paths: ProjectPaths) -> "Vocabulary":
    from sentiment.inference import bundle
    from sentiment.inference.validation import Vocabulary
    from sentiment.tracking import registry

    folder = address if isinstance(address, Path) else registry.download_bundle(paths, address)
    tokenizer = bundle.read(folder).tokenizer
    return Vocabulary(frozenset(tokenizer.words), tokenizer.rules)


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
