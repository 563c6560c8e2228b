"""The table of file formats, and a new format that is added to it."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.data import formats, sources
from sentiment.data.formats import FileFormat
from sentiment.data.readers import Reader, ReadOptions, Row
from sentiment.data.text_stream import TextStream
from sentiment.data.writers import Writer
from sentiment.errors import InputError
from tests.helpers.build import tiny_bundle


class PipeReader(Reader):
    """Reads cells between `|`, without quotes."""

    def __init__(self, file):
        super().__init__(file)
        self.head = next(self._lines())
        self.columns = self.head.decode().rstrip("\n").split("|")

    def rows(self):
        for raw in self._lines():
            cells = raw.decode().rstrip("\n").split("|")
            yield Row(self.line, raw, dict(zip(self.columns, cells, strict=True)))


class PipeWriter(Writer):
    """Adds cells after a `|`, and a last line that ends the file."""

    def __init__(self, reader, names, *, defuse=False):
        super().__init__(reader, names, defuse=defuse)
        self.head = self._with_cells(reader.head, self.names)

    def row(self, row, added):
        return self._with_cells(row.raw, added)

    def tail(self):
        return b"(end)\n"

    def _with_cells(self, raw, cells):
        return "|".join([raw.decode().rstrip("\n"), *map(str, cells)]).encode() + b"\n"


@pytest.fixture
def psv(tmp_path, monkeypatch):
    """Add the format .psv and return a file in that format."""
    row = FileFormat(
        "cells between bars", lambda path, file, options: PipeReader(TextStream(file)), PipeWriter
    )
    monkeypatch.setitem(formats.FORMATS, "psv", row)
    tiny_bundle(tmp_path / "data" / "models" / "tiny")
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.delenv("SENTIMENT_MODEL", raising=False)
    path = tmp_path / "in.psv"
    path.write_text("n|text|label\n1|a good film|pos\n2|a bad heart|neg\n")
    return path


def predict(*words):
    result = CliRunner().invoke(app, ["predict", "--quiet", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_file_in_a_new_format_can_be_scored(psv):
    output = psv.with_name("out.psv")
    predict("--input", psv, "--output", output)
    lines = output.read_text().splitlines()
    assert lines[0] == "n|text|label|predicted_label|probability"
    assert [line.rsplit("|", 2)[0] for line in lines[1:3]] == [
        "1|a good film|pos",
        "2|a bad heart|neg",
    ]
    assert {line.split("|")[3] for line in lines[1:3]} <= {"positive", "negative"}
    assert lines[3:] == ["(end)"]
    assert predict("--input", psv) == output.read_text()


def test_a_file_in_a_new_format_can_have_labels(psv):
    assert sources.read_labelled(psv).labels.tolist() == [1, 0]
    assert list(sources.read_texts(psv)) == ["a good film", "a bad heart"]


def test_the_error_for_another_suffix_lists_the_formats():
    path = Path("a.xls")
    with pytest.raises(InputError) as caught:
        formats.format_name(path)
    assert caught.value.fact == (
        "a.xls: expected a name that ends in .csv, .tsv, .jsonl, .ndjson, .json, .txt, .parquet, "
        ".arrow, .feather or .xlsx"
    )
    assert formats.format_name(Path("A.CSV.GZ")) == "csv"
    assert formats.format_name(path, ReadOptions(format="tsv")) == "tsv"
    assert formats.output_name(Path("a.xlsx")) == "csv"


def test_the_table_does_not_import_pyarrow():
    code = "import sys, sentiment.data.formats; print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_texts_of_a_parquet_file_can_be_read(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(arrow.table({"n": [1, 2], "text": ["good", "bad"]}), path)
    assert list(sources.read_texts(path)) == ["good", "bad"]
    with pytest.raises(InputError, match=r"no column 'review'"):
        list(sources.read_texts(path, "review"))
