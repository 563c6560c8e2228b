"""`sentiment compare` on runs in a real store."""

import re

import numpy as np
import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.evaluation import comparison_tables
from sentiment.evaluation.run_comparison import Comparison
from sentiment.reports import run_comparison
from sentiment.utils.paths import ProjectPaths
from tests.helpers.stored import add_run, make_record, parse_strict_json

HOSTILE = "bad \x1b]0;owned\x07 [red]name"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    paths = ProjectPaths(home)
    points = np.array([[0.1, 0.2], [0.3, -0.4]], np.float32)
    snapshot = {"ids": np.array(["x", "y"]), "labels": np.array([0, 1], np.int8), "points": points}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        settings = {"units": 16, "seed": 0, "dataset": "/a/path/that/is/long/" * 5 + "mine.csv"}
        common = {"losses": (0.5, 0.3, 0.4), "snapshot": snapshot}
        add_run(paths, "worst", settings=settings, right="++++----", **common)
        add_run(paths, "best", settings=settings | {"units": 32}, right="+++++++-", **common)
        add_run(paths, "elsewhere", settings=settings, right="++++++--", digest="other", **common)
        old = {"labels": snapshot["labels"]}  # as early versions wrote it
        failed = {"losses": (0.9,), "status": "FAILED", "snapshot": old}
        add_run(paths, HOSTILE, settings=settings | {"seed": 1}, **failed)
        add_run(paths, "alone", experiment="single", settings=settings)
        add_run(paths, "alone again", experiment="single", settings=settings)
    return home


@pytest.fixture(autouse=True)
def set_home(request, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if "home" in request.fixturenames:
        monkeypatch.setenv("SENTIMENT_HOME", str(request.getfixturevalue("home")))


def sentiment(*words, status=0):
    result = CliRunner().invoke(app, ["compare", *words])
    assert result.exit_code == status, result.output
    return result.stderr if status else result.stdout


def test_runs_are_listed_with_curves_and_accuracies(home):
    output = sentiment()
    assert re.search(r"│ 1 │ bad .*name \(FAILED\) │", output)
    assert re.search(r"│ 3 │ best +│ █▁[▄▅] +│ 0.3000 │ +87.50 % │", output)
    assert "4 of" not in output


def test_settings_that_differ_have_a_column_for_each_run(home):
    output = sentiment()
    assert re.search(r"│ units +│ +16 │ +16 │ +32 │ +16 │", output)
    assert re.search(r"│ seed +│ +1 │ +0 │ +0 │ +0 │", output)
    assert "dataset" not in output
    same = sentiment("--experiment", "single")
    assert "All settings are the same." in same and "Settings that differ" not in same


def test_each_run_is_compared_with_the_best(home):
    output = sentiment()
    assert "Compared with run 3 (accuracy 87.50 %) on the same 8 reviews" in output
    # The worst run is correct for four of the seven reviews that the best is correct for. 3 of 8
    # are 37.5 points, p = 2 / 2^3.
    assert re.search(r"│ 4 │ +-37.50 │ +-\d+\.\d\d to \+\d+\.\d\d │ +0.2500 │ +0 │ +3 │", output)
    assert re.search(r"│ 2 │ +n/a │ +on other reviews │", output)
    assert re.search(r"│ 1 │ +n/a │ +not evaluated │", output)
    assert "sentiment evaluate --model 'bad " in output


def test_each_run_is_compared_with_the_first_named(home):
    output = sentiment("worst", "best")
    assert "Compared with run 1 (accuracy 50.00 %)" in output
    assert re.search(r"│ 2 │ +\+37.50 │", output)
    assert "elsewhere" not in output


def test_the_reference_is_a_run_that_shares_its_reviews_with_others(tmp_path, monkeypatch):
    paths = ProjectPaths(tmp_path)
    for name, right, digest in [
        ("a", "++++----", "A"),
        ("b", "++++++--", "A"),
        ("c", "++++++++", "B"),
    ]:
        add_run(paths, name, right=right, digest=digest * 16)
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    output = sentiment()
    assert "Compared with run 2 (accuracy 75.00 %) on the same 8 reviews" in output
    assert re.search(r"│ 3 │ +-25.00 │", output) and re.search(r"│ 1 │ +n/a │ on other rev", output)


def test_without_any_paired_test_only_the_reason_is_printed(home):
    output = sentiment("elsewhere", "best")
    assert "No paired test of the runs: on other reviews." in output
    assert "n/a" not in output and "sentiment evaluate" not in output


def test_filters_order_columns_and_limit(home):
    filters = ["--filter", "units=16", "--filter", "status=FINISHED"]
    output = sentiment(*filters, "--sort", "-test/accuracy", "--columns", "units,test/log_loss")
    assert output.index("elsewhere") < output.index("worst") and "best" not in output
    assert re.search(r"┃ units ┃ test/log_loss ┃", output)
    assert re.search(r"│ worst .* 16 +│ +0.3000 │", output)
    output = sentiment("--limit", "1")
    assert "1 of 4 runs. Try: --limit 4" in output and "Compared with" not in output


def test_a_narrow_terminal_gets_several_tables(home, monkeypatch):
    monkeypatch.setattr("sentiment.cli._console._PLAIN_WIDTH", 60)
    output = sentiment("--columns", "units,seed,test/log_loss,test/brier", "--limit", "3")
    assert max(len(line) for line in output.splitlines() if line.startswith("│")) <= 60
    assert re.search(r"│ 3 │ best ", output) and re.search(r"│ 3 │.* 0.1000 │", output)


def test_a_long_setting_keeps_its_end(tmp_path, monkeypatch):
    paths = ProjectPaths(tmp_path)
    for name in "xy":
        add_run(paths, name, settings={"dataset": f"/a/long/path/to/some/file/{name}.csv"})
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    assert re.search(r"│ dataset │ …\S+/y\.csv │ …\S+/x\.csv │", sentiment())


def test_control_characters_in_names_are_escaped(home):
    output = sentiment()
    assert r"\x1b]0;owned\x07 [red]name" in output
    assert "\x1b" not in output and "\x07" not in output


def test_json_has_everything(home):
    fields = parse_strict_json(sentiment("--json"))
    by_name = {run["name"]: run for run in fields["runs"]}
    assert list(by_name) == [HOSTILE, "elsewhere", "best", "worst"]
    assert by_name["best"]["metrics"]["test/accuracy"] == 0.875
    assert by_name["best"]["validation_loss"] == [[1, 0.5], [2, 0.3], [3, 0.4]]
    assert by_name["best"]["tags"] == {"model": "best"}
    assert fields["differing"]["units"] == ["16", "16", "32", "16"]
    assert fields["reference"] == by_name["best"]["id"]
    pairs = {pair["run"]: pair for pair in fields["pairs"]}
    assert pairs[by_name["worst"]["id"]]["only_second"] == 3
    assert pairs[by_name["worst"]["id"]]["p"] == 0.25
    assert pairs[by_name["elsewhere"]["id"]] == {
        "run": by_name["elsewhere"]["id"],
        "reason": "on other reviews",
    }


def test_json_has_null_for_a_loss_that_is_nan_or_infinite(home, tmp_path, monkeypatch):
    add_run(
        ProjectPaths(tmp_path), "away", losses=(0.5, float("nan"), float("inf")), status="FAILED"
    )
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    run = parse_strict_json(sentiment("--json"))["runs"][0]
    assert run["validation_loss"] == [[1, 0.5], [2, None], [3, None]]
    assert run["metrics"]["validation/loss"] is None
    output = sentiment("--columns", "validation/loss")
    assert "▁██" in output and re.search(r"│ 0.5000 │ +– │ +inf │", output)


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        (["--filter", "units"], 2, "expected NAME"),
        (["--limit", "0"], 2, "--limit"),
        (["--filter", "units=99"], 1, "no run matches units=99"),
        (["--filter", "units=99"], 1, "Try: sentiment compare"),
        (["--sort", "unit"], 1, "is it units"),
        (["--sort", "-"], 2, "--sort"),
        (["--html", "."], 1, ". is a folder. Try: "),
        (["--columns", "accuracy"], 1, "is it validation/accuracy or test/accuracy"),
        (["beste"], 1, "no run is called 'beste'; is it best"),
        (["--experiment", "none"], 1, "no runs yet in the experiment 'none'"),
        (["--html", "no/such/folder/page.html"], 1, "can't write in no/such/folder"),
    ],
)
def test_errors_are_reported(home, tmp_path, monkeypatch, words, status, part):
    monkeypatch.chdir(tmp_path)
    output = " ".join(re.sub("[│╭╰─╮╯]", " ", sentiment(*words, status=status)).split())
    assert part in output and "Traceback" not in output


