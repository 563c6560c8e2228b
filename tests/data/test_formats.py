"""The table of file formats, and a new format that is added to it."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.data import formats, labelled_files, readers
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
    assert labelled_files.read_labelled(psv).labels.tolist() == [1, 0]
    assert list(labelled_files.read_texts(psv)) == ["a good film", "a bad heart"]


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
    assert list(labelled_files.read_texts(path)) == ["good", "bad"]
    with pytest.raises(InputError, match=r"no column 'review'"):
        list(labelled_files.read_texts(path, "review"))


def test_the_first_sheet_of_a_workbook_becomes_csv(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["id", "text", "label"], [1.0, 'a "good" film', 1], [None] * 3, ["x", "=1+1", 2.5]):
        book.active.append(row)
    book.create_sheet("other").append(["not read"])
    path = tmp_path / "a.xlsx"
    book.save(path)
    with path.open("rb") as file:
        reader = formats.make_reader(path, file)
        rows = list(reader.rows())
        writer = formats.make_writer(path, reader, ["probability"])
        written = writer.head + writer.chunk(rows, [[0.5], [None]])
    assert reader.columns == ["id", "text", "label"]
    assert rows[0].fields == {"id": "1", "text": 'a "good" film', "label": "1"}
    assert [(row.line, row.fields["label"]) for row in rows] == [(2, "1"), (4, "2.5")]
    assert reader.blank_lines == 1
    assert written.startswith(
        b'\xef\xbb\xbfid,text,label,probability\n1,"a ""good"" film",1,0.500000\n'
    )


def test_a_row_of_a_workbook_is_measured_with_its_shared_texts(tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl")
    monkeypatch.setattr(readers, "LONGEST_ROW", 5000)
    book, path = openpyxl.Workbook(), tmp_path / "a.xlsx"
    for row in (["text", "label"], ["x" * 6000, "pos"], ["y" * 900, "pos"]):
        book.active.append(row)
    book.save(path)
    with path.open("rb") as file:
        rows = list(formats.make_reader(path, file).rows())
    assert [bool(row.wrong) for row in rows] == [True, False]
    assert rows[0].raw == b",\n" and rows[0].wrong.startswith("longer than")
    book.active.append([f"=1+{n}" for n in range(300)])
    book.save(path)
    with path.open("rb") as file, pytest.raises(InputError) as caught:
        formats.make_reader(path, file)
    assert caught.value.fact.startswith(f"{path}: it has a row of more than")


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_arrow_files_and_streams_are_read_and_written(kind, tmp_path):
    arrow = pytest.importorskip("pyarrow")
    ipc = pytest.importorskip("pyarrow.ipc")
    table = arrow.table({"text": [f"film {n}" for n in range(5000)], "n": range(5000)})
    path = tmp_path / "a.arrow"
    with getattr(ipc, f"new_{kind}")(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=3000)
    with path.open("rb") as file:
        reader = formats.make_reader(path, file)
        writer = formats.make_writer(path, reader, ["label", "probability", "warnings"])
        written = writer.head
        for rows in reader.chunks():
            written += writer.chunk(rows, [("x", 0.5, [])] * len(rows))
        written += writer.tail()
    scored = ipc.open_file(arrow.py_buffer(written)).read_all()
    assert scored.select(["text", "n"]).equals(table)
    assert scored["probability"].to_pylist() == [0.5] * 5000


def test_the_files_of_a_folder_are_read_as_one(tmp_path):
    for name, rows in (("part-1.csv", "b\n"), ("part-0.csv", "a\n\n"), ("part-2.csv", "c\nd\n")):
        (tmp_path / name).write_text(f"text\n{rows}")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".part-0.csv.crc").touch()
    assert list(labelled_files.read_texts(tmp_path)) == ["a", "b", "c", "d"]
    with ExitStack() as stack:
        reader = formats.open_reader(tmp_path, ReadOptions(), stack)
        assert [(row.file, row.line) for row in reader.rows()] == [
            ("part-0.csv", 2), ("part-1.csv", 2), ("part-2.csv", 2), ("part-2.csv", 3),
        ]  # fmt: skip
        assert reader.blank_lines == 1
    (tmp_path / "part-3.csv").write_text("review\nx\n")
    with pytest.raises(InputError, match=r"part-3\.csv has other columns than part-0\.csv: review"):
        list(labelled_files.read_texts(tmp_path))
    (tmp_path / "part-3.csv").unlink()
    (tmp_path / "part-3.txt").write_text("x\n")
    with pytest.raises(InputError, match="files of different formats"):
        list(labelled_files.read_texts(tmp_path))


def test_lines_for_fasttext_have_a_label_and_a_text(tmp_path):
    path = tmp_path / "train.ft.txt"
    path.write_text("__label__2 Great CD: x\n__label__1 __label__9  Bad\nno label here\n")
    with ExitStack() as stack:
        rows = list(formats.open_reader(path, ReadOptions(), stack).rows())
    assert [row.fields for row in rows] == [
        {"text": "Great CD: x", "label": "__label__2"},
        {"text": "Bad", "label": "__label__1"},
        {"text": "no label here", "label": ""},
    ]


def test_a_file_whose_name_says_nothing_is_read_in_the_format_that_is_named(tmp_path):
    path = tmp_path / "reviews"
    path.write_text("text|n\na|1\n")
    assert list(labelled_files.read_texts(path, options=ReadOptions(format="csv"))) == ["a"]
    with pytest.raises(InputError) as caught:
        list(labelled_files.read_texts(path))
    assert "--format NAME" in caught.value.hint
