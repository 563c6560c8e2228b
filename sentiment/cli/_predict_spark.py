"""`sentiment predict --engine spark`: files of texts, on one machine or many.

Knows what is typed and printed; knows nothing of how Spark is asked.
"""

import tempfile
from pathlib import Path, PurePosixPath

import typer

from sentiment.cli._options import option_names, typed_parameters
from sentiment.cli._terminal import say
from sentiment.errors import InputError
from sentiment.inference.predict import LabelRule
from sentiment.utils.paths import find_project
from sentiment.utils.text import count_of

# All that may be typed beside --engine spark.
_WITH = {"engine", "master", "read_from", "write_to", "text_column", "model", "threshold"}
_WITH |= {"neutral", "quiet"}
_KINDS = (".csv", ".tsv", ".jsonl", ".parquet")


def run(
    ctx: typer.Context,
    source: str | None,
    output: str | None,
    *,
    text_column: str,
    model: str | None,
    bands: LabelRule,
    master: str | None,
    quiet: bool,
) -> None:
    """Score files into folders."""
    if ctx.params["engine"] != "spark":
        raise typer.BadParameter("--master goes with --engine spark")
    if others := typed_parameters(ctx) - _WITH:
        names = option_names(ctx, others)
        raise typer.BadParameter(f"--engine spark goes without {names}")
    if source is None or output is None:
        raise typer.BadParameter("--engine spark needs --input and --output")
    kind = _kind(source, output)
    from sentiment.inference import resolve
    from sentiment.spark import session

    session.require_spark()
    place = find_project()
    named = resolve.requested_model(model)
    chosen = (
        named
        if named and named.startswith("models:/")
        else resolve.resolve_model(named, place).folder
    )
    if not quiet:
        say(f"model: {chosen}")
        say("starting Spark ...")
    with session.spark_session(master) as spark, tempfile.TemporaryDirectory() as aside:
        from sentiment.spark import rows, scoring
        from sentiment.tracking import spark_udf

        job = rows.SparkJob(source, output, kind, text_column, bands)
        judge = spark_udf.probability_udf(place, spark, chosen, Path(aside))
        scored = scoring.score(spark, job, judge)
    if not quiet:
        if scored.rejected:
            say(f"{count_of(scored.rejected, 'row')} rejected, with the reasons, to {job.rejects}")
        say(f"{count_of(scored.rows, 'row')} written to {output}")


def _kind(source: str, output: str) -> str:
    """Return the format of the source: by its name, else by the output's, which has the same."""
    kinds = [PurePosixPath(name).suffix.lower() for name in (source, output)]
    kind = kinds[0] or kinds[1]
    if kind not in _KINDS or kinds[1] not in ("", kind):
        raise InputError(
            f"{source} and {output}: expected files of one format, {', '.join(_KINDS)}",
            hint="--output scored.parquet, for a folder of Parquet files",
        )
    return kind