def test_without_runs_it_reports_so_and_creates_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    output = sentiment(status=1)
    assert "no runs yet" in output and "Try: sentiment train" in output
    assert not list(tmp_path.iterdir())


def test_a_page_has_the_curves_and_the_hidden_states(home, tmp_path):
    target = tmp_path / "page.html"
    assert "Runs" in sentiment("--html", str(target))
    page = target.read_text("utf-8")
    assert "1 bad " in page and "3 best" in page
    assert "Settings that differ" in page and "\x1b" not in page
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_page_gets_runs_and_tables(home, tmp_path, monkeypatch):
    arguments = []
    monkeypatch.setattr(run_comparison, "page", lambda *parts: arguments.extend(parts) or "drawn")
    sentiment("best", HOSTILE, "--html", str(tmp_path / "page.html"))
    title, runs, tables, lead = arguments
    assert title == "Runs of sentiment"
    assert lead == (
        "The most accurate on the test reviews is run 1 with 87.50 %. "
        "1 run of 2 read the same ones."
    )
    assert [run.name[:6] for run in runs] == ["1 best", "2 bad "]
    assert runs[0].curves["validation/loss"] == [(1, 0.5), (2, 0.3), (3, 0.4)]
    assert runs[0].curves.keys() == {"train/loss", "validation/loss", "validation/accuracy"}
    assert runs[0].ids == ["x", "y"] and runs[0].labels.tolist() == [0, 1]
    np.testing.assert_allclose(runs[0].points, [[0.1, 0.2], [0.3, -0.4]], rtol=1e-6)
    assert runs[1].points is None and runs[1].ids == [] and len(runs[1].labels) == 0
    assert [table.title.split()[0] for table in tables] == ["Runs", "Settings", "Compared"]
    assert all(len(row) == len(table.headings) for table in tables for row in table.rows)
    assert (tmp_path / "page.html").read_text() == "drawn"


def test_without_an_evaluated_run_there_is_no_reference():
    runs = [make_record("a"), make_record("b")]
    assert comparison_tables.pairs_sheet(Comparison(runs, len(runs), {}, None, {})).rows == []
