"""Training on Spark without the package that starts its tasks; Spark itself is not needed here."""

import sys
from contextlib import contextmanager

import pytest

from sentiment.errors import UnavailableError
from sentiment.spark import launcher


def test_a_missing_distributor_is_said_with_the_command_that_installs_it(monkeypatch):
    @contextmanager
    def spark_session(master, *, ship):
        yield

    monkeypatch.setattr(launcher, "spark_session", spark_session)
    monkeypatch.setitem(sys.modules, "spark_tensorflow_distributor", None)
    with pytest.raises(UnavailableError, match="spark-tensorflow-distributor, which is not inst"):
        launcher.run(["true"], 2, "local[2]")
