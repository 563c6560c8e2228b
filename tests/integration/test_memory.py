"""A small file that unpacks to gigabytes, or has an endless row, takes less than the bound."""

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import time
import zipfile
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from sentiment.data.held_texts import MOST_TEXT
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
HELD_BOUNDS = {"evaluate --no-track --data": 2048 * MIB, "prepare --dataset": 3072 * MIB}
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


SHARED, SHEET = "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"
SHARED_ENDS = (
    b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">',
    b"</sst>",
)


def excel_file(home, changed):
    """A workbook with a row `good`, `pos`; changed: gives new parts for its members, by name."""
    import openpyxl

    book, path = openpyxl.Workbook(), home / "a.xlsx"
    book.active.append(["text", "label"])
    book.active.append(["good", "pos"])
    book.save(home / "plain.xlsx")
    with zipfile.ZipFile(home / "plain.xlsx") as plain:
        members = {name: plain.read(name) for name in plain.namelist()}
    kinds = "[Content_Types].xml"
    override = f'<Override PartName="/{SHARED}" ContentType="{STRINGS}"/></Types>'
    members[kinds] = members[kinds].replace(b"</Types>", override.encode())
    changed = {SHARED: lambda _: SHARED_ENDS} | changed
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            if name not in changed:
                out.writestr(name, content)
        for name, parts in changed.items():
            with out.open(name, "w") as file:
                for part in parts(members.get(name, b"")):
                    file.write(part)
    return path


def shared_bomb(home, size=1 << 30):
    """A workbook whose shared strings unpack to `size` bytes."""
    head, tail = SHARED_ENDS
    strings = b"<si><t>aaaaaaaa</t></si>"
    return excel_file(home, {SHARED: lambda _: repeated(head, strings, tail, size)})


def sheet_bomb(home):
    """A workbook whose first row unpacks to a gigabyte."""

    def parts(sheet):
        cut = sheet.index(b"</row>")
        cell = b'<c t="inlineStr"><is><t>aaaa</t></is></c>'
        return repeated(sheet[:cut], cell, sheet[cut:], 1 << 30)

    return excel_file(home, {SHEET: parts})


def with_rows(sheet, rows):
    """Yield the parts of a sheet with `rows` after its first one."""
    cut = sheet.index(b"</row>") + len(b"</row>")
    yield sheet[:cut]
    yield from rows
    yield sheet[cut:]


def one_shared_text(home):
    """A workbook with 50 rows of the same 100 MB."""
    head, tail = SHARED_ENDS
    text = repeated(head + b"<si><t>", b"good film ", b"</t></si>" + tail, 100 * MIB)
    row = b'<row><c t="s"><v>0</v></c><c t="inlineStr"><is><t>pos</t></is></c></row>'
    return excel_file(home, {SHARED: lambda _: text, SHEET: lambda old: with_rows(old, [row] * 50)})


