"""Rows of CSV and TSV files as other people write them; no line is lost."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment.data import delimited, formats
from sentiment.data.readers import LONGEST_ROW, ReadOptions
from sentiment.errors import InputError
from tests.helpers.slow import SLOW

STRAY = (
    'sentence\tlabel\na witty film\t1\n" stupid jokes\t0\nlovely\t1\nflat\t0\n'
    'a moving ending "\t1\ndrab\t0\n'
)


def read(name, data, **options):
    data = data if isinstance(data, bytes) else data.encode()
    return formats.make_reader(Path(name), io.BytesIO(data), ReadOptions(**options))


def cells(name, data, **options):
    return [list(row.fields.values()) for row in read(name, data, **options).rows()]


def test_a_stray_quote_between_tabs_is_text():
    assert cells("a.tsv", STRAY) == [
        ["a witty film", "1"],
        ['" stupid jokes', "0"],
        ["lovely", "1"],
        ["flat", "0"],
        ['a moving ending "', "1"],
        ["drab", "0"],
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ('"quoted"\t1', ["quoted", "1"]),
        ('"a ""b"" c"\t1', ['a "b" c', "1"]),
        ('"a \\"b\\" c"\t1', ['a "b" c', "1"]),
        ('"Great" and "awful"\t1', ['"Great" and "awful"', "1"]),
        ('"\t1', ['"', "1"]),
        ('""\t1', ["", "1"]),
        ('5" disc\t1', ['5" disc', "1"]),
        ('"tab\tin it"\t1', ["tab\tin it", "1"]),
        ('"two\nlines"\t1', ["two\nlines", "1"]),
        ('1\t"two\n\nlines"', ["1", "two\n\nlines"]),
    ],
)
def test_between_tabs_a_quote_counts_only_if_it_opens_and_closes_a_cell(row, expected):
    reader = read("a.tsv", f"a\tb\n{row}\nlast\t0\n")
    rows = list(reader.rows())
    assert [list(each.fields.values()) for each in rows] == [expected, ["last", "0"]]
    assert "".join(each.raw.decode() for each in rows) == f"{row}\nlast\t0\n"


def test_after_an_unclosed_quote_every_row_is_read():
    lines = [f"{n},good" for n in range(5000)]
    lines[100] = '100,"unclosed'
    rows = list(read("a.csv", "id,text\n" + "\n".join(lines) + "\n").rows())
    assert len(rows) == 5000
    (bad,) = [row for row in rows if row.wrong]
    assert (bad.line, bad.lines) == (102, 1)
    assert "nothing closes it" in bad.wrong
    assert [row.fields["id"] for row in rows if row is not bad] == [
        str(n) for n in range(5000) if n != 100
    ]


def test_an_unclosed_quote_before_much_text_costs_one_line(monkeypatch):
    monkeypatch.setattr(delimited, "MAX_SPAN", 1000)
    lines = ['0,"unclosed'] + [f"{n},{'x' * 50}" for n in range(1, 200)] + ['200,"y"']
    rows = list(read("a.csv", "id,text\n" + "\n".join(lines)).rows())
    assert [row.line for row in rows if row.wrong] == [2]
    assert len(rows) == 201


def test_a_row_that_took_others_in_and_has_another_width_costs_one_line():
    rows = list(read("a.csv", 'id,text\n1,"open\n2,b\n3,c" and,more\n4,d\n').rows())
    assert [(row.line, bool(row.wrong)) for row in rows] == [
        (2, True), (3, False), (4, True), (5, False),
    ]  # fmt: skip


def test_a_cell_that_looks_like_swallowed_rows_is_said():
    (row,) = read("a.csv", 'id,text\n1,"abc\n2,def\n3,ghi\n4,jkl"\n').rows()
    assert row.lines == 4 and "4 lines that look like rows" in row.doubt
    (row,) = read("a.csv", 'id,text\n1,"abc\n\ndef, ghi, jkl\nmno"\n').rows()
    assert row.lines == 4 and row.doubt is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ('1,"a \\"b\\" c, d"', 'a "b" c, d'),  # a backslash escapes the quotes
        ('1,"ends with one \\"x\\""', 'ends with one "x"'),
        ('1,"C:\\"', "C:\\"),  # here it does not
        ('1,"a ""b"", c"', 'a "b", c'),
        ('1,he said "hi"', 'he said "hi"'),
    ],
)
def test_a_quote_in_a_cell_is_doubled_or_has_a_backslash(row, expected):
    rows = cells("a.csv", f"id,text\n{row}\n2,next\n")
    assert rows == [["1", expected], ["2", "next"]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("text;label\nwell, yes, and no;1\n", ["well, yes, and no", "1"]),
        ("text\tlabel\nwell, yes; no\t1\n", ["well, yes; no", "1"]),
        ("text|label\na, b|1\n", ["a, b", "1"]),
        ("sep=;\r\ntext;label\r\na;1\r\n", ["a", "1"]),
        ("text\nno separator; at all\n", ["no separator; at all"]),
        ("a;b,text\n1,x\n2,y\n", ["1", "x"]),
    ],
)
def test_the_separator_is_recognised(data, expected):
    assert cells("a.csv", data)[0] == expected


def test_the_separator_quotes_and_columns_can_be_named():
    assert cells("a.csv", "text~label\na, b~1\n", delimiter="~") == [["a, b", "1"]]
    assert cells("a.csv", "a,b\tc\n1\t2\n", delimiter="tab") == [["1", "2"]]
    assert cells("a.csv", 'a,b\n"x,1\n"y,2"\n', quoting="none") == [['"x', "1"], ['"y', '2"']]
    assert cells("a.tsv", 'a\tb\n"x\ty"\tz\n', quoting="csv") == [["x\ty", "z"]]
    reader = read("a.csv", '0,"Mon, 6",text one\n4,Tue,text two\n', header=False)
    assert reader.columns == ["1", "2", "3"]
    assert [row.fields["3"] for row in reader.rows()] == ["text one", "text two"]
    with pytest.raises(InputError, match="one character"):
        read("a.csv", "a,b\n", delimiter="::")


def test_old_mac_line_ends_divide_rows():
    assert cells("a.csv", "text,label\ra,1\rb,0\r") == [["a", "1"], ["b", "0"]]


def test_blank_lines_before_the_header_stay_there():
    reader = read("a.csv", "\n\r\ntext\na\n")
    assert (reader.preamble, reader.columns) == (b"\n\r\n", ["text"])
    assert [row.line for row in reader.rows()] == [4]


def test_reading_continues_after_lines_that_were_given_back():
    data = 'id,text\n1,"open\n2,b\n3,c\n'
    reader = read("a.csv", data)
    rows = reader.rows()
    next(rows)
    later = read("a.csv", data)
    later.go_to(reader.offset, reader.line)
    assert [row.fields["id"] for row in later.rows()] == ["2", "3"]


# What goes wrong in files: quotes, separators and line ends, in any order.
pieces = st.sampled_from(
    ['"', '""', '\\"', ",", "\t", ";", "\n", "\r\n", "a", "good film", " ", "\\", "é", "\r", "1"]
)
bodies = st.lists(pieces, max_size=40).map("".join)
# Files of many plain rows with a little damage.
plain_rows = st.lists(
    st.tuples(st.sampled_from(["", '"', 'x "', '"y" ', '"a, b"', '"c\nd"']), st.integers(0, 3)),
    max_size=12,
).map(lambda rows: "".join(f"{start}film {n},{n}\n" for start, n in rows))


@settings(max_examples=10_000 if SLOW else 1_500, deadline=None)
@given(
    body=bodies | plain_rows | plain_rows.map(lambda text: text.replace(",", "\t")),
    name=st.sampled_from(["a.csv", "a.tsv"]),
    quoting=st.sampled_from(["auto", "csv", "none"]),
    header=st.booleans(),
)
def test_every_line_is_in_a_row_or_named_or_counted_once(body, name, quoting, header):
    data = ("text,n\n" if name == "a.csv" else "text\tn\n") + body
    try:
        reader = read(name, data, quoting=quoting, header=header)
    except InputError:
        return  # the header itself can't be read, and the job ends
    lines = io.BytesIO(data.encode()).readlines()
    covered: list[int] = list(range(1, 1 + (reader.preamble + reader.header_row).count(b"\n")))
    for row in reader.rows():
        own = list(range(row.line, row.line + row.lines))
        covered += own
        if not row.wrong:
            assert row.raw == b"".join(lines[number - 1] for number in own)
    blank = [n for n, line in enumerate(lines, 1) if not line.strip(b"\r\n")]
    assert len(covered) == len(set(covered)), "a line is in two rows"
    missing = set(range(1, len(lines) + 1)) - set(covered)
    assert missing <= set(blank)
    assert len(missing) == reader.blank_lines
    assert reader.line == len(lines)
    assert reader.offset == len(data.encode())


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(
        st.lists(st.text(alphabet='a,"\n\\ \té', max_size=8), min_size=2, max_size=2), max_size=8
    )
)
def test_what_the_csv_module_writes_is_read_as_it_was(table):
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([["one", "two"], *table])
    assert cells("a.csv", out.getvalue(), delimiter=",") == table


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.psv.csv", "a.csv.gz"])
@pytest.mark.parametrize("header", [True, False])
def test_a_header_that_is_too_long_is_called_so(name, header, tmp_path):
    path = tmp_path / name
    data = b"text,label," + b"x" * LONGEST_ROW + b"\ngood,pos,1\n"
    path.write_bytes(gzip.compress(data, 1) if name.endswith("gz") else data)
    with pytest.raises(InputError) as caught:
        formats.make_reader(path, path.open("rb"), ReadOptions(header=header))
    assert caught.value.fact == f"{path}, line 1: longer than 8 MiB"
    assert caught.value.hint.endswith(f"head -c 300 {path}")


def test_a_row_over_lines_is_no_longer_than_one_on_a_line(monkeypatch):
    monkeypatch.setattr(delimited, "MAX_SPAN", 100)
    for name in ("a.csv", "a.tsv"):
        tab = "\t" if name == "a.tsv" else ","
        fits = f'1{tab}"{"x" * 40}\n{"y" * 40}"\n'
        over = f'2{tab}"{"x" * 40}\n{"y" * 90}"\n'
        rows = list(read(name, f"id{tab}text\n{fits}{over}3{tab}last\n").rows())
        assert rows[0].lines == 2 and not rows[0].wrong
        assert max(len(row.raw) for row in rows) <= 100 and rows[-1].fields["text"] == "last"
