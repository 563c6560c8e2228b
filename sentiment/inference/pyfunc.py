"""The model that MLflow loads: texts in, P(positive) out, over a bundle.

MLflow runs this file where it loads a model ("models from code"); with `tracking` it is the only
importer of MLflow. Knows the runtime; knows nothing of TensorFlow.
"""

from pathlib import Path

import mlflow
from mlflow.pyfunc import PythonModel

from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier


class SentimentModel(PythonModel):
    """Scores a column or a list of texts."""

    def load_context(self, context) -> None:
        """Open the bundle that was logged with the model."""
        self.classifier = Classifier(bundle.read(Path(context.artifacts["bundle"])))

    def predict(self, context, model_input: list[str], params=None) -> list[float]:
        """Return P(positive) of each text. MLflow makes the signature of the types here."""
        return self.classifier.predict(model_input).tolist()


mlflow.models.set_model(SentimentModel())
