"""Make a model a function on Spark columns.

Executors run the classifier of this package on the arrays of the model. Nothing that came with the
model is executed.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
from pyspark.sql.functions import pandas_udf

from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier


def probability_udf(spark: Any, bundle: Bundle) -> Callable[[Any], Any]:
    """Return a function from a column of texts to a column of P(positive), float64.

    Each Python process of an executor receives the model once.
    """
    shared = spark.sparkContext.broadcast(Classifier(bundle))

    def probability(texts: pd.Series) -> pd.Series:
        return pd.Series(shared.value.predict(texts.tolist()), dtype="float64")

    return pandas_udf(probability, "double")
