"""Test what a command says that lacks a library; tests/integration/test_light.py has real cases."""

import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment.cli import _missing, app
from tests.test_layers import FILES, imports

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
GROUPS = PROJECT["dependency-groups"]
# The code that imports these says what is missing itself: most of them belong to an extra.
OPTIONAL = {"openpyxl", "zstandard", "pyarrow", "onnx", "optuna"}
OPTIONAL |= {"pyspark", "py4j", "pandas", "spark_tensorflow_distributor"}
LEFT_WITH_A_MODEL = {"token_rules"}  # a file beside an exported model


@pytest.fixture
def without(monkeypatch, home):
    """Return a function that runs a command as if a library were not installed."""

    def run(module, *words):
        monkeypatch.setitem(sys.modules, module, None)
        return CliRunner().invoke(app, words)

    return run


def test_a_missing_library_is_named_with_the_command_that_installs_it(without):
    result = without("tensorflow", "train", "--dataset", "sample")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: train needs TensorFlow, which this installation lacks.\n"
        "Try: pip install sentiment-rnn\n",
    )


def test_train_asks_for_tensorflow_before_it_prepares_the_reviews(without, home):
    without("tensorflow", "train", "--dataset", "sample")
    assert not list(home.iterdir())


@pytest.mark.parametrize(
    "name", ["sentiment.cli.nothing", "uvicorn.nothing", "somebodys_plugin", "", None]
)
def test_another_missing_module_stays_unexpected(monkeypatch, home, name):
    def fail(*_):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("sentiment.cli.prepare.find_project", fail)
    result = CliRunner().invoke(app, ["prepare", "--dataset", "sample"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: unexpected error: ModuleNotFoundError: No module named")


def test_every_library_that_the_package_imports_is_known():
    used = {name.partition(".")[0] for path in FILES for name in imports(path)}
    libraries = used - set(sys.stdlib_module_names) - {"sentiment"} - LEFT_WITH_A_MODEL
    # Without Typer there is no command line that could say anything.
    assert libraries - OPTIONAL - {"typer"} == _missing.LIBRARIES.keys()


def test_the_commands_that_install_libraries_are_those_of_pyproject():
    assert shlex.split(_missing.SERVE) == ["pip", "install", *GROUPS["serve"][1:]]
    assert shlex.split(_missing.PREDICT)[2:] == [
        text for text in GROUPS["predict"] if not text.startswith("typer")
    ]
    assert _missing.FULL.split() == ["pip", "install", PROJECT["project"]["name"]]


def test_every_hint_calls_the_distribution_by_its_name():
    for path in FILES:
        for words in re.findall(r"pip install [^\n]*sentiment[\w-]*", path.read_text("utf-8")):
            assert words.endswith(PROJECT["project"]["name"]), path
