"""No file that somebody hands us can run code: what the lint rules see, and what they don't."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sentiment

PACKAGE = Path(sentiment.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# Modules whose files run code when they are read.
RUN_CODE = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "_pickle"}


def faults(source):
    """Yield what in `source` would read a file in a way that can run code from it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from {name.name.split(".")[0] for name in node.names} & RUN_CODE
        elif isinstance(node, ast.ImportFrom):
            yield from {(node.module or "").split(".")[0]} & RUN_CODE
            yield from (name.name for name in node.names if "unsafe" in name.name)
        elif isinstance(node, ast.Attribute) and "unsafe" in node.attr:
            yield node.attr
        elif isinstance(node, ast.Call):
            yield from faults_of_call(node)


def faults_of_call(call):
    given = {word.arg: word.value for word in call.keywords}
    called = ast.unparse(call.func)
    pickles = given.get("allow_pickle")
    if pickles is not None and not said_to_be(pickles, False):
        yield "allow_pickle"
    if pickles is None and called in ("np.load", "numpy.load", "np.save", "numpy.save"):
        yield f"{called} without allow_pickle=False"
    if "safe_mode" in given and not said_to_be(given["safe_mode"], True):
        yield "safe_mode"


def said_to_be(node, value):
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("path", FILES, ids=str)
def test_nothing_is_read_in_a_way_that_can_run_code(path):
    assert not list(faults(path.read_text("utf-8")))


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import os, joblib",
        "from pickle import loads",
        "np.load(path)",
        "np.load(path, mmap_mode='r')",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trusted)",
        "np.save(path, array)",
        "keras.models.load_model(path, safe_mode=False)",
        "keras.config.enable_unsafe_deserialization()",
        "from keras.config import enable_unsafe_deserialization",
    ],
)
def test_each_way_is_known(source):
    assert list(faults(source))


def test_what_cannot_run_code_passes():
    assert not list(faults("import json; np.load(path, allow_pickle=False)"))
    assert not list(faults("keras.models.load_model(path, safe_mode=True)"))


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ("S301", "import pickle\npickle.loads(data)"),
        ("S302", "import marshal\nmarshal.loads(data)"),
        ("S307", "eval(text)"),
        ("S102", "exec(text)"),
        ("S506", "import yaml\nyaml.load(text)"),
        ("S602", "import subprocess\nsubprocess.run(words, shell=True)"),
        ("S605", "import os\nos.system(words)"),
    ],
)
def test_the_lint_rules_of_the_package_refuse_the_rest(rule, source):
    # As `make test` runs them: with the settings of pyproject.toml, for a file of the package.
    words = ["check", "--output-format", "concise", "--stdin-filename", "sentiment/new.py", "-"]
    done = subprocess.run(
        [Path(sys.executable).parent / "ruff", *words],
        input=source, capture_output=True, text=True, cwd=PACKAGE.parent,
    )  # fmt: skip
    assert done.returncode == 1 and f" {rule} " in done.stdout
