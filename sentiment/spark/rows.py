"""Rows of Parquet, CSV and JSONL as Spark reads them, and as they go out again with our columns.

Knows Spark's frames and columns; knows nothing of the model or of where files lie.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pyspark.sql.functions import (
    col,
    concat,
    lit,
    regexp_replace,
    struct,
    to_json,
    udf,
    when,
)
from pyspark.sql.functions import round as rounded

from sentiment.data.writers import ADDED_COLUMNS, free_column_name
from sentiment.errors import InputError
from sentiment.inference import validation
from sentiment.inference.predict import LabelRule

_FOUND, _CORRUPT = "sentiment_found", "sentiment_corrupt"  # columns of ours on the way
_DECIMALS = 6  # of a probability, as on one machine

Frame = Any  # a Spark DataFrame
Column = Any  # a Spark Column


@dataclass(frozen=True)
class SparkJob:
    """What is scored: files of `kind` at `source`, their text in `column`, to folders."""

    source: str
    output: str
    kind: str
    column: str
    bands: LabelRule

    @property
    def rejects(self) -> str:
        """The folder of the rows that can't be scored."""
        return f"{self.output}-rejects"


class Rows:
    """Rows of a source as `frame`, with a column of ours: the text, or why there is none.

    `names` are those of the columns that are added.
    """

    def __init__(self, spark: Any, job: SparkJob):
        self.job = job
        self.frame = self.read(spark.read, job.source)
        self.names = [free_column_name(name, self.taken()) for name in ADDED_COLUMNS[:2]]
        self.frame = self.frame.withColumn(_FOUND, self.found())

    def read(self, read: Any, source: str) -> Frame:
        """Return what lies at `source`."""
        return read.parquet(source)

    def taken(self) -> list[str]:
        """Return the names that the source has."""
        return self.frame.columns

    def found(self) -> Column:
        """Return the struct of text and reason."""
        kinds = dict(self.frame.dtypes)
        if kinds.get(self.job.column) != "string":
            have = f"it is {kinds[self.job.column]}" if self.job.column in kinds else "it has none"
            raise InputError(
                f"{self.job.source}: no text column {self.job.column!r}: {have}; the columns are "
                f"{', '.join(self.frame.columns)}",
                hint="name yours with --text-column",
            )
        return _udf(validation.check_text)(col(_quoted(self.job.column)))

    def good(self) -> Frame:
        """Return the rows with a text."""
        return self.frame.filter(f"{_FOUND}.reason IS NULL")

    def bad(self) -> Frame:
        """Return the rows with a reason why there is none."""
        return self.frame.filter(f"{_FOUND}.reason IS NOT NULL")

    def scored(self, rows: Frame, judge: Callable[[Column], Column]) -> Frame:
        """Return `rows` with label and probability."""
        label, probability = self.names
        rows = rows.withColumn(probability, rounded(judge(col(f"{_FOUND}.text")), _DECIMALS))
        return rows.withColumn(label, _label(col(_quoted(probability)), self.job.bands))

    def written(self, rows: Frame, path: str) -> None:
        """Write rows that `scored` has returned."""
        rows.select(*self._own(), *map(_quoted, self.names)).write.parquet(path)

    def rejected(self, rows: Frame, path: str) -> None:
        """Write rows that can't be scored as JSON: what is wrong with each, and what it was."""
        whole = struct(*self._own())
        told = struct(col(f"{_FOUND}.reason").alias("reason"), whole.alias("row"))
        rows.select(to_json(told)).write.text(path)

    def _own(self) -> list[str]:
        """Return the columns of the source."""
        return [_quoted(name) for name in self.frame.columns if name not in (_FOUND, *self.names)]


class _CsvRows(Rows):
    """Rows of CSV and TSV files, all text."""

    def _options(self) -> dict[str, Any]:
        tabs = self.job.kind == ".tsv"
        return {"header": True, "sep": "\t" if tabs else ",", "escape": '"'}

    def read(self, read: Any, source: str) -> Frame:
        """Return the rows, those of another width with their line in `_CORRUPT`."""
        read = read.options(**self._options(), multiLine=True)
        names = [*read.csv(source).columns, _CORRUPT]
        schema = ", ".join(f"{_quoted(name)} STRING" for name in names)
        options = {"columnNameOfCorruptRecord": _CORRUPT, "enforceSchema": False}
        return read.options(**options).csv(source, schema=schema)

    def found(self) -> Column:
        """Return the struct of text and reason."""
        misfit = lit("not as many fields as the header has")
        corrupt = struct(lit(None).cast("string").alias("text"), misfit.alias("reason"))
        return when(col(_CORRUPT).isNotNull(), corrupt).otherwise(super().found())

    def written(self, rows: Frame, path: str) -> None:
        """Write rows that `scored` has returned."""
        kept = [name for name in self._own() if name != _quoted(_CORRUPT)]
        kept += map(_quoted, self.names)
        rows.select(*kept).write.options(**self._options(), emptyValue="").csv(path)


class _JsonRows(Rows):
    """Lines of JSONL files, each kept as it came."""

    def read(self, read: Any, source: str) -> Frame:
        """Return the lines that aren't blank, in the column `value`."""
        return read.text(source).filter("trim(value) != ''")

    def taken(self) -> list[str]:
        """Return the fields of the first object."""
        for line in self.frame.take(1):
            with suppress(ValueError):
                return list(json.loads(line.value))
        return []

    def found(self) -> Column:
        """Return the struct of text and reason."""
        return _udf(validation.check_json, self.job.column, self.names)(col("value"))

    def scored(self, rows: Frame, judge: Callable[[Column], Column]) -> Frame:
        """Return the lines with label and probability in front of their last bracket."""
        label, probability = (col(_quoted(name)) for name in self.names)
        keys = [json.dumps(name) for name in self.names]
        line = concat(
            regexp_replace("value", r"\s*\}\s*$", ""),
            *(lit(f', {keys[0]}: "'), label, lit(f'", {keys[1]}: ')),
            *(probability.cast("string"), lit("}")),
        )
        return super().scored(rows, judge).select(line)

    def written(self, rows: Frame, path: str) -> None:
        """Write lines that `scored` has returned."""
        rows.write.text(path)


KINDS = {".csv": _CsvRows, ".tsv": _CsvRows, ".jsonl": _JsonRows, ".parquet": Rows}


def _udf(function: Callable[..., validation.TextOrError], *more: Any) -> Any:
    def found(text: str | None) -> validation.TextOrError:
        return function(text, *more)

    return udf(found, "struct<text: string, reason: string>", useArrow=True)


def _label(probability: Column, bands: LabelRule) -> Column:
    """Return the label that `bands` has for a probability."""
    low, high = bands.neutral or (bands.threshold, bands.threshold)
    label = when(probability >= high, "positive").otherwise("negative")
    if bands.neutral:
        label = when(probability.between(low, high), "neutral").otherwise(label)
    return label


def _quoted(name: str) -> str:
    """Return the name of a column as SQL has it."""
    return f"`{name.replace('`', '``')}`"
