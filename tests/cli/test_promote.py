"""Test `sentiment promote` with a real store and registry."""

import re
import shlex

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.tracking import registry, store
from sentiment.utils.paths import ProjectPaths
from tests.helpers.stored import add_run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def ids(home):
    folders = ProjectPaths(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return {
            "old": add_run(folders, "old", right="++++----"),
            "other": add_run(folders, "other", right="++++++--", digest="other reviews"),
            "bare": add_run(folders, "bare \x1b[2J"),
            "all right": add_run(folders, "all right", right="++++++++"),
            "all wrong": add_run(folders, "all wrong", right="--------"),
            "empty": _without_predictions(folders),
            "lost": _with_lost_predictions(folders),
            "new": add_run(folders, "new", right="+++++++-"),
        }


def _without_predictions(folders):
    run_id = add_run(folders, "empty")
    store.connect(folders).log_metric(run_id, "test/accuracy", 0.9)
    return run_id


def _with_lost_predictions(folders):
    run_id = add_run(folders, "lost", right="++++++--", digest="other reviews")
    for file in (folders.mlruns / "artifacts").glob(f"**/{run_id}/**/test_predictions.npz"):
        file.unlink()
    return run_id


@pytest.fixture(scope="module")
def versions(home, ids):
    """Register a model for each run; return the number of each version."""
    client = store.connect(ProjectPaths(home))
    client.create_registered_model(registry.NAME)
    numbers = {}
    for name, run_id in {**ids, "deleted": "0" * 32}.items():
        logged = client.create_logged_model("1", name=name.split()[0])
        source = f"models:/{logged.model_id}"
        numbers[name] = client.create_model_version(registry.NAME, source, run_id).version
    return numbers


@pytest.fixture
def crown(home, versions):
    """Return a function that makes the model of a named run the champion."""
    client = store.connect(ProjectPaths(home))

    def make_champion(name):
        client.set_registered_model_alias(registry.NAME, registry.CHAMPION, versions[name])

    client.delete_registered_model_alias(registry.NAME, registry.CHAMPION)
    return make_champion


@pytest.fixture(autouse=True)
def project(home, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("SENTIMENT_HOME", str(home))


def champion(home):
    version = registry.get_champion(ProjectPaths(home))
    return version and version.run_id


def sentiment(*words, status=0):
    result = CliRunner().invoke(app, ["promote", *words])
    assert result.exit_code == status, result.output
    return " ".join((result.stderr if status else result.stdout).split())


def test_the_newest_run_becomes_the_first_champion(ids, home, crown):
    shown = sentiment()
    assert champion(home) == ids["new"]
    assert re.search(r"│ accuracy +│ 87.50 % │", shown)
    assert "│ ROC AUC │ 0.9000 │" in shown
    assert "version 8 (new) is now the champion" in shown
    assert "sentiment predict --model models:/sentiment@champion" in shown
    assert "McNemar" not in shown


def test_candidate_and_champion_are_compared_on_the_same_reviews(ids, home, crown):
    crown("old")
    shown = sentiment("new")
    assert re.search(r"│ accuracy +│ 87.50 % │ 50.00 % │", shown)
    assert shown.startswith("candidate new champion old ")
    # Only the new one gets three reviews right, and only the old one none: p = 2 / 2^3.
    assert re.search(
        r"On the same 8 reviews .* \+37.50 points \(95 % interval -\d+.* p-value 0.2500\)", shown
    )
    assert "3 reviews are correct only with the candidate, 0 only with the champion." in shown
    assert champion(home) == ids["new"]


def test_runs_on_other_reviews_have_no_paired_test(ids, home, crown):
    crown("other")
    words = "can't be compared with the champion on the same reviews. Try: sentiment promote "
    assert words + ids["new"][:8] in sentiment("new", status=1)
    assert champion(home) == ids["other"]
    assert "No paired test: the two runs were not evaluated on the same reviews." in sentiment(
        "new", "--force"
    )
    assert champion(home) == ids["new"]


def test_a_model_that_is_significantly_worse_is_promoted_by_force_alone(ids, home, crown):
    # Of 8 reviews that one of the two gets right, the champion gets all: p = 2 / 2^8.
    crown("all right")
    shown = sentiment("all wrong", status=1)
    assert "all wrong is significantly worse than the champion on the same reviews." in shown
    assert champion(home) == ids["all right"]
    hint = shown.partition("Try: sentiment promote ")[2]
    assert hint.endswith(" --force")
    assert "is now the champion" in sentiment(*shlex.split(hint))
    assert champion(home) == ids["all wrong"]


def test_the_hint_of_a_refusal_finds_the_run_among_namesakes_and_in_its_experiment(
    ids, home, crown
):
    crown("all right")
    paths, right = ProjectPaths(home), "--------"
    wrong = [add_run(paths, "twin", experiment="my own", right=right) for _ in range(2)]
    client = store.connect(paths)
    for run_id in wrong:
        source = f"models:/{client.create_logged_model('1', name='twin').model_id}"
        client.create_model_version(registry.NAME, source, run_id)
    shown = sentiment(wrong[0], "--experiment", "my own", status=1)
    hint = shown.partition("Try: sentiment promote ")[2]
    assert "is now the champion" in sentiment(*shlex.split(hint))
    assert champion(home) == wrong[0]


def test_other_reviews_are_noticed_without_the_predictions_of_the_champion(ids, home, crown):
    crown("lost")
    words = "new was evaluated on other reviews than the champion. Try: sentiment promote"
    assert words in sentiment("new", status=1)
    assert champion(home) == ids["lost"]


def test_a_model_that_is_worse_by_chance_is_promoted(ids, home, crown):
    crown("all right")
    assert "is now the champion" in sentiment("new")


def test_a_candidate_without_predictions_is_refused(ids, home, crown):
    crown("new")
    assert "can't be compared" in sentiment("empty", status=1)
    assert champion(home) == ids["new"]


def test_a_champion_without_predictions_names_the_command_that_makes_them(ids, home, crown):
    crown("bare")
    shown = sentiment("new")
    assert "No paired test: the champion is not evaluated. Try: sentiment evaluate" in shown
    assert r"bare \x1b[2J" in shown and "\x1b" not in shown
    assert re.search(r"│ log loss +│ 0.3000 │ +– │", shown)
    assert champion(home) == ids["new"]


def test_a_champion_whose_run_was_deleted_is_ignored(ids, home, crown):
    crown("deleted")
    assert sentiment("new").startswith("candidate new ┏")
    assert champion(home) == ids["new"]


def test_the_champion_is_not_promoted_twice(ids, home, crown):
    crown("new")
    assert sentiment("new") == "new is already the champion (version 8)"


def test_a_run_that_was_not_evaluated_is_refused(ids, home, crown):
    shown = sentiment("bare \x1b[2J", status=1)
    assert "was not evaluated on the test reviews" in shown
    assert "Try: sentiment evaluate --model 'bare" in shown and "\x1b" not in shown
    assert champion(home) is None


def test_a_run_without_a_model_is_refused(ids, home, crown):
    # Evaluated, but its model was never logged.
    add_run(ProjectPaths(home), "unlogged", right="+++++---")
    assert "has no model in the store" in sentiment("unlogged", status=1)


@pytest.mark.parametrize("words", [["missing"], ["new", "--experiment", "none"]])
def test_a_missing_run_is_named(ids, words):
    assert words[-1] in sentiment(*words, status=1)


def test_without_runs_it_reports_so_and_creates_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    assert "no runs yet" in sentiment(status=1)
    assert not list(tmp_path.iterdir())
