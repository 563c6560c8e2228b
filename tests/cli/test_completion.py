"""Shell completion, by the protocol that the shells use."""

import os
import subprocess
import sys

import pytest

from tests.helpers.build import tiny_bundle


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    for name in ("first", "pre-war", "my model"):
        tiny_bundle(root / "data" / "models" / name)
    (root / "data" / "models" / ".hidden").mkdir()
    (root / "data" / "models" / "half").mkdir()
    return root


def complete(home, *words):
    """Return what bash is offered for the last of `words`; MLflow and Keras can't be imported."""
    code = (
        "import sys; sys.argv = ['sentiment']\n"
        "sys.modules.update(dict.fromkeys(['mlflow', 'keras', 'tensorflow', 'numpy']))\n"
        "from sentiment.cli import main; main()"
    )
    variables = {
        "_SENTIMENT_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["sentiment", *words]),
        "COMP_CWORD": str(len(words)),
        "SENTIMENT_HOME": str(home),
    }
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | variables, capture_output=True, text=True
    )
    assert run.returncode == 0 and not run.stderr, run.stderr
    return set(run.stdout.split("\n")) - {""}


@pytest.mark.parametrize("command", ["predict", "evaluate", "states", "lecture"])
def test_every_command_offers_the_names_of_models(command, project):
    offered = complete(project, command, "--model", "")
    assert offered == {"first", "pre-war", "my model", "pretrained"}


def test_names_that_begin_as_typed_are_offered(project, tmp_path):
    assert complete(project, "predict", "--model", "pre") == {"pre-war", "pretrained"}
    assert complete(project, "predict", "--model", "x") == set()
    assert complete(tmp_path, "predict", "--model", "") == {"pretrained"}


def test_a_project_that_is_refused_offers_nothing_and_prints_no_error():
    assert complete("~nosuch/x", "predict", "--model", "") == set()
