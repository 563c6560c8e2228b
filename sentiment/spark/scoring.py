"""Score files on Spark: write their rows with label and probability, and the rejected rows."""

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
    """The number of rows written, and of rows rejected."""

    rows: int
    rejected: int


def score(spark: Any, job: SparkJob, probability: Callable[[Column], Column]) -> ScoringResult:
    """Write the rows of `job` with predictions, and the rejected rows.

    probability: from a column of texts to one of P(positive). Both folders appear whole or not at
    all. Raises InputError if one exists already, or the source can't be read.
    """
    try:
        for target in (job.output, job.rejects):
            if _exists(spark, target):
                raise _exists_already(target)
        rows = KINDS[job.kind](spark, job)
        with _atomic_dir(spark, job.rejects) as rejects, _atomic_dir(spark, job.output) as output:
            rejected = _write_and_count(rows.invalid(), rows.write_rejects, rejects)
            if not rejected:
                _remove(spark, rejects)
            predictions = rows.with_predictions(rows.valid(), probability)
            written = _write_and_count(predictions, rows.write, output)
        return ScoringResult(written, rejected)
    except (PySparkException, Py4JJavaError) as error:
        raise InputError(f"can't score {job.source}: {first_reason(error)}") from error


def _write_and_count(rows: Frame, write: Callable[[Frame, str], None], path: str) -> int:
    """Write rows and return how many there were."""
    observation = Observation()
    write(rows.observe(observation, functions.count(functions.lit(1)).alias("rows")), path)
    return observation.get["rows"]


@contextmanager
def _atomic_dir(spark: Any, target: str) -> Iterator[str]:
    """Give a path beside `target` to write to, and rename it to `target` once it is written."""
    path, file_system = _locate(spark, target)
    tmp = path.suffix(f".{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield tmp.toString()
        # Hadoop would move a folder into an existing one.
        if file_system.exists(tmp) and (
            file_system.exists(path) or not file_system.rename(tmp, path)
        ):
            raise _exists_already(target)
    finally:
        file_system.delete(tmp, True)


def _exists_already(target: str) -> InputError:
    return InputError(f"{target} exists already", hint="choose another --output")


def _locate(spark: Any, path: str) -> tuple[Any, Any]:
    """Return a Hadoop path and its file system."""
    hadoop_path = spark.sparkContext._jvm.org.apache.hadoop.fs.Path(path)
    configuration = spark.sparkContext._jsc.hadoopConfiguration()
    return hadoop_path, hadoop_path.getFileSystem(configuration)


def _exists(spark: Any, path: str) -> bool:
    hadoop_path, file_system = _locate(spark, path)
    return file_system.exists(hadoop_path)


def _remove(spark: Any, path: str) -> None:
    hadoop_path, file_system = _locate(spark, path)
    file_system.delete(hadoop_path, True)
