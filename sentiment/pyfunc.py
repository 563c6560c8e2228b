"""The model that MLflow loads: texts in, P(positive) out, over a bundle.

MLflow runs this file where it loads a model ("models from code"); with `tracking.py` it is the only
importer of MLflow. Knows the runtime; knows nothing of TensorFlow.
"""

from pathlib import Path

import mlflow
import numpy as np
from mlflow.pyfunc import PythonModel

from sentiment import bundle
from sentiment.runtime import Classifier


class SentimentModel(PythonModel):
    """Scores a column or a list of texts."""

    def load_context(self, context) -> None:
        """Open the bundle that was logged with the model."""
        self.classifier = Classifier(bundle.read(Path(context.artifacts["bundle"])))

    def predict(self, context, model_input, params=None) -> np.ndarray:
        """Return P(positive) of each text, float64 (N,)."""
        texts = [str(text) for text in np.asarray(model_input).ravel()]
        return self.classifier.predict(texts).astype(np.float64)


mlflow.models.set_model(SentimentModel())
