"""The name by which models logged with sentiment 0.1.0 import the bundle format."""

from sentiment.inference.bundle import *  # noqa: F403
