"""The column of the text: the right one, or an error that names the columns."""

import time

import pytest

from sentiment.data.columns import column_list, find_column, require_column
from sentiment.errors import InputError


def test_the_only_column_of_the_name_is_found():
    assert require_column(["title", "text", "id", "id"], "text") == "text"


@pytest.mark.parametrize(
    ("columns", "fact", "hint"),
    [
        (["id", "text", "a", "b", "text"], "two columns 'text' (2 and 5)", "rename all but one"),
        (["text"] * 3, "3 columns 'text' (1, 2 and 3)", "rename all but one"),
        (["id", "Text"], "no column 'text'; it has Text, id", "--text-column Text"),
        (["id", " text"], "no column 'text'; it has  text, id", "--text-column ' text'"),
        ([], "no column 'text'; it has no header", None),
    ],
)
def test_a_missing_or_double_column_is_refused(columns, fact, hint):
    with pytest.raises(InputError) as caught:
        require_column(columns, "text")
    assert caught.value.fact == fact
    assert caught.value.hint == hint or caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("columns", "wanted", "expected"),
    [
        (["review", "text"], None, "text"),
        (["id", "Review"], None, "Review"),
        (["review", "title"], "title", "title"),
    ],
)
def test_the_only_well_known_column_is_found(columns, wanted, expected):
    assert find_column(columns, wanted or "text") == expected


def test_of_several_well_known_columns_none_is_chosen():
    with pytest.raises(InputError, match="several columns may hold the text: review, body"):
        find_column(["review", "body"], "text")
    assert find_column(["stars", "n"], "label", "label") == "stars"
    with pytest.raises(InputError) as caught:
        find_column(["n", "m"], "label", "label")
    assert caught.value.hint == "--label-column NAME"


def test_a_header_in_one_piece_says_its_separator():
    with pytest.raises(InputError) as caught:
        find_column(["text;label;n"], "text")
    assert caught.value.hint == "it seems to be separated by a semicolon: --delimiter semicolon"


def test_a_message_on_a_wide_or_long_header_is_short_and_soon_there():
    started = time.monotonic()
    for columns in (
        [f"c{n}" for n in range(1_000_000)],
        ["x" * 8_000_000, "y"],
        ["x;" * 4_000_000],
    ):
        with pytest.raises(InputError) as caught:
            find_column(columns, "text")
        assert len(caught.value.fact) < 2000
    assert time.monotonic() - started < 5
    assert column_list(["a"] * 102).endswith("a, a, and 2 more")
