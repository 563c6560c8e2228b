"""`sentiment promote`, with a registry that stands in for MLflow's."""

import re
import sys
import types
from dataclasses import make_dataclass

import pytest
from stored import add_run
from typer.testing import CliRunner

from sentiment import tracking
from sentiment.cli import app
from sentiment.errors import MissingFileError
from sentiment.folders import Folders

Version = make_dataclass("Version", ["number", "run_id", "model_id"], frozen=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def ids(home):
    folders = Folders(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return {
            "old": add_run(folders, "old", right="++++----"),
            "elsewhere": add_run(folders, "elsewhere", right="++++++--", digest="other"),
            "bare": add_run(folders, "bare \x1b[2J"),
            "new": add_run(folders, "new", right="+++++++-"),
        }


@pytest.fixture(autouse=True)
def registry(home, monkeypatch):
    """A registry that holds a version for each run, its champion where a test puts it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("SENTIMENT_HOME", str(home))
    stand_in = types.ModuleType("sentiment.tracking.registry")
    stand_in.alias = None

    def promote(folders, run_id):
        if run_id in stand_in.unregistered:
            raise MissingFileError(f"run {run_id} has no registered model", remedy="sentiment runs")
        stand_in.alias = Version(7, run_id, "m-1")
        return stand_in.alias

    stand_in.unregistered = ()
    stand_in.champion = lambda folders: stand_in.alias
    stand_in.promote = promote
    monkeypatch.setitem(sys.modules, "sentiment.tracking.registry", stand_in)
    monkeypatch.setattr(tracking, "registry", stand_in, raising=False)
    return stand_in


def sentiment(*words, status=0):
    result = CliRunner().invoke(app, ["promote", *words])
    assert result.exit_code == status, result.output
    return " ".join((result.stderr if status else result.stdout).split())


def test_the_newest_run_becomes_the_first_champion(ids, registry):
    shown = sentiment()
    assert registry.alias.run_id == ids["new"]
    assert re.search(r"│ accuracy +│ 87.50 % │", shown)
    assert "│ 77.50–97.50 % │" in shown and "│ ROC AUC │ 0.9000 │" in shown
    assert "champion is now version 7 (new)" in shown
    assert "sentiment predict --model models:/sentiment@champion" in shown
    assert "McNemar" not in shown


def test_both_are_measured_and_tested_on_the_same_reviews(ids, registry):
    registry.alias = Version(3, ids["old"], "m-0")
    shown = sentiment("new")
    assert re.search(r"│ accuracy +│ 87.50 % │ 50.00 % │", shown)
    assert shown.startswith("candidate new champion so far old ")
    # Three reviews by the new one alone, none by the old one: p = 2 / 2^3.
    assert re.search(r"On the same 8 reviews: \+37.50 points \(95 % interval -\d+", shown)
    assert (
        "3 are right by the candidate alone, 0 by the champion alone; McNemar's p 0.2500" in shown
    )
    assert registry.alias.run_id == ids["new"]


def test_on_other_reviews_there_is_no_test(ids, registry):
    registry.alias = Version(3, ids["elsewhere"], "m-0")
    assert "No paired test: the two were not evaluated on the same reviews." in sentiment("new")


def test_a_champion_without_predictions_says_what_would_make_them(ids, registry):
    registry.alias = Version(3, ids["bare"], "m-0")
    shown = sentiment("new")
    assert "No paired test: the champion is not evaluated. Try: sentiment evaluate" in shown
    assert r"bare \x1b[2J" in shown and "\x1b" not in shown
    assert re.search(r"│ log loss +│ 0.3000 │ +– │", shown)
    assert registry.alias.run_id == ids["new"]


def test_a_champion_whose_run_has_gone_is_passed_over(ids, registry):
    registry.alias = Version(3, "0" * 32, "m-0")
    assert "champion so far" not in sentiment("new")
    assert registry.alias.run_id == ids["new"]


def test_the_champion_is_not_promoted_again(ids, registry):
    registry.alias = Version(3, ids["new"], "m-0")
    assert sentiment("new") == "new is the champion already (version 3)"


def test_a_run_that_was_not_evaluated_is_refused(ids, registry):
    shown = sentiment("bare \x1b[2J", status=1)
    assert "has no measures of the test reviews" in shown
    assert "Try: sentiment evaluate --model 'data/models/bare" in shown and "\x1b" not in shown
    assert registry.alias is None


def test_a_run_without_a_registered_model_is_refused(ids, registry):
    registry.unregistered = (ids["old"],)
    assert "has no registered model" in sentiment("old", status=1)


@pytest.mark.parametrize("words", [["nobody"], ["new", "--experiment", "none"]])
def test_a_run_that_is_not_there_is_named(ids, words):
    assert words[-1] in sentiment(*words, status=1)


def test_where_nothing_has_run_it_says_so_and_makes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    assert "no runs yet" in sentiment(status=1)
    assert not list(tmp_path.iterdir())
