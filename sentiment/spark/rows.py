"""Read rows of Parquet, CSV and JSONL on Spark, and write them with columns added."""

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
from pyspark.sql.functions import round as round_column

from sentiment.data.labels import UNKNOWN_LABEL
from sentiment.data.writers import ADDED_COLUMNS, free_column_name
from sentiment.errors import InputError
from sentiment.inference import validation
from sentiment.inference.predict import LabelRule
from sentiment.spark import delimited

# Columns that exist while rows are scored: a struct (text, reason), and of a malformed CSV row
# what is wrong, and the row.
_CHECKED, _WRONG, _CORRUPT = "sentiment_checked", "sentiment_wrong", "sentiment_corrupt"
_DECIMALS = 6  # of a probability, as on one machine

Frame = Any  # a Spark DataFrame
Column = Any  # a Spark Column


@dataclass(frozen=True)
class SparkJob:
    """Files of `kind` at `source`, with their text in `column`, to be written to `output`.

    vocabulary: that of the model; a text without a word of it has the label unknown.
    """

    source: str
    output: str
    kind: str
    column: str
    label_rule: LabelRule
    vocabulary: validation.Vocabulary

    @property
    def rejects(self) -> str:
        """The folder of the rows that can't be scored."""
        return f"{self.output}-rejects"


class Rows:
    """The rows of a source, each with its text or the reason why it can't be scored.

    `frame` holds them; `names` are the names of the columns to be added. This class is for Parquet.
    """

    def __init__(self, spark: Any, job: SparkJob):
        self.job = job
        self.frame = self.read(spark, job.source)
        taken = self.column_names()
        self.names = [free_column_name(name, taken) for name in ADDED_COLUMNS[:2]]
        self.frame = self.frame.withColumn(_CHECKED, self.checked())

    def read(self, spark: Any, source: str) -> Frame:
        """Return the rows at `source`."""
        return spark.read.parquet(source)

    def column_names(self) -> list[str]:
        """Return the names of the source's columns."""
        return self.frame.columns

    def checked(self) -> Column:
        """Return a struct column: `text`, or the `reason` why there is none."""
        types = dict(self.frame.dtypes)
        if types.get(self.job.column) != "string":
            fact = f"it is {types[self.job.column]}" if self.job.column in types else "it has none"
            raise InputError(
                f"{self.job.source}: no text column {self.job.column!r}: {fact}; the columns are "
                f"{', '.join(self.frame.columns)}",
                hint="name yours with --text-column",
            )
        return _check_udf(validation.check_text, self.job.vocabulary.rules)(
            col(_quote(self.job.column))
        )

    def valid(self) -> Frame:
        """Return the rows that have a text."""
        return self.frame.filter(f"{_CHECKED}.reason IS NULL")

    def invalid(self) -> Frame:
        """Return the rows that have a reason instead."""
        return self.frame.filter(f"{_CHECKED}.reason IS NOT NULL")

    def with_predictions(self, rows: Frame, probability: Callable[[Column], Column]) -> Frame:
        """Return `rows` with label and probability added."""
        label_name, probability_name = self.names
        rounded = round_column(probability(col(f"{_CHECKED}.text")), _DECIMALS)
        rows = rows.withColumn(probability_name, rounded)
        known = udf(self.job.vocabulary.knows, "boolean", useArrow=True)(col(f"{_CHECKED}.text"))
        label = _label(col(_quote(probability_name)), self.job.label_rule)
        label = when(known, label).otherwise(UNKNOWN_LABEL)
        return rows.withColumn(label_name, label)

    def write(self, rows: Frame, path: str) -> None:
        """Write rows that `with_predictions` returned."""
        rows.select(*self._source_columns(), *map(_quote, self.names)).write.parquet(path)

    def write_rejects(self, rows: Frame, path: str) -> None:
        """Write rows that can't be scored as JSON objects: `reason` and the `row` itself."""
        row = struct(*self._source_columns())
        reject = struct(col(f"{_CHECKED}.reason").alias("reason"), row.alias("row"))
        rows.select(to_json(reject)).write.text(path)

    def _source_columns(self) -> list[str]:
        """Return the quoted names of the columns that were read."""
        added = (_CHECKED, *self.names)
        return [_quote(name) for name in self.frame.columns if name not in added]


