"""The model that MLflow loads: texts in, P(positive) out.

MLflow runs this file when it loads a model ("models from code").
"""

from pathlib import Path
from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel

from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier


class SentimentModel(PythonModel):
    """Classifies a column or a list of texts."""

    def load_context(self, context: Any) -> None:
        """Open the bundle that was logged with the model."""
        self.classifier = Classifier(bundle.read(Path(context.artifacts["bundle"])))

    def predict(self, context: Any, model_input: list[str], params: Any = None) -> list[float]:
        """Return P(positive) of each text. MLflow reads the model's signature from the types."""
        return self.classifier.predict(model_input).tolist()


mlflow.models.set_model(SentimentModel())
