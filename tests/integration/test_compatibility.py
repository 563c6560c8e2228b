"""Models written by sentiment 0.1.0 still answer, with the same probabilities.

`tests/fixtures/written_by_0.1.0.tar.xz` holds a project with one model, trained on the sample
reviews by version 0.1.0, and its MLflow store, in which the model is registered as the champion.
Absolute paths in it begin with /project, which does not exist. `bundled_model_answers.npy` holds
what the bundled model said of the sample reviews when `make pretrained` made it: float32 (360,).
"""

import json
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import sentiment
from sentiment.cli import app
from sentiment.data import sources
from sentiment.inference import resolve
from tests.helpers.commands import interrupt, start

FIXTURES = Path(__file__).parents[1] / "fixtures"
TEXTS = ["A moving, wonderful film.", "A dull and awful film."]
ANSWERS = [0.665421187877655, 0.2918671667575836]  # as float32


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project as 0.1.0 left it, at another place than the /project in its store."""
    home = tmp_path_factory.mktemp("project")
    with tarfile.open(FIXTURES / "written_by_0.1.0.tar.xz") as archive:
        archive.extractall(home, filter="data")
    return home


@pytest.fixture
def here(project, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(project))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "SENTIMENT_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return project


def test_the_bundled_model_answers_as_when_it_was_made():
    texts = [text for split in sources.load_sample().values() for text in split.texts]
    expected = np.load(FIXTURES / "bundled_model_answers.npy", allow_pickle=False)
    answers = sentiment.load(resolve.PRETRAINED).predict(texts)
    # The same bits on the machine that wrote the file; another may round sums differently.
    np.testing.assert_allclose(answers, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("model", ["before-the-move", "models:/sentiment@champion"])
def test_a_model_of_then_answers_by_its_name_and_from_the_registry(here, model):
    result = CliRunner().invoke(app, ["predict", "--json", "--model", model, *TEXTS])
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["model"] for line in lines] == ["before-the-move"] * 2
    np.testing.assert_allclose([line["probability"] for line in lines], ANSWERS, atol=1e-6)


def test_a_program_loads_a_model_of_then_with_mlflow(here):
    # This package is imported already, so the modules that the model brings along are not used.
    code = (
        "import json, sys, sentiment.cli, mlflow\n"
        f"mlflow.set_tracking_uri('sqlite:///{here}/mlruns/mlflow.db')\n"
        "model = mlflow.pyfunc.load_model('models:/sentiment@champion')\n"
        "print(json.dumps(model.predict(json.loads(sys.argv[1]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(TEXTS)],
        cwd=here,  # addresses in the store are relative to the project
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(json.loads(done.stdout.splitlines()[-1]), ANSWERS, atol=1e-6)


def test_a_model_of_then_is_served(here):
    words = ["--model", "models:/sentiment@champion", "--port", "5137"]
    process = start("serve", *words, home=here)
    line = next(line for line in iter(process.stdout.readline, "") if line.startswith("curl "))
    request = urllib.request.Request(
        line.split()[1],
        json.dumps({"texts": TEXTS}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            answers = [each["probability"] for each in json.load(response)["results"]]
    finally:
        interrupt(process)
    np.testing.assert_allclose(answers, ANSWERS, atol=1e-6)


def test_runs_of_then_are_listed(here):
    result = CliRunner().invoke(app, ["runs", "--json"])
    assert result.exit_code == 0, result.output
    (run,) = json.loads(result.stdout)["runs"]
    assert run["name"] == "before-the-move" and run["metrics"]["test/accuracy"] == 0.9125
