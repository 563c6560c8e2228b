"""The model that MLflow loads: texts in, P(positive) out.

MLflow runs this file when it loads a model ("models from code"), and the files that the model brings
along. Whoever can write to the store can put other code there: load a model with MLflow only from
people whose programs you would run. The commands of this package read a model's arrays alone.
"""

import os
import re
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel

from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.texts import check_texts, column_names, listed

_COLUMN = "text"
_SECOND_COLUMN = re.compile(rf"{_COLUMN}\.[0-9]+")  # its name in a table that pandas reads from CSV
# pandas calls a column without a name 0, and MLflow's function on Spark columns calls it "0".
_NAMELESS = ([0], ["0"])
_SERVING = "_MLFLOW_IS_IN_SERVING_ENVIRONMENT"  # MLflow sets it to "true" in a server


class SentimentModel(PythonModel):
    """Classifies a series of texts, or the column `text` of a table."""

    def load_context(self, context: Any) -> None:
        """Open the bundle that was logged with the model."""
        self.classifier = Classifier(bundle.read(Path(context.artifacts["bundle"])))

    # A hint of list[str] would let MLflow take the first column of strings, whatever its name. With
    # this one MLflow passes on what it gets, lists and tables too.
    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> list[float]:
        """Return P(positive) of each text.

        model_input: strings in a list, a 1-d array or a Series; or a DataFrame or a dictionary with
        a column `text`, beside which it may have others. A column without a name is taken if it is
        the only one. Raises MlflowException, which a server answers with status 400, for anything
        else: it names the columns, or says which text is none.
        """
        try:
            return self.classifier.predict(check_texts(_texts(model_input))).tolist()
        except TypeError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


def _texts(model_input: Any) -> Any:
    """Return the column `text` of a table, anything else as it is; raise TypeError without one."""
    names = column_names(model_input)
    if names is None:
        return model_input
    found = [
        number
        for number, name in enumerate(names, 1)
        if name == _COLUMN or _SECOND_COLUMN.fullmatch(str(name))
    ]
    if len(found) > 1 and _COLUMN in names:
        numbers = " and ".join(map(str, found))
        raise TypeError(f"two columns {_COLUMN!r} ({numbers}) in {listed(names)}")
    if _COLUMN not in names and names not in _NAMELESS:
        raise TypeError(f"no column {_COLUMN!r}; it has {listed(names)}")
    _check_index(model_input)
    return model_input[_COLUMN if _COLUMN in names else names[0]]


def _check_index(table: Any) -> None:
    """Raise TypeError if a server got rows with names.

    pandas makes names of the first cells of a CSV file whose rows have more cells than its header,
    and so moves all columns. A text with a comma and without quotes has that effect.
    """
    if os.environ.get(_SERVING) != "true" or isinstance(table, dict):
        return
    names = list(table.index)
    if names != list(range(len(names))):
        raise TypeError(
            f"the rows have names, such as {str(names[0])[:40]!r}: in CSV, put quotes around texts "
            "with commas; in JSON, leave out the index"
        )


mlflow.models.set_model(SentimentModel())
