"""The name by which models logged with sentiment 0.1.0 import the classifier."""

from sentiment.inference.classifier import *  # noqa: F403
