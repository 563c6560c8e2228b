"""Open a Spark session, and check what it needs."""

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
    """Give a Spark session on `master`, or if that is None on the master that Spark's config names.

    ship: send the modules of this package to the executors, enough for scoring. Raises
    UnavailableError if Spark or Java is missing, or the session does not start.
    """
    require_spark()
    try:
        spark = _builder(master).getOrCreate()
    except Exception as error:
        raise UnavailableError(
            f"Spark did not start on {master or 'its own master'}: {first_reason(error)}",
            hint="the same command with --master 'local[*]'",
        ) from error
    try:
        with tempfile.TemporaryDirectory() as tmp:
            spark.sparkContext.setLogLevel("ERROR")
            if ship:
                spark.sparkContext.addPyFile(_zip_package(Path(tmp)))
            yield spark
    finally:
        spark.stop()


def _builder(master: str | None) -> Any:
    """Return the builder of a session; what the user configured in Spark is left as it is."""
    from pyspark.sql import SparkSession

    own = str(Path(sys.modules["pyspark"].__file__ or "").parent)
    configured = os.environ.setdefault("SPARK_HOME", own) != own or "SPARK_CONF_DIR" in os.environ
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("sentiment")
    builder = builder.config("spark.ui.showConsoleProgress", str(sys.stderr.isatty()).lower())
    if not configured:
        logging = f"-Dlog4j2.configurationFile={_LOG.as_uri()}"
        builder = builder.config("spark.driver.extraJavaOptions", logging)
        builder = builder.config("spark.ui.enabled", "false")
    if master is not None or not configured:
        builder = builder.master(master or "local[*]")
    return builder


def require_spark() -> None:
    """Import pyspark; raise UnavailableError if it or Java is not installed."""
    try:
        import pyspark  # noqa: F401
    except ImportError as error:
        raise UnavailableError(
            "Spark needs pyspark, which is not installed",
            hint='pip install "sentiment-rnn[spark]"',
        ) from error
    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        raise UnavailableError(
            "Spark needs Java, which is not installed",
            hint="apt-get install openjdk-17-jre-headless",
        )


def _zip_package(folder: Path) -> str:
    """Write the modules of this package to a zip file for executors; return its path."""
    path = folder / "sentiment.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for module in _PACKAGE.rglob("*.py"):
            archive.write(module, str(module.relative_to(_PACKAGE.parent)))
    return str(path)


def first_reason(error: Exception) -> str:
    """Return the first line of the last cause in an error from Spark, at most 300 characters."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith(("Caused by:", "pyspark.errors"))]
    return (causes[-1] if causes else lines[0] if lines else type(error).__name__)[:300]
