"""Rows of a source in, the same rows with label and probability out, and the rejects.

Knows the order of the work and Hadoop's file systems; knows nothing of formats.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Observation, functions

from sentiment.errors import InputError
from sentiment.spark.rows import KINDS, Column, Frame, SparkJob
from sentiment.spark.session import first_reason


@dataclass(frozen=True)
class ScoringResult:
    """How many rows were written, and how many rejected."""

    rows: int
    rejected: int


def score(spark: Any, job: SparkJob, judge: Callable[[Column], Column]) -> ScoringResult:
    """Score the rows of `job` with `judge`, from texts to P(positive); write them and the rejects.

    Both folders appear whole or not at all. Raises InputError where one is there already, or the
    source can't be read.
    """
    try:
        for target in (job.output, job.rejects):
            if _exists(spark, target):
                raise InputError(f"{target} is there already", hint="another --output")
        rows = KINDS[job.kind](spark, job)
        with _whole(spark, job.rejects) as bad, _whole(spark, job.output) as good:
            rejected = _counted(rows.bad(), rows.rejected, bad)
            if not rejected:
                _remove(spark, bad)
            written = _counted(rows.scored(rows.good(), judge), rows.written, good)
        return ScoringResult(written, rejected)
    except (PySparkException, Py4JJavaError) as error:
        raise InputError(f"{job.source} could not be scored: {first_reason(error)}") from error


def _counted(rows: Frame, write: Callable[[Frame, str], None], path: str) -> int:
    """Write rows and return how many there were."""
    seen = Observation()
    write(rows.observe(seen, functions.count(functions.lit(1)).alias("rows")), path)
    return seen.get["rows"]


@contextmanager
def _whole(spark: Any, target: str) -> Iterator[str]:
    """Give a path beside `target` to write to, and give it that name once it is written."""
    path, system = _located(spark, target)
    aside = path.suffix(f".{uuid.uuid4().hex[:8]}.aside")
    try:
        yield aside.toString()
        # Hadoop would move a folder into one that is there.
        if system.exists(aside) and (system.exists(path) or not system.rename(aside, path)):
            raise InputError(f"{target} is there already", hint="another --output")
    finally:
        system.delete(aside, True)


def _located(spark: Any, path: str) -> tuple[Any, Any]:
    """Return a path as Hadoop has it, and the file system that it is on."""
    hadoop = spark.sparkContext._jvm.org.apache.hadoop.fs.Path(path)
    return hadoop, hadoop.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())


def _exists(spark: Any, path: str) -> bool:
    hadoop, system = _located(spark, path)
    return system.exists(hadoop)


def _remove(spark: Any, path: str) -> None:
    hadoop, system = _located(spark, path)
    system.delete(hadoop, True)
