"""The name that models logged by sentiment 0.1.0 import the bundle format by."""

from sentiment.inference.bundle import *  # noqa: F403
