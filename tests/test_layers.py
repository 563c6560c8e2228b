"""Imports point one way between packages, and each heavy library has one owner."""

import ast
from pathlib import Path

import pytest

import sentiment

PACKAGE = Path(sentiment.__file__).parent
# From the bottom up. A package imports packages of lower layers only, and none of its own layer.
LAYERS = [
    {"errors"},
    {"config", "utils"},
    {"recipe"},
    {"data", "tracking"},
    {"inference"},
    {"_legacy", "evaluation", "inspection", "spark"},
    {"reports", "serving"},
    {"nn"},
    {"exporting", "training"},
    {"experiments"},
    {"model"},
    {"api"},
    {"cli"},
    {"__init__", "__main__"},
]
OWNERS = {
    "tensorflow": {"nn", "training"},
    "keras": {"nn", "training"},
    "tensorflow_datasets": {"data"},
    "mlflow": {"tracking", "inference/pyfunc"},
    "matplotlib": {"reports"},
    "bokeh": {"reports"},
    "jinja2": {"reports"},
    "pyarrow": {"data"},
    "pyspark": {"spark"},
    "onnx": {"exporting"},
    "optuna": {"experiments"},
    "sklearn": {"api"},
    "typer": {"cli"},
    "rich": {"cli"},
    "fastapi": {"serving"},
    "starlette": {"serving"},
    "uvicorn": {"serving"},
    "pydantic": {"serving"},
    "prometheus_client": {"serving"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def package_of(path):
    """Return the name of a file's subpackage, or of the file if it is a top-level module."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Yield the dotted name of each import in a file, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(package):
    """Return the number of a package's layer, 0 for the lowest."""
    return next(number for number, packages in enumerate(LAYERS) if package in packages)


def test_every_package_has_a_layer():
    assert {package_of(path) for path in FILES} <= set().union(*LAYERS)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_down(path):
    own = package_of(path)
    imported = [name.split(".")[1] for name in imports(path) if name.startswith("sentiment.")]
    for package in imported:
        if package.startswith("__") or package == own:
            continue
        assert layer(package) < layer(own), f"{path.name} imports {package}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_each_library_is_imported_by_its_owners_only(path):
    module = path.relative_to(PACKAGE).with_suffix("").as_posix()
    for name in imports(path):
        library = name.split(".")[0]
        owners = OWNERS.get(library)
        assert owners is None or {package_of(path), module} & owners, f"{module} imports {library}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_modules_are_short_and_have_a_docstring(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 300
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_functions_are_short(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 50, f"{path.name}: {node.name}"


def test_only_a_few_modules_are_beside_the_packages():
    assert len(list(PACKAGE.glob("*.py"))) <= 7
