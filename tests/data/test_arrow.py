"""Parquet files that would take too much memory, or whose pages are cut off, are refused."""

import io
from types import SimpleNamespace

import pytest
from pyarrow import parquet, table

from sentiment.data import arrow, parquet_pages
from sentiment.errors import InputError


def test_a_row_of_too_many_values_is_refused_however_small_its_pages_are(tmp_path, monkeypatch):
    # Equal values are stored as one of them and a count: 100,000 of them in a few bytes.
    path = tmp_path / "a.parquet"
    parquet.write_table(table({"text": ["good"], "many": [[7] * 100_000]}), path)
    assert path.stat().st_size < 10_000
    for most, refused in ((8 * 100_000, False), (8 * 100_000 - 1, True)):
        monkeypatch.setattr(arrow, "_MAX_PAGE", most)
        with path.open("rb") as file:
            reader = arrow.ParquetReader(path, file)
            if refused:
                with pytest.raises(InputError, match=r"a row of many.* would take too much memory"):
                    list(reader.rows())
            else:
                assert [row.fields["text"] for row in reader.rows()] == ["good"]


@pytest.mark.parametrize("kept", [0, 1, 5])
def test_a_header_of_a_page_that_is_cut_off_is_said_so(kept):
    # Fields 1 to 3 of a page: its kind 0, 4 bytes unpacked and 4 in the file; then the end.
    header = bytes([0x15, 0, 0x15, 8, 0x15, 8, 0])
    chunk = SimpleNamespace(
        dictionary_page_offset=None, data_page_offset=4, total_compressed_size=len(header) + 4
    )
    whole = io.BytesIO(b"PAR1" + header + b"data")
    assert list(parquet_pages.page_sizes(whole, chunk)) == [(0, 4)]
    with pytest.raises(ValueError, match="a header of a page is cut off"):
        list(parquet_pages.page_sizes(io.BytesIO(b"PAR1" + header[:kept]), chunk))
