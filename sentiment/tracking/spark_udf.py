"""A model of MLflow's as a function on Spark's columns.

Knows MLflow's models and Spark's session; knows nothing of where rows come from.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sentiment.tracking import registry
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths

with environment.suppress_stderr():
    import mlflow.pyfunc


def probability_udf(
    paths: ProjectPaths, spark: Any, model: str | Path, aside: Path
) -> Callable[[Any], Any]:
    """Return a model as a function from a column of texts to one of P(positive), float64.

    model: the folder of a bundle, of which a model is made in `aside`, or an address in MLflow such
    as models:/sentiment@champion. Raises MissingFileError where there is none at that address.
    """
    if isinstance(model, Path):
        address = str(aside / "model")
        registry.save_model(model, Path(address))
    else:
        address = model
        registry.download_bundle(paths, address)
    with environment.suppress_stderr():
        return mlflow.pyfunc.spark_udf(spark, address, env_manager="local", result_type="double")
