"""The public names of the package, and what importing it costs."""

import subprocess
import sys

import sentiment

NAMES = [
    "Comparison", "DamagedFileError", "DivergedError", "Evaluation", "ExportedModel", "InputError",
    "MissingFileError", "Model", "Prediction", "PreparedDataset", "SentimentClassifier",
    "SentimentError", "Trace", "TrainingResult", "UnavailableError", "WordEffects", "compare",
    "evaluate", "export", "load", "prepare", "train",
]  # fmt: skip


def test_the_public_names_are_these():
    assert sentiment.__all__ == NAMES == sorted(NAMES)
    assert set(NAMES) <= set(dir(sentiment))
    assert [getattr(sentiment, name).__name__ for name in NAMES] == NAMES


def test_another_name_is_an_attribute_error():
    assert not hasattr(sentiment, "train_model")


def test_importing_the_package_imports_no_module_of_it_and_no_library():
    code = (
        "import sys, sentiment\n"
        "roots = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(roots & {'numpy', 'tensorflow', 'keras', 'mlflow', 'typer'}))\n"
        "print([name for name in sys.modules if name.startswith('sentiment.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"
