"""A small file that unpacks to gigabytes, or has an endless row, takes less than the bound."""

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from sentiment.data.readers import MEMORY_BOUND
from tests.helpers.slow import SLOW

COMMAND = "from sentiment.cli import main; main()"
# A process begins with the peak of the one that it is forked from, so a small one is in between.
MEASURE = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
sys.stderr.write(f"\\n{status} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}")
"""
MIB = 1 << 20
LONG = 120 * MIB  # bytes of a row
CELL = "x" * 10_000_000


def run(*words, stdin=None, home):
    """Run a command; return its status, its messages and the peak memory of its largest process."""
    process = subprocess.run(
        [sys.executable, "-c", MEASURE, sys.executable, "-c", COMMAND, *map(str, words)],
        env={**os.environ, "SENTIMENT_HOME": str(home)},
        stdin=stdin or subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, check=True,
    )  # fmt: skip
    messages, _, measured = process.stderr.rpartition("\n")
    status, peak = map(int, measured.split())
    return status, messages, peak * 1024


def repeated(start, middle, end, count):
    """Yield the parts of a text: `middle` for `count` bytes."""
    yield start
    block = middle * (MIB // len(middle))
    for _ in range(count // len(block)):
        yield block
    yield end


def write(path, parts, opener=open):
    with opener(path, "wb") as file:
        for part in parts:
            file.write(part)


def zst_open(path, mode):
    return zstandard.ZstdCompressor().stream_writer(path.open(mode))


def long_line(home, name, opener=open):
    path = home / name
    suffix = name.split(".")[1]
    start, end = {
        "jsonl": (b'{"text": "good"}\n{"text": "', b'"}\n{"text": "bad"}\n'),
        "csv": (b"text,label\ngood,pos\n", b",pos\nbad,neg\n"),
        "tsv": (b"text\tlabel\ngood\tpos\n", b"\tpos\nbad\tneg\n"),
        "json": (b'[{"text": "good"}, {"text": "', b'"}]'),
        "txt": (b"good\n", b"\nbad\n"),
    }[suffix]
    write(path, repeated(start, b"good film ", end, LONG), opener)
    return path


def dictionary_bomb(home, rows=100):
    """A Parquet file of a kilobyte with rows of 10 MB, all of them one value."""
    path = home / "bomb.parquet"
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([CELL]))
    table = pa.table({"text": text, "label": [1] * rows})
    # Without the schema of Arrow the column is one of plain texts again.
    pq.write_table(table, path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 5000
    return path


def page_bomb(home):
    """A Parquet file with a page of 500 MB."""
    path = home / "page.parquet"
    table = pa.table({"text": ["y" * 10_000_000] * 50, "label": [1] * 50})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, data_page_size=1 << 30)
    return path


def arrow_bomb(home, compression="zstd"):
    """An Arrow file whose only batch unpacks to a gigabyte."""
    path = home / "bomb.arrow"
    batch = pa.record_batch({"text": [CELL] * 100, "label": [1] * 100})
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_file(path, batch.schema, options=options) as file:
        file.write_batch(batch)
    return path


def arrow_dictionary_bomb(home):
    """An Arrow file of 10 MB whose rows refer to one value of 10 MB."""
    path = home / "dictionary.arrow"
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array([CELL]))
    batch = pa.record_batch({"text": column, "label": [1] * 2000})
    with pa.ipc.new_file(path, batch.schema) as file:
        file.write_batch(batch)
    return path


STRINGS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"


def excel_bomb(home, *, in_row=False):
    """A workbook whose shared strings, or the first row of its sheet, unpack to a gigabyte."""
    import openpyxl

    book, path = openpyxl.Workbook(), home / "bomb.xlsx"
    book.active.append(["text", "label"])
    book.active.append(["good", "pos"])
    book.save(home / "plain.xlsx")
    with zipfile.ZipFile(home / "plain.xlsx") as plain:
        members = {name: plain.read(name) for name in plain.namelist()}
    name, middle = "xl/sharedStrings.xml", b"<si><t>aaaaaaaa</t></si>"
    head, tail = (
        b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">',
        b"</sst>",
    )
    kinds = "[Content_Types].xml"
    override = f'<Override PartName="/{name}" ContentType="{STRINGS}"/></Types>'
    members[kinds] = members[kinds].replace(b"</Types>", override.encode())
    if in_row:
        name, middle = "xl/worksheets/sheet1.xml", b'<c t="inlineStr"><is><t>aaaa</t></is></c>'
        cut = members[name].index(b"</row>")
        head, tail = members[name][:cut], members.pop(name)[cut:]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for other, content in members.items():
            if other != name:
                out.writestr(other, content)
        with out.open(name, "w") as file:
            for part in repeated(head, middle, tail, 1 << 30):
                file.write(part)
    return path


def sheet_bomb(home):
    return excel_bomb(home, in_row=True)


CASES = {
    "parquet, one value": dictionary_bomb,
    "jsonl, one line": lambda home: long_line(home, "a.jsonl"),
    "xlsx, shared strings": excel_bomb,
}
SLOW_CASES = {
    "parquet, one page": page_bomb,
    "arrow, one batch": arrow_bomb,
    "arrow, lz4": lambda home: arrow_bomb(home, "lz4"),
    "arrow, one value": arrow_dictionary_bomb,
    "xlsx, one row": sheet_bomb,
    "csv, one line": lambda home: long_line(home, "a.csv"),
    "tsv, one line": lambda home: long_line(home, "a.tsv"),
    "json, one value": lambda home: long_line(home, "a.json"),
    "txt, one line": lambda home: long_line(home, "a.txt"),
    "jsonl.gz": lambda home: long_line(home, "a.jsonl.gz", gzip.open),
    "jsonl.bz2": lambda home: long_line(home, "a.jsonl.bz2", bz2.open),
    "jsonl.xz": lambda home: long_line(home, "a.jsonl.xz", lzma.open),
    "jsonl.zst": lambda home: long_line(home, "a.jsonl.zst", zst_open),
}


def check(words, home, stdin=None):
    started = time.monotonic()
    status, messages, peak = run(*words, home=home, stdin=stdin)
    print(f"{' '.join(map(str, words))}: {peak / MIB:.0f} MiB, {time.monotonic() - started:.1f} s")
    print(messages)
    assert "Traceback" not in messages and "unexpected error" not in messages
    assert peak < MEMORY_BOUND
    return status, messages


@pytest.mark.parametrize("case", [*CASES, *list(SLOW_CASES) * SLOW])
def test_predict_takes_less_than_the_bound(case, tmp_path):
    path = (CASES | SLOW_CASES)[case](tmp_path)
    output = tmp_path / f"out{path.name[path.name.index('.') :].replace('xlsx', 'csv')}"
    words = ["predict", "--input", path, "--output", output, "--on-error", "skip"]
    status, messages = check(words, tmp_path)
    assert status == 1 or "longer than 8 MiB" in messages


@pytest.mark.parametrize("case", ["jsonl, one line", *[*CASES, *SLOW_CASES] * SLOW])
def test_evaluate_takes_less_than_the_bound(case, tmp_path):
    path = (CASES | SLOW_CASES)[case](tmp_path)
    check(["evaluate", "--data", path, "--no-track", "--on-error", "skip"], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("case", [*CASES, *SLOW_CASES])
@pytest.mark.parametrize("command", [["states", "--input"], ["prepare", "--dataset"]])
def test_other_commands_take_less_than_the_bound(command, case, tmp_path):
    check([*command, (CASES | SLOW_CASES)[case](tmp_path)], tmp_path)


@pytest.mark.parametrize("command", ["predict", *["states"] * SLOW])
def test_an_endless_line_of_standard_input_takes_less_than_the_bound(command, tmp_path):
    with long_line(tmp_path, "a.txt").open("rb") as file:
        check([command, "-"], tmp_path, stdin=file)


def test_a_folder_of_such_files_takes_less_than_the_bound(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for number in range(2):
        dictionary_bomb(folder).rename(Path(folder) / f"{number}.parquet")
    check(["predict", "--input", folder, "--output", tmp_path / "out.parquet"], tmp_path)
