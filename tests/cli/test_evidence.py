"""Test `sentiment predict --evidence`."""

import json

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import WARNINGS, LabelRule
from sentiment.inference.predict import predict as classify
from tests.helpers.build import tiny_bundle

TEXTS = ["a good film", "good", "none", "zzz"]


@pytest.fixture
def model(home):
    return tiny_bundle(home / "data" / "models" / "tiny", seed=29)


@pytest.fixture
def counts(model):
    """Return the number of words for each of TEXTS."""
    found = [result.evidence for result in classify(Classifier(model), LabelRule(), TEXTS)]
    assert found == [3, 1, 0, 0]
    return found


def predict(*words, **options):
    result = CliRunner().invoke(app, ["predict", *map(str, words)], **options)
    assert result.exit_code == 0, result.output
    return result


def objects(*words):
    return [json.loads(line) for line in predict("--json", *words).stdout.splitlines()]


def test_texts_have_a_number_of_words_if_asked(counts):
    shown = [line.split("  ") for line in predict("--evidence", *TEXTS).stdout.splitlines()]
    assert [(int(cells[2]), cells[3]) for cells in shown] == list(zip(counts, TEXTS, strict=True))
    assert [len(line.split("  ")) for line in predict(*TEXTS).stdout.splitlines()] == [3] * 4
    assert [fields["evidence"] for fields in objects("--evidence", *TEXTS)] == counts
    assert all("evidence" not in fields for fields in objects(*TEXTS))


def test_an_explanation_has_it_too(counts):
    assert objects("--evidence", "--why", "--trace", TEXTS[0])[0]["evidence"] == counts[0]
    assert "evidence" not in objects("--why", TEXTS[0])[0]
    first = predict("--evidence", "--trace", TEXTS[0]).stdout.splitlines()[0]
    assert first.split("  ")[2:] == [str(counts[0]), TEXTS[0]]


def test_a_bad_line_of_a_pipe_has_none(counts):
    result = CliRunner().invoke(app, ["predict", "--evidence", "-"], input="good\n\n")
    assert [line.split("  ")[2] for line in result.stdout.splitlines()] == ["1", "-"]


@pytest.mark.parametrize(("suffix", "comma"), [(".csv", ","), (".tsv", "\t")])
@pytest.mark.parametrize("warnings", [[], ["--warnings"]])
def test_a_table_has_a_column_before_that_of_the_warnings(
    counts, tmp_path, suffix, comma, warnings
):
    path = tmp_path / f"a{suffix}"
    path.write_text("\n".join(["text", *TEXTS]) + "\n")
    head, *rows = predict("--evidence", *warnings, "--input", path).stdout.splitlines()
    names = ["text", "label", "probability", "evidence", *(["warnings"] if warnings else [])]
    assert head.split(comma) == names
    assert [int(row.split(comma)[3]) for row in rows] == counts
    if warnings:
        assert [row.split(comma)[4] for row in rows] == ["", "", "no-evidence", "no-known-word"]
    assert predict("--input", path).stdout.splitlines()[0].split(comma) == names[:3]


def test_a_name_that_is_taken_is_replaced(counts, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,evidence\ngood,x\n")
    result = predict("--evidence", "--input", path)
    assert result.stdout.splitlines()[0] == "text,evidence,label,probability,predicted_evidence"
    assert "already has a column 'evidence': the new one is 'predicted_evidence'" in result.stderr
    assert "already has a column" not in predict("--input", path).stderr


def test_lines_and_objects_have_it(counts, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\n".join(TEXTS) + "\n")
    rows = predict("--evidence", "--input", path).stdout.splitlines()
    assert [int(row.split("  ")[2]) for row in rows] == counts
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    rows = predict("--evidence", "--input", path).stdout.splitlines()
    assert [json.loads(row)["evidence"] for row in rows] == counts
    assert list(json.loads(rows[0])) == ["text", "label", "probability", "evidence", "warnings"]
    assert "evidence" not in predict("--input", path).stdout.replace("no-evidence", "")


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_columns_of_batches_have_whole_numbers(counts, tmp_path, suffix):
    arrow = pytest.importorskip("pyarrow")
    feather, parquet = (pytest.importorskip(f"pyarrow.{x}") for x in ("feather", "parquet"))
    write, read = (
        (feather.write_feather, feather.read_table)
        if suffix == ".arrow"
        else (parquet.write_table, parquet.read_table)
    )
    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    write(arrow.table({"text": TEXTS}), str(source))
    predict("--evidence", "--input", source, "--output", target)
    table = read(str(target))
    assert table.column_names == ["text", "label", "probability", "evidence", "warnings"]
    assert table.schema.field("evidence").type == arrow.int64()
    assert table.column("evidence").to_pylist() == counts
    predict("--input", source, "--output", target)
    assert read(str(target)).column_names == ["text", "label", "probability", "warnings"]


def test_a_text_that_no_word_carries_is_named(counts):
    lines = predict("good", "none").stderr.splitlines()
    assert lines[-1] == f"warning: text 2: {WARNINGS['no-evidence']}" and len(lines) == 2
    # A text without a known word has a warning of its own.
    assert objects(*TEXTS[2:])[0]["warnings"] == ["no-evidence"]
    assert objects(*TEXTS[2:])[1]["warnings"] == ["no-known-word"]


def test_spark_does_not_add_it(tmp_path):
    words = ["--engine", "spark", "--input", "a.csv", "--output", "b", "--evidence"]
    result = CliRunner().invoke(app, ["predict", *words])
    assert result.exit_code == 2 and "--evidence" in result.stderr
