"""The name that models logged by sentiment 0.1.0 import the classifier by."""

from sentiment.inference.classifier import *  # noqa: F403
