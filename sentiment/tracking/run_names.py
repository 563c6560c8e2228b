"""The name of a run, without what an evaluation puts before it for MLflow's list of runs."""

import re

_ACCURACY = re.compile(r"^\d+(\.\d+)?% ")


def bare_name(name: str) -> str:
    """Return the name of a run without the accuracy before it: `first` of `91.40% first`."""
    return _ACCURACY.sub("", name)
