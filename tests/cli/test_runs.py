"""Test `sentiment runs` with a real store."""

import re
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from sentiment.cli import app, runs
from sentiment.tracking import history, process, tags
from sentiment.utils.paths import ProjectPaths
from tests.helpers.stored import add_run, parse_strict_json

ENDED = process.process_tags()
ENDED[tags.PROCESS] += "0"  # like this process, but with another start time


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        folders = ProjectPaths(home)
        add_run(folders, "first", losses=(0.5, 0.3), right="+++++++-")
        add_run(folders, "hostile \x1b[2J\nname", status="FAILED")
        add_run(folders, "stale", experiment="left", tags=ENDED, status="RUNNING")
        add_run(
            folders, "remote", experiment="left", tags={"host": "a\x1b[2Jfar"}, status="RUNNING"
        )
        add_run(folders, "local", experiment="left", tags=process.process_tags(), status="RUNNING")
    return home


@pytest.fixture(autouse=True)
def at_home(home, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("SENTIMENT_HOME", str(home))


def sentiment(*words, status=0):
    result = CliRunner().invoke(app, ["runs", *words])
    assert result.exit_code == status, result.output
    return result.stderr if status else result.stdout


def test_runs_are_listed_newest_first(home):
    run = history.find_run(ProjectPaths(home), "sentiment", "first")
    lines = sentiment().splitlines()
    assert re.match(r"hostile \\x1b\[2J name +[0-9a-f]{8} +FAILED .* – +–", lines[-2])
    started = f"{run.started.astimezone():%m-%d %H:%M}"
    expected = rf"first +{run.id[:8]} +FINISHED +{started} +\d:\d\d +85.00 % +87.50 %"
    assert re.match(expected, lines[-1])


def test_json_lists_everything_about_a_run(home):
    fields = parse_strict_json(sentiment("--json"))
    assert fields["experiment"] == "sentiment"
    run = fields["runs"][1]
    assert (run["name"], run["status"], run["metrics"]["test/accuracy"]) == (
        "first", "FINISHED", 0.875,
    )  # fmt: skip
    assert datetime.fromisoformat(run["started"]).utcoffset().total_seconds() == 0


def test_stale_runs_are_ended_and_unknown_ones_named():
    words = ["--experiment", "left", "--stale"]
    shown = sentiment(*words)
    assert re.search(r"^marked as KILLED: stale \([0-9a-f]{32}\)$", shown, re.M)
    assert re.search(
        r"^left as RUNNING: remote .* which may be running on a\\x1b\[2Jfar$", shown, re.M
    )
    assert "Try: sentiment runs --stale --older-than HOURS" in shown and "local" not in shown
    assert len(parse_strict_json(sentiment(*words, "--json"))["unknown"]) == 1
    assert "marked as KILLED: remote" in sentiment(*words, "--older-than", "0")
    assert sentiment(*words) == "No stale runs.\n"
    states = {
        run["name"]: run["status"]
        for run in parse_strict_json(sentiment(*words[:2], "--json"))["runs"]
    }
    assert states == {"stale": "KILLED", "remote": "KILLED", "local": "RUNNING"}


@pytest.mark.parametrize("words", [["3"], ["-1", "--stale"], ["nan", "--stale"]])
def test_usage_errors_exit_with_2(words):
    assert "--older-than" in sentiment("--older-than", *words, status=2)


@pytest.mark.parametrize("words", [[], ["--stale"], ["--json"]])
def test_without_runs_it_reports_so_and_creates_nothing(words, tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    shown = sentiment(*words, status=1)
    assert "no runs yet" in shown and "Try: sentiment train" in shown
    assert not list(tmp_path.iterdir())


def test_durations_and_start_times_are_short():
    assert [runs._duration(seconds) for seconds in (0.4, 61, 3599.7, 90_061, None)] == [
        "0:00", "1:01", "1:00:00", "25:01:01", "–",
    ]  # fmt: skip
    assert runs._start_time(datetime(2001, 2, 3, 12, tzinfo=UTC)) == "2001-02-03"
