"""Say which package a command lacks and how to install it.

A light installation (`requirements-predict.lock`) has the packages of `predict` and of the pages;
`requirements-serve.lock` adds those of `serve`.
"""

import importlib.util

# `pip install sentiment-rnn` asks no index for this package, which is installed, and adds what it
# still lacks. The two other commands keep a light installation light.
FULL = "pip install sentiment-rnn"
SERVE = 'pip install "fastapi>=0.135,<1" "uvicorn>=0.40,<1" "prometheus-client>=0.22,<1"'
PREDICT = 'pip install "rich>=14" "numpy>=2" "jinja2>=3.1" "markdown-it-py>=4" "pillow>=11"'
# By the name of the module that is imported: the library that it belongs to, and how to install it.
LIBRARIES = {
    "numpy": ("NumPy", PREDICT),
    "rich": ("Rich", PREDICT),
    "jinja2": ("Jinja2", PREDICT),
    "markupsafe": ("Jinja2", PREDICT),
    "markdown_it": ("markdown-it-py", PREDICT),
    "PIL": ("Pillow", PREDICT),
    "fastapi": ("FastAPI", SERVE),
    "starlette": ("FastAPI", SERVE),
    "pydantic": ("FastAPI", SERVE),
    "uvicorn": ("uvicorn", SERVE),
    "prometheus_client": ("prometheus-client", SERVE),
    "tensorflow": ("TensorFlow", FULL),
    "keras": ("Keras", FULL),
    "tensorflow_datasets": ("TensorFlow Datasets", FULL),
    "mlflow": ("MLflow", FULL),
    "sqlalchemy": ("MLflow", FULL),
    "urllib3": ("MLflow", FULL),
    "scipy": ("SciPy", FULL),
    "sklearn": ("scikit-learn", FULL),
    "matplotlib": ("Matplotlib", FULL),
    "bokeh": ("Bokeh", FULL),
    "psutil": ("psutil", FULL),
}


def require(module: str) -> None:
    """Raise the error of an import that would fail, before the work that leads to the import."""
    if importlib.util.find_spec(module) is None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def describe_missing(error: ModuleNotFoundError, command: str) -> tuple[str, str] | None:
    """Return the lines of a message, None if what is missing is none of these libraries."""
    module = (error.name or "").partition(".")[0]
    if module not in LIBRARIES or importlib.util.find_spec(module) is not None:
        return None  # a fault of this package, or of a library that is installed
    library, install = LIBRARIES[module]
    return (
        f"Error: {command} needs {library}, which this installation lacks.",
        f"Try: {install}",
    )