class _CsvRows(Rows):
    """Rows of CSV and TSV files; all values are text."""

    def read(self, spark: Any, source: str) -> Frame:
        """Return the rows; a bad one has the reason in `_WRONG` and itself in `_CORRUPT`."""
        kind = self.job.kind
        self._columns = delimited.column_names(spark, source, kind)
        return delimited.read_rows(spark, source, kind, self._columns, wrong=_WRONG, raw=_CORRUPT)

    def column_names(self) -> list[str]:
        """Return the names of the source's columns."""
        return self._columns

    def checked(self) -> Column:
        """Return a struct column: `text`, or the `reason` why there is none."""
        text = lit(None).cast("string").alias("text")
        wrong = struct(text, col(_WRONG).alias("reason"))
        return when(col(_WRONG).isNotNull(), wrong).otherwise(super().checked())

    def write(self, rows: Frame, path: str) -> None:
        """Write rows that `with_predictions` returned."""
        names = [*map(_quote, self.column_names()), *map(_quote, self.names)]
        separator = "\t" if self.job.kind == ".tsv" else ","
        options = {"header": True, "sep": separator, "escape": '"', "emptyValue": ""}
        rows.select(*names).write.options(**options).csv(path)


class _JsonRows(Rows):
    """Lines of JSONL files, each written as it was read."""

    def read(self, spark: Any, source: str) -> Frame:
        """Return the lines that aren't blank, in the column `value`."""
        return spark.read.text(source).filter("trim(value) != ''")

    def column_names(self) -> list[str]:
        """Return the fields of the first object."""
        for line in self.frame.take(1):
            with suppress(ValueError):
                return list(json.loads(line.value))
        return []

    def checked(self) -> Column:
        """Return a struct column: `text`, or the `reason` why there is none."""
        return _check_udf(
            validation.check_json, self.job.column, self.names, self.job.vocabulary.rules
        )(col("value"))

    def with_predictions(self, rows: Frame, probability: Callable[[Column], Column]) -> Frame:
        """Return the lines with label and probability before their last bracket."""
        label, rounded = (col(_quote(name)) for name in self.names)
        keys = [json.dumps(name) for name in self.names]
        line = concat(
            regexp_replace("value", r"\s*\}\s*$", ""),
            *(lit(f', {keys[0]}: "'), label, lit(f'", {keys[1]}: ')),
            *(rounded.cast("string"), lit("}")),
        )
        return super().with_predictions(rows, probability).select(line)

    def write(self, rows: Frame, path: str) -> None:
        """Write lines that `with_predictions` returned."""
        rows.write.text(path)


KINDS = {".csv": _CsvRows, ".tsv": _CsvRows, ".jsonl": _JsonRows, ".parquet": Rows}


def _check_udf(function: Callable[..., validation.TextOrError], *arguments: Any) -> Any:
    """Return `function`, from a text and `arguments` to a struct, as a function on a column."""

    def check(text: str | None) -> validation.TextOrError:
        return function(text, *arguments)

    return udf(check, "struct<text: string, reason: string>", useArrow=True)


def _label(probability: Column, rule: LabelRule) -> Column:
    """Return the labels that `rule` gives to probabilities."""
    low, high = rule.neutral or (rule.threshold, rule.threshold)
    label = when(probability >= high, "positive").otherwise("negative")
    if rule.neutral:
        label = when(probability.between(low, high), "neutral").otherwise(label)
    return label


def _quote(name: str) -> str:
    """Return a column name quoted for SQL."""
    return f"`{name.replace('`', '``')}`"
