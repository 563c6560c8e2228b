"""Reading a file never runs code from it: checks beyond the lint rules, and that those are on."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sentiment

PACKAGE = Path(sentiment.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# Modules that can run code from a file when they read it.
UNSAFE_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "_pickle"}


def unsafe_reads(source):
    """Yield each thing in `source` that can run code from a file that it reads."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from {alias.name.split(".")[0] for alias in node.names} & UNSAFE_MODULES
        elif isinstance(node, ast.ImportFrom):
            yield from {(node.module or "").split(".")[0]} & UNSAFE_MODULES
            yield from (alias.name for alias in node.names if "unsafe" in alias.name)
        elif isinstance(node, ast.Attribute) and "unsafe" in node.attr:
            yield node.attr
        elif isinstance(node, ast.Call):
            yield from unsafe_arguments(node)


def unsafe_arguments(call):
    """Yield each argument, given or missing, that makes a call unsafe."""
    arguments = {keyword.arg: keyword.value for keyword in call.keywords}
    function = ast.unparse(call.func)
    allow_pickle = arguments.get("allow_pickle")
    if allow_pickle is not None and not is_constant(allow_pickle, False):
        yield "allow_pickle"
    if allow_pickle is None and function in ("np.load", "numpy.load", "np.save", "numpy.save"):
        yield f"{function} without allow_pickle=False"
    if "safe_mode" in arguments and not is_constant(arguments["safe_mode"], True):
        yield "safe_mode"


def is_constant(node, value):
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_module_reads_files_in_an_unsafe_way(path):
    assert not list(unsafe_reads(path.read_text("utf-8")))


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
def test_unsafe_reads_are_found(source):
    assert list(unsafe_reads(source))


def test_safe_reads_are_allowed():
    assert not list(unsafe_reads("import json; np.load(path, allow_pickle=False)"))
    assert not list(unsafe_reads("keras.models.load_model(path, safe_mode=True)"))


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
    # As in `make test`: with the settings of pyproject.toml, for a file of the package.
    ruff = Path(sys.executable).parent / "ruff"
    options = ["--output-format", "concise", "--stdin-filename", "sentiment/new.py"]
    process = subprocess.run(
        [ruff, "check", *options, "-"],
        input=source,
        capture_output=True,
        text=True,
        cwd=PACKAGE.parent,
    )
    assert process.returncode == 1 and f" {rule} " in process.stdout
