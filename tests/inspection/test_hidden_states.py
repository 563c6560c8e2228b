import csv
import dataclasses
import io
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.errors import UnavailableError
from sentiment.inference.classifier import BATCH_SIZE, Classifier
from sentiment.inspection import hidden_states
from tests.helpers.build import TINY, tiny_bundle

TEXTS = ["A good film", "", "bad xyzzy!"]
WORDS = ["a", "good", "film", "bad", "xyzzy", "!"]


@pytest.fixture
def classifier(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    settings = dataclasses.replace(TINY, bidirectional=True, longest_review=4)
    return Classifier(tiny_bundle(tmp_path / "data" / "models" / "tiny", settings))


def run(*words, **options):
    return CliRunner().invoke(app, ["states", *words], **options)


def parse_csv(text):
    """Return text, step and word of each row, and the states, float32."""
    heading, *rows = csv.reader(io.StringIO(text))
    assert heading[:4] == ["text", "step", "word", "forward_1"] and heading[-1] == "backward_3"
    return [row[:3] for row in rows], np.array([row[3:] for row in rows], "f4")


def test_each_state_has_its_word(classifier):
    part = next(hidden_states.compute_states(classifier, TEXTS, "all"))
    assert part.tokens == WORDS and part.offsets.tolist() == [0, 3, 3, 6]
    assert part.states.shape == (6, 6) and part.states.dtype == np.float32
    rows = list(part.rows())
    assert [row[:3] for row in rows] == [
        (1, 1, "a"), (1, 2, "good"), (1, 3, "film"), (3, 1, "bad"), (3, 2, "xyzzy"), (3, 3, "!"),
    ]  # fmt: skip
    # The forward half after "a good" is the final forward state of that beginning.
    beginning = classifier.final_states(classifier.encode(["a good"]))[0]
    np.testing.assert_allclose(rows[1].state[:3], beginning[:3], atol=1e-6)


def test_the_last_state_is_the_final_state_or_the_initial_one_without_words(classifier):
    part = next(hidden_states.compute_states(classifier, TEXTS, "last"))
    np.testing.assert_array_equal(part.states, classifier.final_states(classifier.encode(TEXTS)))
    assert [row[:3] for row in part.rows()] == [(1, 3, "film"), (2, 0, ""), (3, 3, "!")]
    assert [*part.rows()][1].state == [0.0] * 6


def test_a_long_review_is_cut_to_its_last_words(classifier):
    part = next(hidden_states.compute_states(classifier, ["none heart bad a good film"], "all"))
    assert part.tokens == ["bad", "a", "good", "film"]
    assert len(part.states) == 4


@pytest.mark.parametrize("steps", ["all", "last"])
def test_texts_are_numbered_across_batches(classifier, steps):
    texts = TEXTS * (BATCH_SIZE // 2)
    parts = list(hidden_states.compute_states(classifier, iter(texts), steps))
    assert [part.first for part in parts] == [1, BATCH_SIZE + 1]
    rows = [row for part in parts for row in part.rows()]
    assert rows[-1][:3] == (len(texts), 3, "!")
    assert all(early.text <= late.text <= early.text + 2 for early, late in pairwise(rows))


@pytest.mark.parametrize("steps", ["all", "last"])
def test_all_formats_have_the_same_content(classifier, tmp_path, steps):
    pyarrow = pytest.importorskip("pyarrow.parquet")
    part = next(hidden_states.compute_states(classifier, TEXTS, steps))
    source = tmp_path / "texts.txt"
    source.write_text("\n".join(TEXTS) + "\n", "utf-8")
    for kind in ("csv", "parquet", "npz"):
        output = tmp_path / f"states.{kind}"
        result = run("--input", str(source), "--steps", steps, "--output", str(output))
        assert result.exit_code == 0 and not result.stdout, result.output
    expected = [[str(value) for value in row[:3]] for row in part.rows()]
    words, numbers = parse_csv((tmp_path / "states.csv").read_text("utf-8"))
    assert words == expected
    np.testing.assert_array_equal(numbers, part.states)
    table = pyarrow.read_table(tmp_path / "states.parquet")
    assert table.column_names == ["text", "step", "word", *hidden_states.column_names(classifier)]
    assert [
        [str(row[name]) for name in hidden_states.TEXT_COLUMNS] for row in table.to_pylist()
    ] == expected
    stored = np.stack(
        [table.column(name).to_numpy() for name in hidden_states.column_names(classifier)], 1
    )
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored, part.states)
    with np.load(tmp_path / "states.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["states"], part.states)
        assert arrays["states"].dtype == np.float32
        assert arrays["tokens"].tolist() == WORDS and arrays["offsets"].tolist() == [0, 3, 3, 6]
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "texts.txt", "states.csv", "states.parquet", "states.npz",
    }  # fmt: skip


def test_without_texts_the_file_has_no_rows(classifier, tmp_path):
    names = hidden_states.column_names(classifier)
    for kind in ("csv", "npz"):
        hidden_states.write_states(tmp_path / f"states.{kind}", names, iter([]))
    assert (tmp_path / "states.csv").read_text() == ",".join(
        [*hidden_states.TEXT_COLUMNS, *names]
    ) + "\n"
    with np.load(tmp_path / "states.npz") as arrays:
        assert arrays["states"].shape == (0, 6) and arrays["offsets"].tolist() == [0]


def test_a_single_text_without_words_is_written(classifier, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    parts = hidden_states.compute_states(classifier, [""], "all")
    hidden_states.write_states(
        tmp_path / "states.parquet", hidden_states.column_names(classifier), parts
    )
    assert parquet.read_table(tmp_path / "states.parquet").num_rows == 0


def test_texts_come_from_arguments_a_pipe_or_a_column_of_a_file(classifier, tmp_path):
    piped = run(input="\ufeffA good film\r\n\nbad xyzzy!")
    assert piped.exit_code == 0
    assert [row[2] for row in parse_csv(piped.stdout)[0]] == WORDS
    assert run(*TEXTS).stdout == piped.stdout
    assert run("A good film", "-", "bad xyzzy!", input="\n").stdout == piped.stdout
    source = tmp_path / "texts.csv"
    source.write_text('review,n\nA good film,1\n"",2\nbad xyzzy!,3\n', "utf-8")
    assert run("--input", str(source), "--text-column", "review").stdout == piped.stdout


def test_a_terminal_gets_a_table(classifier, monkeypatch):
    from sentiment.cli import states

    file = io.StringIO()
    file.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", file)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "dumb")
    ctx = typer.main.get_command(app).get_command(None, "states").make_context("states", ["x"])
    states.command(ctx, ["good \x1b[2J film"], steps="last")
    output = file.getvalue()
    state = classifier.final_states(classifier.encode(["good 2j film"]))[0]
    assert "forward above backward, 3 units" in output
    assert " ".join(f"{value:+.2f}" for value in state[:3]) in output
    assert " ".join(f"{value:+.2f}" for value in state[3:]) in output
    assert "film" in output and "[2J" not in output


def test_an_error_leaves_an_existing_file_unchanged(classifier, tmp_path):
    output = tmp_path / "states.csv"
    output.write_text("before")
    source = tmp_path / "texts.jsonl"
    source.write_text('{"text": "fine"}\n{"txt": "fine"}\n')
    result = run("--input", str(source), "--output", str(output))
    assert result.exit_code == 1 and "line 2: no column 'text'" in result.stderr
    assert output.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "states.csv", "texts.jsonl"]


@pytest.mark.parametrize(
    ("words", "piped", "status", "message"),
    [
        (["--output", "states.xls", "fine"], None, 1, "ends in .csv, .parquet or .npz"),
        (["--output", "missing/states.csv", "fine"], None, 1, "can't write in missing"),
        (["--input", "missing.csv"], None, 1, "no file missing.csv"),
        (["--model", "missing", "fine"], None, 1, "no model is called 'missing'"),
        (["-"], b"fine\ncaf\xe9\n", 1, "line 2 of standard input is not UTF-8"),
        (["--input", "a.txt", "fine"], None, 2, "not both"),
        (["--input", "a.csv", "--output", "./a.csv"], None, 2, "is the input"),
        (["--steps", "first", "fine"], None, 2, "first"),
    ],
)
def test_errors_name_their_cause(classifier, tmp_path, monkeypatch, words, piped, status, message):
    monkeypatch.chdir(tmp_path)
    result = run(*words, input=piped, env={"COLUMNS": "200"})
    assert result.exit_code == status and message in result.stderr
    assert "Traceback" not in result.stderr


def test_without_pyarrow_the_error_says_what_to_install(classifier, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UnavailableError, match="need pyarrow, which is not installed") as raised:
        hidden_states.write_states(tmp_path / "states.parquet", [], iter([]))
    assert raised.value.hint == "pip install pyarrow"
    assert not (tmp_path / "states.parquet").exists()


def test_a_closed_pipe_is_no_error(classifier):
    code = "from sentiment.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "states"], stdin=-1, stdout=-1, stderr=-1
    ) as process:
        process.stdout.close()
        _, errors = process.communicate(b"a good film\n" * 20_000)
    assert errors == b""
