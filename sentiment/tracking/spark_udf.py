"""Make a model a function on Spark columns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sentiment.tracking import registry
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths

with environment.suppress_stderr():
    import mlflow.pyfunc


def probability_udf(
    paths: ProjectPaths, spark: Any, model: str | Path, folder: Path
) -> Callable[[Any], Any]:
    """Return a function from a column of texts to a column of P(positive), float64.

    model: the folder of a bundle, which is saved as an MLflow model in `folder`, or the address of
    a model such as models:/sentiment@champion. Raises MissingFileError if the address has none.
    """
    if isinstance(model, Path):
        address = str(folder / "model")
        registry.save_model(model, Path(address))
    else:
        address = model
        registry.download_bundle(paths, address)
    with environment.suppress_stderr():
        return mlflow.pyfunc.spark_udf(spark, address, env_manager="local", result_type="double")
