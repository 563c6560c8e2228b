"""Runs held against each other: the logic by hand, and the command on a real store."""

import re
from datetime import UTC, datetime

import numpy as np
import pytest
from typer.testing import CliRunner

from sentiment.cli import _runs_view, app
from sentiment.cli._sparkline import sparkline
from sentiment.errors import InputError
from sentiment.evaluation import run_comparison, run_query
from sentiment.evaluation.run_comparison import NoPairedTest, NoPredictions
from sentiment.evaluation.run_query import Condition, Query
from sentiment.reports import comparison
from sentiment.tracking.history import Predictions, RunRecord
from sentiment.utils.paths import ProjectPaths
from tests.helpers.stored import LABELS, add_run, said, strictly


def record(name, parameters=None, metrics=None, **other):
    values = {
        "id": name * 4,
        "name": name,
        "status": "FINISHED",
        "started": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "seconds": 90.0,
        "parameters": parameters or {},
        "metrics": metrics or {},
        "tags": {"model": name},
        "reviews": {},
    }
    return RunRecord(**(values | other))


RUNS = [
    record("a", {"units": "16", "recipe": "words", "seed": "0"}, {"validation/loss": 0.3}),
    record("b", {"units": "32", "recipe": "default", "seed": "0"}, {"validation/loss": 0.2}),
    record("c", {"units": "8", "recipe": "default", "seed": "0.0", "bidirectional": "True"}),
]


def chosen(*filters, sort=None):
    query = Query(conditions=tuple(map(Condition.parse, filters)), sort=sort)
    return "".join(run.name for run in run_query.select_runs(RUNS, query))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], "abc"),
        (["units=16"], "a"),
        (["units=16.0"], "a"),
        (["units != 16"], "bc"),
        (["units<32"], "ac"),  # as numbers: as text 8 would be above 32
        (["units>=16", "recipe=Default"], "b"),
        (["validation/loss<0.3"], "b"),  # c has none
        (["validation/loss<=0.3"], "ab"),
        (["validation/loss!=0.3"], "b"),
        (["bidirectional=true"], "c"),
        (["status=finished", "seconds>60"], "abc"),
        (["recipe<5"], ""),
    ],
)
def test_runs_are_filtered_by_settings_and_metrics(filters, expected):
    assert chosen(*filters) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("units", "cab"),
        ("-units", "bac"),
        ("validation/loss", "bac"),
        ("-validation/loss", "abc"),  # what has none comes last either way
        ("recipe", "bca"),
        ("-name", "cba"),
    ],
)
def test_runs_are_sorted_by_settings_and_metrics(sort, expected):
    assert chosen(sort=sort) == expected


@pytest.mark.parametrize("text", ["units", "=16", "", "units<many", "units>", "units<nan"])
def test_a_condition_that_means_nothing_is_refused(text):
    with pytest.raises(InputError, match=re.escape(repr(text))):
        Condition.parse(text)


def test_a_value_may_hold_signs_itself():
    assert Condition.parse("dataset=a=b.csv") == Condition("dataset", "=", "a=b.csv")


@pytest.mark.parametrize(
    ("query", "close"),
    [
        (Query(sort="-validation/los"), "validation/loss"),
        (Query(conditions=(Condition("loss", "<", "1"),)), "validation/loss"),
        (Query(columns=("unit",)), "units"),
    ],
)
def test_a_name_that_no_run_has_is_refused_with_those_that_are_near(query, close):
    with pytest.raises(InputError, match=f"no run has a setting or metric .*is it .*{close}"):
        run_query.select_runs(RUNS, query)


def test_settings_that_are_equal_in_all_are_left_out():
    # 0 and 0.0 are one seed.
    assert run_comparison.differing_settings(RUNS) == {
        "units": ["16", "32", "8"],
        "recipe": ["words", "default", "default"],
        "bidirectional": ["–", "–", "yes"],
    }
    assert run_comparison.differing_settings(RUNS[:1]) == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("False", "no"), ("0.30000000000000004", "0.3"), ("80000", "80000"), ("nan", "nan"),
     ("inf", "inf"), ("my file.csv", "my file.csv"), (None, "–"), (0.25, "0.25")],
)  # fmt: skip
def test_values_are_written_as_a_person_would(value, expected):
    assert run_query.format_value(value) == expected


