"""What commands print fits a terminal of 80 columns, and no cell is cut."""

import re

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from tests.helpers.build import tiny_bundle
from tests.helpers.terminal import call, run_in_terminal


@pytest.mark.parametrize("words", ["formats", "models", "prepare --dataset sample"])
def test_a_line_fits_80_columns(words, home, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")  # 80 columns, and no colours to count
    tiny_bundle(home / "data" / "models" / "a-name-of-a-run-that-is-quite-long")
    CliRunner().invoke(app, words.split())  # `prepare` has nothing to do the second time
    result = call(*words.split())
    lines = result.out.splitlines()
    assert result.status == 0 and max(map(len, lines)) <= 80
    assert "…" not in result.out


@pytest.mark.slow
def test_a_training_in_a_terminal_prints_its_own_lines_and_no_other(home):
    status, shown = run_in_terminal("train", "--dataset", "sample", "--name", "first")
    assert status == 0 and "Try: sentiment predict --model first" in shown
    lines = re.split(r"[\r\n]+|\x1b\[2K", shown)
    texts = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line) for line in lines]
    assert max(len(text) for text in texts if str(home) not in text) <= 80
    # As TensorFlow, XLA, Keras and MLflow begin their messages.
    library = re.compile(r"tensorflow/|xla/|WARNING|^[IWEF]\d{4} |^\d{4}[-/]\d\d[-/]\d\d |\.py:\d+")
    assert not [text for text in texts if library.search(text)]
