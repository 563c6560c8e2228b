"""The commands as a person types them, on the sample reviews."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from sentiment.cli import app


def sentiment(*words, **options):
    return CliRunner().invoke(app, list(words), **options)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def at_home(home, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(home))


@pytest.fixture(scope="module")
def trained(home):
    """The output of one `sentiment train`, which other tests go on from."""
    os.environ["SENTIMENT_HOME"] = str(home)
    words = [
        "train",
        "--dataset",
        "sample",
        "--epochs",
        "6",
        "--own-labels",
        "0",
        "--learning-rate",
        "0.02",
    ]
    result = sentiment(*words, "--name", "first", catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def fails(result, *parts, status=1):
    """Check for one sentence on standard error and a command to type next, and no traceback."""
    assert result.exit_code == status, result.output
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.output
    return True


def test_train_ends_with_all_that_comes_next(trained, home):
    assert re.search(r"Test accuracy +\d\d\.\d\d % of 80 reviews \(95 % interval", trained)
    assert re.search(r"Run +first \([0-9a-f]{32}\)", trained)
    assert str(home / "data" / "models" / "first") in trained.replace("\n", "")
    assert "sentiment ui" in trained
    assert 'sentiment predict "An unforgettable film."' in trained


def test_train_prints_a_line_for_each_epoch_where_there_is_no_terminal(trained):
    lines = [line for line in trained.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 6
    assert re.match(r"epoch 1/6  train loss \d\.\d+ accuracy \d+\.\d %  validation loss", lines[0])
    assert "reviews/s" in lines[0]
    assert "\x1b" not in trained


def test_evaluate_prints_every_measure_and_the_worst_mistakes(trained):
    result = sentiment("evaluate", "--mistakes", "2")
    assert result.exit_code == 0, result.output
    for name in (
        "accuracy", "95 % interval", "precision", "recall", "F1", "ROC AUC", "log loss",
        "Brier score", "calibration error", "Confusion matrix", "Most confident mistakes",
    ):  # fmt: skip
        assert name in result.stdout


def test_without_mistakes_there_is_no_table_of_them(trained):
    result = sentiment("evaluate", "--mistakes", "0")
    assert result.exit_code == 0 and "Confusion matrix" in result.stdout
    assert "Most confident mistakes" not in result.stdout


def test_a_profile_says_where_the_seconds_went(home):
    words = ["train", "--dataset", "sample", "--epochs", "1", "--own-labels", "0", "--profile"]
    result = sentiment(*words, "--no-evaluate", "--no-track", "--name", "timed")
    assert result.exit_code == 0, result.output
    assert "Test accuracy" not in result.stdout
    assert re.search(r"Run +timed \(not tracked\)", result.stdout)
    rows = re.findall(r"^│ ([\w ]+?) +│ +(\d+\.\d\d) │ +(?:(\d+\.\d) %)? │$", result.stdout, re.M)
    assert {"preparing", "imports"} < {part for part, _, _ in rows}
    shares = [float(share) for _, _, share in rows if share]
    assert sum(shares) == pytest.approx(100, abs=0.05 * len(shares))
    # The newest is the one that other tests go on from.
    shutil.rmtree(home / "data" / "models" / "timed")


def test_evaluate_gives_json_and_nothing_else_on_standard_output(trained, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("review,stars\nA wonderful film,pos\nA dreadful bore,neg\n")
    words = ["--data", str(path), "--text-column", "review", "--label-column", "stars"]
    result = sentiment("evaluate", "--json", *words)
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["model"] == "first"
    assert said["scores"]["reviews"] == 2
    assert sum(map(sum, said["scores"]["confusion"])) == 2


def test_the_accuracy_that_train_printed_is_the_one_that_evaluate_gives(trained):
    said = json.loads(sentiment("evaluate", "--json", "--no-track").stdout)
    printed = re.search(r"Test accuracy +(\d\d\.\d\d) %", trained)[1]
    assert f"{100 * said['scores']['accuracy']:.2f}" == printed


def test_prepare_prints_a_table_and_does_nothing_the_second_time(trained, home):
    before = {path: path.stat().st_mtime_ns for path in (home / "data" / "prepared").rglob("*")}
    started = time.perf_counter()
    result = sentiment("prepare", "--dataset", "sample")
    assert time.perf_counter() - started < 1
    assert "nothing to do" in result.stdout
    assert re.search(r"train +│ +240 │", result.stdout)
    after = {path: path.stat().st_mtime_ns for path in (home / "data" / "prepared").rglob("*")}
    assert before == after


def test_other_settings_make_another_set_beside_the_old_one(trained, home):
    before = set((home / "data" / "prepared").iterdir())
    result = sentiment("prepare", "--dataset", "sample", "--vocabulary", "100")
    assert result.exit_code == 0 and "nothing to do" not in result.stdout
    after = set((home / "data" / "prepared").iterdir())
    assert before < after and len(after - before) == 1
    assert "98 words" not in result.stdout and "100 words" in result.stdout


def test_prepare_reads_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.tsv"
    rows = [f"what a {word} film\t{label}" for word, label in (("good", 1), ("bad", 0))] * 10
    path.write_text("\n".join(["text\tlabel", *rows]))
    result = sentiment("prepare", "--dataset", str(path))
    assert result.exit_code == 0, result.output
    assert re.search(r"train +│ +16 │", result.stdout)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["prepare", "--dataset", "nowhere.csv"], "nowhere.csv"),
        (["prepare", "--dataset", "imdb", "--archive", "nowhere.tar.gz"], "nowhere.tar.gz"),
        (["evaluate", "--model", "nowhere"], "no model in nowhere"),
        (["evaluate", "--data", "nowhere.csv"], "no file nowhere.csv"),
    ],
)
def test_what_is_not_there_is_named(trained, words, part, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert fails(sentiment(*words), part)


def test_no_data_and_no_network_names_the_three_ways_out(monkeypatch, tmp_path):
    from sentiment.data import sources

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sources, "IMDB_URL", "http://127.0.0.1:9/aclImdb_v1.tar.gz")
    result = sentiment("prepare")
    assert fails(result, "--archive", "TFDS_DATA_DIR", "--dataset sample")
    assert result.stderr.count("\n") == 2


def test_another_archive_than_the_published_one_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    archive = tmp_path / "renamed by hand.tar.gz"
    archive.write_bytes(b"not the archive")
    assert fails(sentiment("prepare", "--archive", str(archive)), "checksum")


def test_a_folder_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    assert fails(sentiment("prepare", "--dataset", "sample"), "can't write in")


def test_a_prepared_set_that_has_gone_is_named_with_the_command_that_makes_it(home, trained):
    kept = home / "data" / "prepared"
    aside = kept.rename(home / "data" / "aside")
    try:
        assert fails(sentiment("evaluate"), "no prepared set", "sentiment prepare")
    finally:
        aside.rename(kept)


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--units", "0"],
        ["train", "--epochs", "many"],
        ["train", "--dropout", "1.5"],
        ["train", "--learning-rate", "nan"],
        ["train", "--unknown"],
        ["evaluate", "--mistakes", "-1"],
        ["nothing-of-the-kind"],
        [],
    ],
)
def test_usage_errors_exit_with_2(words):
    assert fails(sentiment(*words), status=2)


def test_help_names_every_option_with_its_range():
    for command in ("prepare", "train", "evaluate", "predict", "states", "ui", "lecture"):
        result = sentiment(command, "--help", env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
        assert result.exit_code == 0
    shown = sentiment("train", "--help", env={"COLUMNS": "200"}).stdout
    for name in (
        "epochs", "batch-size", "units", "layers", "bidirectional", "embedding", "vocabulary",
        "longest-review", "learning-rate", "dropout", "seed", "name", "experiment",
        "validation-share",
    ):  # fmt: skip
        assert f"--{name}" in shown
    assert "1<=x<=1024" in shown


def test_a_process_killed_while_it_prepares_leaves_nothing_that_looks_whole(tmp_path):
    # Enough rows that writing takes a moment; the process is killed once it has begun to write.
    rows = "".join(
        f"what a {'good' if i % 2 else 'bad'} film number {i},{i % 2}\n" for i in range(40_000)
    )
    (tmp_path / "many.csv").write_text("text,label\n" + rows)
    environment = {**os.environ, "SENTIMENT_HOME": str(tmp_path)}
    command = [sys.executable, "-c", "from sentiment.cli import main; main()"]
    command += ["prepare", "--dataset", str(tmp_path / "many.csv")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None and not list(tmp_path.glob("data/prepared/.many*/*.npy")):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not list(tmp_path.glob("data/prepared/many*"))
    assert subprocess.run(command, env=environment, stdout=subprocess.DEVNULL).returncode == 0
    assert len(list(tmp_path.glob("data/prepared/many*"))) == 1