def test_a_pair_is_tested_on_the_same_reviews():
    # Right of eight: the first 6, the second 5. Two by the first alone, one by the second alone:
    # p = 2 (1 + 3) / 8 = 1.
    first = Predictions(said("++++++--"), LABELS, "d")
    second = Predictions(said("+++--+-+"), LABELS, "d")
    found = run_comparison.compare_predictions(first, second)
    assert (found.reviews, found.only_first, found.only_second, found.p) == (8, 2, 1, 1.0)
    assert found.difference == 1 / 8
    assert found.low < 1 / 8 < found.high


@pytest.mark.parametrize(
    "changed", [{"digest": "e"}, {"labels": LABELS[::-1]}, {"digest": ""}], ids=str
)
def test_a_pair_on_other_reviews_is_not_tested(changed):
    first = Predictions(said("++++++--"), LABELS, "d")
    other = first._replace(**changed)
    assert run_comparison.compare_predictions(other, first) == NoPairedTest()
    unknown = first._replace(digest="")
    assert run_comparison.compare_predictions(unknown, unknown) == NoPairedTest()
    assert str(NoPairedTest()) == "on other reviews"


def test_what_is_missing_says_which_of_a_pair_lacks_it():
    given = Predictions(said("++++++--"), LABELS, "d")
    missing = NoPredictions.NOT_EVALUATED
    assert str(run_comparison.compare_predictions(missing, given)) == "not evaluated"
    assert str(run_comparison.compare_predictions(given, missing)) == "reference not evaluated"


def test_a_sparkline_spans_the_lowest_and_the_highest():
    assert sparkline([0.8, 0.4, 0.1], rich=True) == "█▄▁"
    assert sparkline([0.8, 0.4, 0.1], rich=False) == "#~_"
    assert sparkline([], rich=True) == ""
    assert sparkline([0.5, 0.5], rich=True) == "▁▁"
    assert sparkline([0.1, 0.2, float("nan"), float("inf")], rich=True) == "▁███"
    assert sparkline([float("nan")], rich=True) == ""
    assert sparkline(range(100), rich=True, width=4) == "▂▄▆█"


# The command

HOSTILE = "bad \x1b]0;owned\x07 [red]name"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    folders = ProjectPaths(home)
    points = np.array([[0.1, 0.2], [0.3, -0.4]], np.float32)
    shot = {"ids": np.array(["x", "y"]), "labels": np.array([0, 1], np.int8), "points": points}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        settings = {"units": 16, "seed": 0, "dataset": "/a/path/that/is/long/" * 5 + "mine.csv"}
        common = {"losses": (0.5, 0.3, 0.4), "snapshot": shot}
        add_run(folders, "worst", settings=settings, right="++++----", **common)
        add_run(folders, "best", settings=settings | {"units": 32}, right="+++++++-", **common)
        add_run(folders, "elsewhere", settings=settings, right="++++++--", digest="other", **common)
        before = {"labels": shot["labels"]}  # as runs had it once
        failed = {"losses": (0.9,), "status": "FAILED", "snapshot": before}
        add_run(folders, HOSTILE, settings=settings | {"seed": 1}, **failed)
        add_run(folders, "alone", experiment="single", settings=settings)
        add_run(folders, "alone again", experiment="single", settings=settings)
    return home


