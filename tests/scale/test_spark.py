"""Files scored on Spark: the same answers as on one machine, even if an executor is lost."""

import csv
import json
import os
import signal
import time
from contextlib import ExitStack

import pyarrow as pa
import pyarrow.parquet
import pytest

from sentiment.data import formats
from sentiment.data.sources import load_sample
from sentiment.inference import resolve
from sentiment.utils.paths import ProjectPaths
from tests.helpers.commands import start
from tests.helpers.executors import executors
from tests.helpers.stored import register_model_with_code

CLUSTER = "local-cluster[2,1,1024]"  # two executors, each a process with one core and 1 GiB
ROWS = 100_000


def sentiment(home, *words, status=0, **environment):
    """Run the command line; return what it printed."""
    process = start(*map(str, words), home=home, **environment)
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    return errors if status or not printed else printed + errors


def score_on_spark(home, source, output, *words, master="local[2]", **others):
    words = ["predict", "--engine", "spark", "--master", master, *words]
    return sentiment(home, *words, "--input", source, "--output", output, **others)


def json_objects(folder):
    """Return the JSON objects in the files of a folder."""
    paths = sorted(folder.glob("part-*"))
    return [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A JSONL file of 100,000 numbered texts of some thirty words, windows of real reviews."""
    reviews = [review.split() for review in load_sample()["train"].texts]
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(ROWS):
            words = reviews[number % len(reviews)]
            first = number * 7 % max(1, len(words) - 30)
            text = " ".join([*words[first : first + 30], str(number)])
            file.write(json.dumps({"id": number, "text": text}) + "\n")
    return path


@pytest.fixture(scope="module")
def local_rows(texts, tmp_path_factory):
    """The rows of `texts` as scored on one machine, by id."""
    output = tmp_path_factory.mktemp("local") / "out.jsonl"
    sentiment(output.parent, "predict", "--input", texts, "--output", output)
    lines = output.read_text("utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def assert_same_answers(rows, local_rows):
    assert sorted(row["id"] for row in rows) == list(range(ROWS))  # none is lost, none comes twice
    for row in rows:
        # Within 1e-6 before each was rounded to six decimals.
        assert abs(row["probability"] - local_rows[row["id"]]["probability"]) <= 2e-6
        assert row["label"] == local_rows[row["id"]]["label"]


def test_two_executors_answer_as_one_machine_does_though_one_is_killed(texts, local_rows, tmp_path):
    before, output = set(executors()), tmp_path / "out.jsonl"
    words = ["--engine", "spark", "--master", CLUSTER, "--input", texts, "--output", output]
    process = start("predict", *map(str, words), home=tmp_path)
    # One executor is killed once a part of the work is done.
    while not list(tmp_path.glob("out.jsonl.*.tmp/**/part-*")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    started = sorted(set(executors()) - before)
    os.kill(started[0], signal.SIGKILL)
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert f"{ROWS:,} rows written" in printed + errors
    assert_same_answers(json_objects(output), local_rows)
    assert not list(tmp_path.glob("*.tmp"))


def test_bad_lines_are_rejected_with_the_reason_and_counted(tmp_path):
    lines = [
        '{"id": 1, "text": "A wonderful film.", "more": [1, {"a": null}]}',
        '{"id": 2, "text": null}',
        '{"id": 3}',
        '{"id": 4, "text": 5}',
        "{broken",
        "",
        '{"id": 6, "text": "  "}',
        '{"id": 7, "text": "<br />"}',
        '["text"]',
        '{"id": 8, "text": "Dull.", "label": "x"}',
    ]
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(lines), "utf-8")
    printed = score_on_spark(tmp_path, source, output)
    assert "1 row written" in printed and "8 rows rejected" in printed
    rows = json_objects(output)
    assert [row["id"] for row in rows] == [1] and rows[0]["more"] == [1, {"a": None}]
    assert rows[0]["label"] == "positive"
    rejected = {
        row["row"]["value"]: row["reason"] for row in json_objects(tmp_path / "out.jsonl-rejects")
    }
    assert rejected[lines[1]] == rejected[lines[3]] == "column 'text' is not text"
    assert rejected[lines[2]] == "no column 'text'; it has id"
    assert rejected[lines[4]].startswith("not JSON (")
    assert rejected[lines[6]] == "is empty" and "holds no word" in rejected[lines[7]]
    assert rejected[lines[8]] == "expected a JSON object"
    assert rejected[lines[9]] == "it has a field 'label', unlike the first row"


def test_csv_keeps_its_other_columns(tmp_path):
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('id,text,label\n1,"Good, ""very"" good.\nYes.",a\n2,,b\n3,x\n', "utf-8")
    assert "2 rows rejected" in score_on_spark(tmp_path, source, output)
    with next(output.glob("part-*")).open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["id"], row["text"], row["label"]) == ("1", 'Good, "very" good.\nYes.', "a")
    assert row["predicted_label"] == "positive" and 0.5 < float(row["probability"]) <= 1


def test_no_line_of_a_file_with_stray_quotes_is_lost(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    rows = ["a witty film", '" stupid jokes', "lovely", "flat", 'a moving ending "', "drab"]
    (source / "a.tsv").write_text("text\tn\n" + "".join(f"{row}\t1\n" for row in rows), "utf-8")
    (source / "b.tsv").write_text('text\tn\n"zzzq"\t2\ntoo short\n', "utf-8")
    output = tmp_path / "out.tsv"
    printed = score_on_spark(tmp_path, source, output)
    assert "7 rows written" in printed and "1 row rejected" in printed
    (rejected,) = json_objects(tmp_path / "out.tsv-rejects")
    assert rejected["reason"].endswith("b.tsv, line 3: no column 'n': 1 of 2 fields")
    with ExitStack() as stack:
        read = [
            (row.fields["text"], row.fields["label"] == "unknown")
            for path in output.glob("part-*")
            for row in formats.make_reader(
                path.with_suffix(".tsv"), stack.enter_context(path.open("rb"))
            ).rows()
        ]
    assert sorted(read) == sorted([*((row, False) for row in rows), ("zzzq", True)])
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    lines = [f"{n},good" for n in range(5000)]
    lines[100] = '100,"unclosed'
    source.write_text("n,text\n" + "\n".join(lines) + "\n", "utf-8")
    printed = score_on_spark(tmp_path, source, output)
    assert "4,999 rows written" in printed and "1 row rejected" in printed


def test_a_folder_of_parquet_files_keeps_its_types(tmp_path):
    source, output = tmp_path / "in", tmp_path / "out.parquet"
    source.mkdir()
    for part in range(3):
        table = pa.table({"id": [part * 2, part * 2 + 1], "my text": ["Fine.", None]})
        pa.parquet.write_table(table, source / f"{part}.parquet")
    printed = score_on_spark(
        tmp_path, source, output, "--text-column", "my text", "--neutral", "0", "1"
    )
    assert "3 rows written" in printed and "3 rows rejected" in printed
    scored = pa.parquet.read_table(output)
    assert sorted(scored.column("id").to_pylist()) == [0, 2, 4]
    assert scored.schema.field("id").type == pa.int64()
    assert set(scored.column("label").to_pylist()) == {"neutral"}


def test_an_existing_output_stays_and_a_failure_leaves_nothing(tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "Fine."}\n', "utf-8")
    output.mkdir()
    (output / "mine").write_text("kept")
    printed = score_on_spark(tmp_path, source, output, status=1)
    assert "out.jsonl exists already" in printed and "Try: " in printed
    assert [path.name for path in output.iterdir()] == ["mine"]
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and no more")
    printed = score_on_spark(tmp_path, broken, tmp_path / "new.parquet", status=1)
    assert f"can't score {broken}" in printed
    assert sorted(path.name for path in tmp_path.glob("*.parquet*")) == ["broken.parquet"]


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"PATH": "missing"}, "Try: apt-get install openjdk"),
        ({"PYTHONPATH": "missing"}, 'Try: pip install "sentiment-rnn[spark]"'),
    ],
)
def test_a_missing_library_is_reported_with_the_command_that_installs_it(change, hint, tmp_path):
    if "PYTHONPATH" in change:  # a module of that name that can't be imported
        (tmp_path / "pyspark.py").write_text("raise ImportError")
        change = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "Fine."}\n', "utf-8")
    environment = {"JAVA_HOME": ""} | change
    assert hint in score_on_spark(tmp_path, source, tmp_path / "out.jsonl", status=1, **environment)


@pytest.mark.parametrize(
    "words",
    [
        ["--engine", "spark", "A film."],
        ["--engine", "spark", "--input", "in.jsonl"],
        ["--engine", "spark", "--input", "in.jsonl", "--output", "out.jsonl", "--resume"],
        ["--master", "local[2]", "A film."],
    ],
)
def test_options_that_do_not_fit_are_a_usage_error(words, tmp_path):
    assert "--engine spark" in sentiment(tmp_path, "predict", *words, status=2)


def test_without_another_model_the_bundled_one_is_used(tmp_path):
    assert resolve.resolve_model(None, ProjectPaths(tmp_path)).folder == resolve.PRETRAINED


def test_executors_run_no_code_that_came_with_a_model(tmp_path):
    home, mark = tmp_path / "project", tmp_path / "executed"
    register_model_with_code(ProjectPaths(home), tmp_path, mark)
    source = tmp_path / "texts.jsonl"
    source.write_text('{"text": "A superb film."}\n', "utf-8")
    model = ["--model", "models:/sentiment@champion"]
    score_on_spark(home, source, tmp_path / "out.jsonl", *model)
    (row,) = json_objects(tmp_path / "out.jsonl")
    assert row["label"] == "positive"
    assert not mark.exists()
