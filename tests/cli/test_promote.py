"""`sentiment promote`, in a real store with a real registry."""

import re

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
            "elsewhere": add_run(folders, "elsewhere", right="++++++--", digest="other"),
            "bare": add_run(folders, "bare \x1b[2J"),
            "new": add_run(folders, "new", right="+++++++-"),
        }


@pytest.fixture(scope="module")
def versions(home, ids):
    """Register a model for each run; return the number of each version."""
    client = store.connect(ProjectPaths(home))
    client.create_registered_model(registry.NAME)
    made = {}
    for name, run_id in {**ids, "gone": "0" * 32}.items():
        logged = client.create_logged_model("1", name=name.split()[0])
        source = f"models:/{logged.model_id}"
        made[name] = client.create_model_version(registry.NAME, source, run_id).version
    return made


@pytest.fixture
def crown(home, versions):
    """Return a function that makes a run's model the champion, by the run's name."""
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
    found = registry.get_champion(ProjectPaths(home))
    return found and found.run_id


def sentiment(*words, status=0):
    result = CliRunner().invoke(app, ["promote", *words])
    assert result.exit_code == status, result.output
    return " ".join((result.stderr if status else result.stdout).split())


def test_the_newest_run_becomes_the_first_champion(ids, home, crown):
    shown = sentiment()
    assert champion(home) == ids["new"]
    assert re.search(r"│ accuracy +│ 87.50 % │", shown)
    assert "│ ROC AUC │ 0.9000 │" in shown
    assert "champion is now version 4 (new)" in shown
    assert "sentiment predict --model models:/sentiment@champion" in shown
    assert "McNemar" not in shown


def test_both_are_measured_and_tested_on_the_same_reviews(ids, home, crown):
    crown("old")
    shown = sentiment("new")
    assert re.search(r"│ accuracy +│ 87.50 % │ 50.00 % │", shown)
    assert shown.startswith("candidate new champion so far old ")
    # Three reviews by the new one alone, none by the old one: p = 2 / 2^3.
    assert re.search(r"On the same 8 reviews: \+37.50 points \(95 % interval -\d+", shown)
    assert (
        "3 are right by the candidate alone, 0 by the champion alone; McNemar's p 0.2500" in shown
    )
    assert champion(home) == ids["new"]


def test_on_other_reviews_there_is_no_test(ids, home, crown):
    crown("elsewhere")
    assert "No paired test: the two were not evaluated on the same reviews." in sentiment("new")


def test_a_champion_without_predictions_says_what_would_make_them(ids, home, crown):
    crown("bare")
    shown = sentiment("new")
    assert "No paired test: the champion is not evaluated. Try: sentiment evaluate" in shown
    assert r"bare \x1b[2J" in shown and "\x1b" not in shown
    assert re.search(r"│ log loss +│ 0.3000 │ +– │", shown)
    assert champion(home) == ids["new"]


def test_a_champion_whose_run_has_gone_is_passed_over(ids, home, crown):
    crown("gone")
    assert "champion so far" not in sentiment("new")
    assert champion(home) == ids["new"]


def test_the_champion_is_not_promoted_again(ids, home, crown):
    crown("new")
    assert sentiment("new") == "new is the champion already (version 4)"


def test_a_run_that_was_not_evaluated_is_refused(ids, home, crown):
    shown = sentiment("bare \x1b[2J", status=1)
    assert "has no measures of the test reviews" in shown
    assert "Try: sentiment evaluate --model 'bare" in shown and "\x1b" not in shown
    assert champion(home) is None


def test_a_run_without_a_model_is_refused_before_it_is_shown(ids, home, crown):
    # Evaluated, but nothing of it was ever logged.
    add_run(ProjectPaths(home), "stray", right="+++++---")
    assert "has no model in the store" in sentiment("stray", status=1)


@pytest.mark.parametrize("words", [["nobody"], ["new", "--experiment", "none"]])
def test_a_run_that_is_not_there_is_named(ids, words):
    assert words[-1] in sentiment(*words, status=1)


def test_where_nothing_has_run_it_says_so_and_makes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    assert "no runs yet" in sentiment(status=1)
    assert not list(tmp_path.iterdir())