# Just below the limit of a row: words of which each is an object of 57 bytes, and signs of three
# bytes in the file, each of which is a word of 76 bytes.
NEAR = 8 * MIB - 100
NEAR_TEXTS = [("ab " * NEAR)[:NEAR], "\u2605" * (NEAR // 3)] * 3
LABELS = ["pos", "neg"] * 3


def near_rows(home, suffix):
    """A file with six rows just below the limit."""
    path = home / f"a.{suffix}"
    pairs = list(zip(NEAR_TEXTS, LABELS, strict=True))
    if suffix == "xlsx":
        cell = '<c t="inlineStr"><is><t xml:space="preserve">{}</t></is></c>'.format
        rows = [f"<row>{cell(t[:-99])}{cell(name)}</row>".encode() for t, name in pairs]
        return excel_file(home, {SHEET: lambda old: with_rows(old, rows)})
    if suffix in ("parquet", "arrow"):
        table = pa.table({"text": NEAR_TEXTS, "label": LABELS})
        if suffix == "parquet":
            pq.write_table(table, path, use_dictionary=False)
        else:
            with pa.ipc.new_file(path, table.schema) as file:
                file.write_table(table)
        return path
    objects = [f'{{"text": "{text}", "label": "{name}"}}' for text, name in pairs]
    separator = {"tsv": "\t", "psv.csv": "|"}.get(suffix, ",")
    content = {
        "jsonl": "\n".join(objects),
        "json": f"[{','.join(objects)}]",
        "txt": "\n".join(NEAR_TEXTS),
    }.get(suffix) or "\n".join(separator.join(cells) for cells in [("text", "label"), *pairs])
    path.write_text(content + "\n", "utf-8")
    return path


def quoted_rows(home):
    """A table with six rows just below the limit, each over a million lines."""
    path = home / "a.csv"
    cells = [f'"{("ab cde" + chr(10)) * (NEAR // 7)}",{name}' for name in LABELS]
    path.write_text("\n".join(["text,label", *cells, ""]))
    return path


def many_values(home, suffix):
    """A file with six rows just below the limit that hold a million objects each."""
    path = home / f"a.{suffix}"
    values = ",".join(['{"a":0}'] * (NEAR // 8 - 10))
    rows = [f'{{"text": "good", "label": "{name}", "x": [{values}]}}' for name in LABELS]
    path.write_text("\n".join(rows) if suffix == "jsonl" else f"[{','.join(rows)}]")
    return path


def many_columns(home):
    """A table with a header and rows just below the limit, of a million cells each."""
    path = home / "a.csv"
    cells = ",".join(f"{number:07}" for number in range(NEAR // 8 - 2))
    path.write_text("\n".join([f"text,label,{cells}", *(f"good,{n},{cells}" for n in LABELS), ""]))
    return path


def many_texts(home, size):
    """A compressed table whose texts, of 64 KiB each, take `size` bytes in memory."""
    path = home / "many.csv.gz"
    words = "it was a good film with a bad end, or was it? " * 1500
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write("text,label\n")
        for number in range(size // 65_536):
            # Each text differs from all others.
            file.write(f'"{f"{number} {words}"[:65_000]}",{LABELS[number % 6]}\n')
    return path


BELOW = "xlsx, shared strings below the limit"
CASES = {
    "parquet, one value": dictionary_bomb,
    "jsonl, one line": lambda home: long_line(home, "a.jsonl"),
    "xlsx, shared strings": shared_bomb,
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
    BELOW: lambda home: shared_bomb(home, 120 * MIB),
    "xlsx, one shared text": one_shared_text,
}
NEAR_CASES = {
    f"{suffix}, rows below the limit": partial(near_rows, suffix=suffix)
    for suffix in ("csv", "tsv", "psv.csv", "jsonl", "json", "txt", "parquet", "arrow", "xlsx")
} | {
    "csv, lines in cells": quoted_rows,
    "csv, columns": many_columns,
    "jsonl, objects": partial(many_values, suffix="jsonl"),
    "json, objects": partial(many_values, suffix="json"),
}


def check(words, home, stdin=None, bound=MEMORY_BOUND):
    started = time.monotonic()
    status, messages, peak = run(*words, home=home, stdin=stdin)
    print(f"{' '.join(map(str, words))}: {peak / MIB:.0f} MiB, {time.monotonic() - started:.1f} s")
    print(messages)
    assert "Traceback" not in messages and "unexpected error" not in messages
    assert peak < bound
    return status, messages


@pytest.mark.parametrize("case", [*CASES, *list(SLOW_CASES) * SLOW])
def test_predict_takes_less_than_the_bound(case, tmp_path):
    path = (CASES | SLOW_CASES)[case](tmp_path)
    output = tmp_path / f"out{path.name[path.name.index('.') :].replace('xlsx', 'csv')}"
    words = ["predict", "--input", path, "--output", output, "--on-error", "skip"]
    status, messages = check(words, tmp_path)
    assert (status == 1 or "longer than 8 MiB" in messages) == (case != BELOW)


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


@pytest.mark.slow
@pytest.mark.parametrize("case", NEAR_CASES)
@pytest.mark.parametrize(
    "command",
    [
        ["predict", "--on-error", "skip", "--input"],
        ["evaluate", "--no-track", "--data"],
        ["states", "--steps", "last", "--input"],
    ],
)
def test_rows_below_the_limit_take_less_than_the_bound(command, case, tmp_path):
    path = NEAR_CASES[case](tmp_path)
    status, messages = check([*command, path], tmp_path)
    unlabelled = command[0] == "evaluate" and path.suffix == ".txt"
    assert status == unlabelled, messages


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [["evaluate", "--no-track", "--data"], ["prepare", "--dataset"]]
)
def test_more_texts_than_are_held_at_once_are_refused(command, tmp_path):
    path = many_texts(tmp_path, MOST_TEXT * 5 // 4)
    status, messages = check([*command, path, "--on-error", "skip"], tmp_path)
    assert status == 1 and "the texts take more than 512 MiB of memory" in messages
    assert "Try: split it into files of at most 8,2" in messages


@pytest.mark.slow
@pytest.mark.parametrize("command", HELD_BOUNDS)
def test_as_many_texts_as_are_held_at_once_take_less_than_the_bound(command, tmp_path):
    path = many_texts(tmp_path, MOST_TEXT * 15 // 16)
    status, _ = check([*command.split(), path], tmp_path, bound=HELD_BOUNDS[command])
    assert status == 0
