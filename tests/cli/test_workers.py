"""Workers that end in an unusual way, in place of the training that they would run."""

import sys

import pytest
import typer

from sentiment.cli import _workers

FIRST_IS_KILLED = """
import json, os, signal
if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == 0:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_first_worker_that_is_killed_is_reported_with_what_to_type(monkeypatch, capsys):
    monkeypatch.setattr(_workers, "_COMMAND", [sys.executable, "-c", FIRST_IS_KILLED])
    monkeypatch.setattr(sys, "argv", ["sentiment"])
    with pytest.raises(typer.Exit) as ended:
        _workers.run(2, None)
    assert ended.value.exit_code == 128 + 9
    assert capsys.readouterr().err == (
        "Error: the first worker was killed, perhaps because memory ran out.\n"
        "Try: sentiment train --resume last --workers 2\n"
    )
