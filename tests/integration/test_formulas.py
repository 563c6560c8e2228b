"""Cells that a spreadsheet would run as formulas stay as they are, unless they are defused."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.cli._terminal import Meter
from sentiment.data.delimited import CsvReader
from sentiment.data.dialect import Dialect
from sentiment.data.text_stream import TextStream
from sentiment.data.writers import CsvWriter
from sentiment.inference import partial_file
from tests.helpers.build import tiny_bundle

TABLE = (
    '=h,text,n\r\n"=1+1",good film,-1.5\r\n+a,"a good, ""=b"", =c",@x\r\n'
    '-2,"-good ""film""",-2+3\r\na"=b,good,"\r\n=x"\r\n"\t",good,\'=\r\n'
)
DEFUSED = (
    '\'=h,text,n\r\n"\'=1+1",good film,-1.5\r\n\'+a,"a good, ""=b"", =c",\'@x\r\n'
    '-2,"\'-good ""film""",\'-2+3\r\na"=b,good,"\'\r\n=x"\r\n"\'\t",good,\'=\r\n'
)


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    tiny_bundle(tmp_path / "home" / "data" / "models" / "tiny")
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SENTIMENT_MODEL", raising=False)
    monkeypatch.chdir(tmp_path)


def score(*words, status=0):
    result = CliRunner().invoke(app, ["predict", "--quiet", *words])
    assert result.exit_code == status, result.output
    return result


def without_added_columns(text):
    """Return a scored CSV file without the two columns that scoring added."""
    return re.sub(r",(label,probability|(positive|negative),[0-9.]+)(\r?\n)", r"\3", text)


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_cells_do_not_change_without_defuse_formulas(bom):
    Path("in.csv").write_bytes((bom + TABLE).encode())
    assert without_added_columns(score("--input", "in.csv").stdout_bytes.decode()) == bom + TABLE
    done = score("--input", "in.csv", "--defuse-formulas", "--output", "out.csv")
    assert not done.stdout
    assert without_added_columns(Path("out.csv").read_bytes().decode()) == bom + DEFUSED


def test_commas_do_not_separate_cells_of_a_tsv_file():
    Path("in.tsv").write_text('text\tn\ngood,=film\t"=1\t2"\n')
    done = score("--input", "in.tsv", "--defuse-formulas").stdout.splitlines()
    assert [line.rsplit("\t", 2)[0] for line in done] == ["text\tn", 'good,=film\t"\'=1\t2"']


@pytest.mark.parametrize("name", ["in.jsonl", "in.txt", "in.parquet", None])
def test_formats_without_formulas_do_not_take_the_option(name):
    if name:
        Path(name).write_text('{"text": "good"}\n')
    words = ["--input", name] if name else ["good"]
    assert "--defuse-formulas needs" in score(*words, "--defuse-formulas", status=2).stderr


CELL = st.text(st.sampled_from("=+-@\t\r\n\",'a1. \u00e9"), max_size=6)


@settings(max_examples=1000, deadline=None)
@example([["", '-1"'], ["=", '"=']], ",")
@given(st.lists(st.lists(CELL, min_size=2, max_size=2), min_size=1), st.sampled_from([",", "\t"]))
def test_only_formulas_change_and_by_one_apostrophe(rows, delimiter):
    given = io.StringIO()
    # Every other row has quotes around all cells.
    for number, row in enumerate([["text", "n"], *rows]):
        quoting = csv.QUOTE_ALL if number % 2 else csv.QUOTE_MINIMAL
        csv.writer(given, delimiter=delimiter, quoting=quoting).writerow(row)
    data = given.getvalue().encode()
    dialect = Dialect(delimiter, lenient=False, quoted=True, backslash=False, declared=False)
    reader = CsvReader(TextStream(io.BytesIO(data)), dialect)
    writer = CsvWriter(reader, ["label", "probability"], defuse=True)
    parsed = list(reader.rows())
    scored = (writer.head + writer.chunk(parsed, [["x", 0.5]] * len(parsed))).decode()
    scored_rows = list(csv.reader(io.StringIO(scored, newline=""), delimiter=delimiter))[1:]
    for row, cells in zip(rows, scored_rows, strict=True):
        assert cells[2:] == ["x", "0.500000"]
        for before, after in zip(row, cells[:2], strict=True):
            number = re.fullmatch(r"[+-]?[0-9][0-9.,]*", before)
            is_formula = before[:1] in set("=+-@\t\r\n") - {""} and before and not number
            assert after == ("'" + before if is_formula else before)


def test_a_job_resumes_with_the_same_setting_only(monkeypatch):
    Path("in.csv").write_bytes(b"n,text\n" + b'=1,"a good film with a bad heart"\n' * 5000)

    def interrupt(meter, rows, offset):
        raise KeyboardInterrupt

    words = ["--input", "in.csv", "--output", "out.csv", "--defuse-formulas"]
    with monkeypatch.context() as patch:
        patch.setattr(partial_file, "_SAVE_INTERVAL", 0)
        patch.setattr(Meter, "__call__", interrupt)
        score(*words, status=130)
    refused = score(*words[:-1], "--resume", status=1).stderr
    assert "a setting has changed" in refused
    score(*words, "--resume")
    lines = Path("out.csv").read_bytes().splitlines()
    assert len(lines) == 5001 and all(line.startswith(b"'=1,") for line in lines[1:])
