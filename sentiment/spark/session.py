"""A session on Spark, and what has to be there for one.

Knows Spark's configuration; knows nothing of what is done in the session.
"""

import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sentiment.errors import UnavailableError

_PACKAGE = Path(__file__).parent.parent
_LOG = Path(__file__).parent / "log4j2.properties"


@contextmanager
def spark_session(master: str | None, *, ship: bool = True) -> Iterator[Any]:
    """Give a Spark session on `master`, or where that is None on what Spark's configuration names.

    ship: send this package's modules to the executors, enough for scoring. Raises UnavailableError
    where Spark or Java is missing, or the session can't be had.
    """
    require_spark()
    from pyspark.sql import SparkSession

    own = str(Path(sys.modules["pyspark"].__file__ or "").parent)
    configured = os.environ.setdefault("SPARK_HOME", own) != own or "SPARK_CONF_DIR" in os.environ
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("sentiment")
    builder = builder.config("spark.ui.showConsoleProgress", str(sys.stderr.isatty()).lower())
    if not configured:
        said = f"-Dlog4j2.configurationFile={_LOG.as_uri()}"
        builder = builder.config("spark.driver.extraJavaOptions", said)
        builder = builder.config("spark.ui.enabled", "false")
    if master is not None or not configured:
        builder = builder.master(master or "local[*]")
    try:
        spark = builder.getOrCreate()
    except Exception as error:
        raise UnavailableError(
            f"Spark did not start on {master or 'its own master'}: {first_reason(error)}",
            hint="the same with --master 'local[*]'",
        ) from error
    try:
        with tempfile.TemporaryDirectory() as aside:
            spark.sparkContext.setLogLevel("ERROR")
            if ship:
                spark.sparkContext.addPyFile(_packed(Path(aside)))
            yield spark
    finally:
        spark.stop()


def require_spark() -> None:
    """Import pyspark; raise UnavailableError where it or Java is not installed."""
    try:
        import pyspark  # noqa: F401
    except ImportError as error:
        raise UnavailableError(
            "Spark needs pyspark, which is not installed",
            hint='pip install "sentiment[spark]"',
        ) from error
    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        raise UnavailableError(
            "Spark needs Java, which is not installed",
            hint="apt-get install openjdk-17-jre-headless",
        )


def _packed(folder: Path) -> str:
    """Write the modules of this package as a zip file for executors; return its path."""
    path = folder / "sentiment.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for module in _PACKAGE.rglob("*.py"):
            packed.write(module, str(module.relative_to(_PACKAGE.parent)))
    return str(path)


def first_reason(error: Exception) -> str:
    """Return the last cause in a report of Spark's, the first line of it."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith(("Caused by:", "pyspark.errors"))]
    return (causes[-1] if causes else lines[0] if lines else type(error).__name__)[:300]
