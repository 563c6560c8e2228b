"""Test the commands on the sample reviews, as a user types them."""

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
from tests.helpers.commands import ONE


def sentiment(*words, **options):
    return CliRunner().invoke(app, list(words), **options)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def at_home(home, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(home))
    monkeypatch.setenv("SENTIMENT_MODEL", "first")


@pytest.fixture(scope="module")
def trained(home):
    """Return the output of one `sentiment train`, whose model other tests use."""
    os.environ["SENTIMENT_HOME"] = str(home)
    words = ["--dataset", "sample", "--epochs", "6", *ONE]
    words += ["--learning-rate", "0.02", "--name", "first"]
    result = sentiment("train", *words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def fails(result, *parts, status=1):
    """Check the status, the parts of the error message, and that there is no traceback."""
    assert result.exit_code == status, result.output
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.output
    return True


def test_train_ends_with_results_and_next_commands(trained, home):
    assert re.search(r"Test accuracy +\d\d\.\d\d % of 80 reviews \(95 % interval", trained)
    assert re.search(r"Run +first \([0-9a-f]{32}\)", trained)
    assert str(home / "data" / "models" / "first") in trained.replace("\n", "")
    assert "sentiment ui" in trained
    manifest = json.loads((home / "data" / "models" / "first" / "bundle.json").read_text())
    assert manifest["data"]["reviews"] == 240
    last = trained.splitlines()[-1]
    assert last == 'Try: sentiment predict --model first "An unforgettable film."'


def test_train_prints_a_line_for_each_epoch_without_a_terminal(trained):
    lines = [line for line in trained.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 6
    assert re.match(r"epoch 1/6  train loss \d\.\d+ accuracy \d+\.\d %  validation loss", lines[0])
    assert "reviews/s" in lines[0]
    assert "\x1b" not in trained


def test_evaluate_prints_all_metrics_and_the_worst_mistakes(trained):
    result = sentiment("evaluate", "--mistakes", "2")
    assert result.exit_code == 0, result.output
    for name in (
        "accuracy", "95 % interval", "precision", "recall", "F1", "ROC AUC", "log loss",
        "Brier score", "calibration error", "Confusion matrix", "Most confident mistakes",
    ):  # fmt: skip
        assert name in result.stdout


def test_evaluate_without_mistakes_has_no_table_of_mistakes(trained):
    result = sentiment("evaluate", "--mistakes", "0")
    assert result.exit_code == 0 and "Confusion matrix" in result.stdout
    assert "Most confident mistakes" not in result.stdout


def test_train_profile_prints_the_time_of_each_part(home):
    words = ["train", "--dataset", "sample", "--epochs", "1", *ONE, "--profile"]
    result = sentiment(*words, "--no-evaluate", "--no-track", "--name", "timed")
    assert result.exit_code == 0, result.output
    assert "Test accuracy" not in result.stdout
    assert re.search(r"Run +timed \(not tracked\)", result.stdout)
    rows = re.findall(r"^│ ([\w ]+?) +│ +(\d+\.\d\d) │ +(?:(\d+\.\d) %)? │$", result.stdout, re.M)
    assert {"preparing", "imports"} < {part for part, _, _ in rows}
    shares = [float(share) for _, _, share in rows if share]
    assert sum(shares) == pytest.approx(100, abs=0.05 * len(shares))
    shutil.rmtree(home / "data" / "models" / "timed")


def test_evaluate_json_is_the_only_standard_output(trained, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("review,stars\nA wonderful film,pos\nA dreadful bore,neg\n")
    words = ["--data", str(path), "--text-column", "review", "--label-column", "stars"]
    result = sentiment("evaluate", "--json", *words)
    assert result.exit_code == 0, result.output
    fields = json.loads(result.stdout)
    assert fields["model"] == "first"
    assert fields["scores"]["reviews"] == 2
    assert sum(map(sum, fields["scores"]["confusion"])) == 2
    assert list(fields) == [
        "model", "data", "scores", "uncalibrated", "mistakes", "notes", "in_training_data"
    ]  # fmt: skip
    assert fields["in_training_data"] == {
        "texts": 2, "seen": 0, "accuracy_without": fields["scores"]["accuracy"]
    }  # fmt: skip


def test_evaluate_reads_other_labels_and_counts_training_texts(trained, tmp_path):
    from sentiment.data import sources

    text = sources.load_sample()["train"].texts[0]
    path = tmp_path / "stars.csv"
    rows = ["A wonderful film,5", "A bore,1", "So so,3", f'"{text}",5', ",1", "lost"]
    path.write_text("\n".join(["text,label", *rows]))
    words = ["evaluate", "--data", str(path), "--no-track"]
    assert fails(sentiment(*words), "line 7: no column 'label'", "--on-error skip")
    words += ["--on-error", "skip"]
    assert fails(sentiment(*words), "5 (2 rows)", "--positive 5 --negative 1")
    result = sentiment(*words, "--positive", "4,5.0", "--negative", "-1,1")
    assert "1 row with label 3, 1 row without text left out" in result.stdout
    assert "1 row skipped" in result.stdout and "line 7" in result.stdout
    assert "1 of 3 texts are also in the training data; without them" in result.stdout


def test_train_says_the_class_balance_before_training(trained):
    assert trained.index("train 240 reviews: 50.0 % positive") < trained.index("epoch 1/6")


def test_train_and_evaluate_give_the_same_accuracy(trained):
    fields = json.loads(sentiment("evaluate", "--json", "--no-track").stdout)
    printed = re.search(r"Test accuracy +(\d\d\.\d\d) %", trained)[1]
    assert f"{100 * fields['scores']['accuracy']:.2f}" == printed


def test_prepare_does_nothing_the_second_time(trained, home):
    before = {path: path.stat().st_mtime_ns for path in (home / "data" / "prepared").rglob("*")}
    result = sentiment("prepare", "--dataset", "sample")
    assert "nothing to do" in result.stdout
    assert re.search(r"train +│ +240 │", result.stdout)
    after = {path: path.stat().st_mtime_ns for path in (home / "data" / "prepared").rglob("*")}
    assert before == after


def test_other_settings_make_another_prepared_dataset(trained, home):
    before = set((home / "data" / "prepared").iterdir())
    result = sentiment("prepare", "--dataset", "sample", "--vocabulary", "100")
    assert result.exit_code == 0 and "nothing to do" not in result.stdout
    after = set((home / "data" / "prepared").iterdir())
    assert before < after and len(after - before) == 1
    assert "98 words" not in result.stdout and "100 words" in result.stdout
    assert re.search(r"100 words, \d+ pairs, triples and negated words", result.stdout)


def test_prepare_reads_a_labelled_file(tmp_path):
    path = tmp_path / "mine.tsv"
    rows = [
        f"a {word} film {n}\t{label}"
        for word, label in (("good", 1), ("bad", 0))
        for n in range(10)
    ]
    path.write_text("\n".join(["text\tlabel", *rows]))
    result = sentiment("prepare", "--dataset", str(path), "--least-negated", "0")
    assert result.exit_code == 0, result.output
    assert re.search(r"train +│ +16 │", result.stdout)
    assert re.search(r"words, \d+ pairs and triples of words", result.stdout)
    assert "negated" not in result.stdout


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["prepare", "--dataset", "missing.csv"], "missing.csv"),
        (["prepare", "--dataset", "imdb", "--archive", "missing.tar.gz"], "missing.tar.gz"),
        (["evaluate", "--model", "missing"], "no model is called 'missing'"),
        (["evaluate", "--data", "missing.csv"], "no file missing.csv"),
    ],
)
def test_a_missing_file_is_named(trained, words, part, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert fails(sentiment(*words), part)


def test_without_data_and_network_the_error_names_three_solutions(monkeypatch, tmp_path):
    from sentiment.data import imdb

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(imdb, "IMDB_URL", "http://127.0.0.1:9/aclImdb_v1.tar.gz")
    result = sentiment("prepare")
    assert fails(result, "--archive", "TFDS_DATA_DIR", "--dataset sample")
    assert result.stderr.count("\n") == 2


def test_an_archive_with_another_checksum_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    archive = tmp_path / "another.tar.gz"
    archive.write_bytes(b"not the archive")
    assert fails(sentiment("prepare", "--archive", str(archive)), "checksum")


def test_a_folder_that_is_not_writable_is_named(monkeypatch, tmp_path):
    (tmp_path / "data").write_text("a file in place of the folder")
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    assert fails(sentiment("prepare", "--dataset", "sample"), "can't write in")


def test_a_missing_prepared_dataset_is_named_with_the_command_that_makes_it(home, trained):
    folder = home / "data" / "prepared"
    moved = folder.rename(home / "data" / "moved")
    try:
        assert fails(sentiment("evaluate"), "no prepared dataset", "sentiment prepare")
    finally:
        moved.rename(folder)


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--units", "0"],
        ["train", "--epochs", "many"],
        ["train", "--dropout", "1.5"],
        ["train", "--learning-rate", "nan"],
        ["train", "--unknown"],
        ["evaluate", "--mistakes", "-1"],
        ["no-such-command"],
        [],
    ],
)
def test_usage_errors_exit_with_2(words):
    assert fails(sentiment(*words), status=2)


def test_help_lists_all_options_and_ranges():
    for command in ("prepare", "train", "evaluate", "predict", "states", "ui", "lecture"):
        assert sentiment(command, "--help").exit_code == 0
    shown = sentiment("train", "--help-all").stdout
    for name in (
        "epochs", "batch-size", "units", "layers", "bidirectional", "embedding", "vocabulary",
        "longest-review", "learning-rate", "dropout", "seed", "name", "experiment",
        "validation-share",
    ):  # fmt: skip
        assert re.search(rf"--(\[no-\])?{name}\b", shown)
    assert "[default: 16; 1 to 1,024]" in shown


def test_prepare_leaves_no_incomplete_dataset_if_it_is_killed(tmp_path):
    # Enough rows that writing takes a moment; the process is killed when it has started to write.
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


def test_a_training_does_not_take_the_name_of_the_bundled_model(home):
    result = CliRunner().invoke(app, ["train", "--dataset", "sample", "--name", "pretrained"])
    assert result.exit_code == 1
    assert "pretrained is the name of the bundled model. Try: choose another --name" in " ".join(
        result.stderr.split()
    )
    assert not (home / "data" / "models" / "pretrained").exists()
