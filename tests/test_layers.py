"""Imports point strictly down, and heavy libraries stay where they belong."""

import ast
from pathlib import Path

import pytest

import sentiment

PACKAGE = Path(sentiment.__file__).parent
FLOORS = [
    {"errors", "progress", "quiet", "folders", "interrupts"},
    {"config", "files", "tables", "workers", "locks", "task"},
    {
        "tokenizer",
        "metrics",
        "probes",
        "projection",
        "recurrence",
        "optimizer",
        "batches",
        "reviews",
        "recipes",
        "checkpoint",
        "part",
        "columns",
        "grouping",
        "steps",
        "style",
        "cluster",
    },
    {
        "parquet",
        "prepared",
        "bundle",
        "network",
        "learning",
        "tracking",
        "contrast",
        "kept",
        "space",
    },
    {"runtime", "partition", "diagnosis", "prior", "choice", "naming", "studies", "plan"},
    {"pyfunc", "predict", "explain", "units"},
    {"drawing", "snapshots", "sentence", "faults"},
    {"pictures", "sheet", "playback", "stepper", "arithmetic", "spark"},
    {"charts", "sentence_panels"},
    {"probeview", "unitview"},
    {"report", "comparison"},
    {"journal"},
    {"session"},
    {"rounds"},
    {
        "prepare",
        "train",
        "evaluate",
        "compare",
        "scoring",
        "lecture",
        "lecture_page",
        "page",
        "states",
        "model",
    },
    {"readouts", "trials"},
    {"jobs"},
    {"sweep"},
    {"cli"},
    {"__init__"},
]
OWNERS = {
    "tensorflow": {
        "recurrence",
        "optimizer",
        "batches",
        "network",
        "learning",
        "diagnosis",
        "cluster",
    },
    "keras": {"recurrence", "optimizer", "network", "learning", "diagnosis", "lecture"},
    "tensorflow_datasets": {"reviews"},
    "mlflow": {"tracking", "pyfunc"},
    "matplotlib": {"pictures"},
    "bokeh": {"charts"},
    "pyarrow": {"parquet"},
    "pyspark": {"spark"},
    "optuna": {"studies"},
    "typer": {"cli"},
    "rich": {"cli"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def unit(path):
    """Return the module that a file counts as; those of a folder count as one."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Yield the dotted name of everything that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def floor(name):
    return next(number for number, names in enumerate(FLOORS) if name in names)


def test_every_module_has_a_floor():
    assert {unit(path) for path in FILES} == set().union(*FLOORS)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_strictly_down(path):
    own = [name.split(".")[1] for name in imports(path) if name.startswith("sentiment.")]
    for name in own:
        if name.startswith("__") or name == unit(path):
            continue
        assert floor(name) < floor(unit(path)), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_each_library_is_imported_by_its_owners_alone(path):
    for name in imports(path):
        library = name.split(".")[0]
        assert unit(path) in OWNERS.get(library, {unit(path)}), f"{path.name} imports {library}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_modules_are_short_and_say_what_they_know(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 300
    assert ast.get_docstring(ast.parse(text))