@pytest.fixture(autouse=True)
def at_home(request, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if "home" in request.fixturenames:
        monkeypatch.setenv("SENTIMENT_HOME", str(request.getfixturevalue("home")))


def sentiment(*words, status=0):
    result = CliRunner().invoke(app, ["compare", *words])
    assert result.exit_code == status, result.output
    return result.stderr if status else result.stdout


def test_the_table_of_runs_has_curves_and_accuracies(home):
    shown = sentiment()
    assert re.search(r"│ 1 │ bad .*name \(FAILED\) │", shown)
    assert re.search(r"│ 3 │ best +│ █▁[▄▅] +│ 0.3000 │ +87.50 % │", shown)
    assert "4 of" not in shown


def test_the_settings_that_differ_have_a_column_a_run(home):
    shown = sentiment()
    assert re.search(r"│ units +│ +16 │ +16 │ +32 │ +16 │", shown)
    assert re.search(r"│ seed +│ +1 │ +0 │ +0 │ +0 │", shown)
    assert "dataset" not in shown
    same = sentiment("--experiment", "single")
    assert "All settings are the same." in same and "Settings that differ" not in same


def test_each_run_is_tested_against_the_best(home):
    shown = sentiment()
    assert "Compared with run 3 (accuracy 87.50 %) on the same 8 reviews" in shown
    # The worst is right in four of the seven that the best is right in: 3 of 8 are 37.5 points,
    # p = 2 / 2^3.
    assert re.search(r"│ 4 │ +-37.50 │ +-\d+\.\d\d to \+\d+\.\d\d │ +0.2500 │ +0 │ +3 │", shown)
    assert re.search(r"│ 2 │ +n/a │ +on other reviews │", shown)
    assert re.search(r"│ 1 │ +n/a │ +not evaluated │", shown)
    assert "sentiment evaluate --model 'bad " in shown


def test_each_run_is_tested_against_the_first_that_is_named(home):
    shown = sentiment("worst", "best")
    assert "Compared with run 1 (accuracy 50.00 %)" in shown
    assert re.search(r"│ 2 │ +\+37.50 │", shown)
    assert "elsewhere" not in shown


def test_a_run_on_other_reviews_takes_no_test_from_those_that_share_theirs(tmp_path, monkeypatch):
    folders = ProjectPaths(tmp_path)
    for name, right, digest in [
        ("a", "++++----", "A"),
        ("b", "++++++--", "A"),
        ("c", "++++++++", "B"),
    ]:
        add_run(folders, name, right=right, digest=digest * 16)
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    shown = sentiment()
    assert "Compared with run 2 (accuracy 75.00 %) on the same 8 reviews" in shown
    assert re.search(r"│ 3 │ +-25.00 │", shown) and re.search(r"│ 1 │ +n/a │ on other rev", shown)


def test_without_predictions_of_any_the_reason_stands_alone(home):
    shown = sentiment("elsewhere", "best")
    assert "No paired test of the runs: on other reviews." in shown
    assert "n/a" not in shown and "sentiment evaluate" not in shown


def test_filters_order_columns_and_limit(home):
    filters = ["--filter", "units=16", "--filter", "status=FINISHED"]
    shown = sentiment(*filters, "--sort", "-test/accuracy", "--columns", "units,test/log_loss")
    assert shown.index("elsewhere") < shown.index("worst") and "best" not in shown
    assert re.search(r"┃ units ┃ test/log_loss ┃", shown)
    assert re.search(r"│ worst .* 16 +│ +0.3000 │", shown)
    shown = sentiment("--limit", "1")
    assert "1 of 4 runs. Try: --limit 4" in shown and "Compared with" not in shown


def test_a_narrow_terminal_gets_tables_below_one_another(home, monkeypatch):
    monkeypatch.setattr("sentiment.cli._console._PLAIN_WIDTH", 60)
    shown = sentiment("--columns", "units,seed,test/log_loss,test/brier", "--limit", "3")
    assert max(len(line) for line in shown.splitlines() if line.startswith("│")) <= 60
    assert re.search(r"│ 3 │ best ", shown) and re.search(r"│ 3 │.* 0.1000 │", shown)


def test_a_long_setting_keeps_its_end(tmp_path, monkeypatch):
    folders = ProjectPaths(tmp_path)
    for name in "xy":
        add_run(folders, name, settings={"dataset": f"/a/long/path/to/some/file/{name}.csv"})
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    assert re.search(r"│ dataset │ …\S+/y\.csv │ …\S+/x\.csv │", sentiment())


def test_names_reach_a_terminal_without_what_it_obeys(home):
    shown = sentiment()
    assert r"\x1b]0;owned\x07 [red]name" in shown
    assert "\x1b" not in shown and "\x07" not in shown


def test_json_holds_all_of_it(home):
    told = strictly(sentiment("--json"))
    by_name = {run["name"]: run for run in told["runs"]}
    assert list(by_name) == [HOSTILE, "elsewhere", "best", "worst"]
    assert by_name["best"]["metrics"]["test/accuracy"] == 0.875
    assert by_name["best"]["validation_loss"] == [[1, 0.5], [2, 0.3], [3, 0.4]]
    assert by_name["best"]["tags"] == {"model": "best"}
    assert told["differing"]["units"] == ["16", "16", "32", "16"]
    assert told["reference"] == by_name["best"]["id"]
    pairs = {pair["run"]: pair for pair in told["pairs"]}
    assert pairs[by_name["worst"]["id"]]["only_second"] == 3
    assert pairs[by_name["worst"]["id"]]["p"] == 0.25
    assert pairs[by_name["elsewhere"]["id"]] == {
        "run": by_name["elsewhere"]["id"],
        "reason": "on other reviews",
    }


def test_json_has_null_where_a_loss_is_no_number(home, tmp_path, monkeypatch):
    add_run(
        ProjectPaths(tmp_path), "away", losses=(0.5, float("nan"), float("inf")), status="FAILED"
    )
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    run = strictly(sentiment("--json"))["runs"][0]
    assert run["validation_loss"] == [[1, 0.5], [2, None], [3, None]]
    assert run["metrics"]["validation/loss"] is None
    shown = sentiment("--columns", "validation/loss")
    assert "▁██" in shown and re.search(r"│ 0.5000 │ +– │ +inf │", shown)


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
def test_what_can_not_be_done_is_said(home, words, status, part):
    shown = " ".join(re.sub("[│╭╰─╮╯]", " ", sentiment(*words, status=status)).split())
    assert part in shown and "Traceback" not in shown


def test_where_nothing_has_run_it_says_so_and_makes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    shown = sentiment(status=1)
    assert "no runs yet" in shown and "Try: sentiment train" in shown
    assert not list(tmp_path.iterdir())


def test_a_page_has_the_curves_and_the_hidden_states(home, tmp_path):
    target = tmp_path / "page.html"
    assert "Runs" in sentiment("--html", str(target))
    page = target.read_text("utf-8")
    assert "1 bad " in page and "3 best" in page
    assert "Settings that differ" in page and "\x1b" not in page
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_page_is_given_runs_and_tables(home, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(comparison, "page", lambda *parts: given.extend(parts) or "drawn")
    sentiment("best", HOSTILE, "--html", str(tmp_path / "page.html"))
    title, runs, grids = given
    assert title == "Runs of sentiment"
    assert [run.name[:6] for run in runs] == ["1 best", "2 bad "]
    assert runs[0].curves["validation/loss"] == [(1, 0.5), (2, 0.3), (3, 0.4)]
    assert runs[0].curves.keys() == {"train/loss", "validation/loss", "validation/accuracy"}
    assert runs[0].ids == ["x", "y"] and runs[0].labels.tolist() == [0, 1]
    np.testing.assert_allclose(runs[0].points, [[0.1, 0.2], [0.3, -0.4]], rtol=1e-6)
    assert runs[1].points is None and runs[1].ids == [] and len(runs[1].labels) == 0
    assert [grid.title.split()[0] for grid in grids] == ["Runs", "Settings", "Compared"]
    assert all(len(row) == len(grid.headings) for grid in grids for row in grid.rows)
    assert (tmp_path / "page.html").read_text() == "drawn"


def test_without_an_evaluated_run_there_is_no_reference_to_hold_others_against():
    made = run_comparison.Comparison(RUNS, len(RUNS), {}, None, {})
    assert _runs_view.pairs_sheet(made).rows == []
