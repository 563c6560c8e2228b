import pytest

from sentiment.errors import MissingFileError
from sentiment.utils.resources import read_shipped_or_file, shipped_names

RECIPES = ("sentiment", "recipes")


def read(name):
    return read_shipped_or_file(*RECIPES, name, what="recipe", hint="do this")


def test_shipped_names_are_sorted_and_have_no_suffix():
    assert shipped_names(*RECIPES) == ["best", "default", "words"]


def test_a_shipped_file_wins_over_a_file_with_the_same_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words").write_text("mine")
    assert "ngrams = 1" in read("words")
    assert read("./words") == "mine"


def test_an_unreadable_name_is_missing(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff")
    for path in (tmp_path, tmp_path / "absent", tmp_path / "binary"):
        with pytest.raises(MissingFileError) as caught:
            read(str(path))
        assert caught.value.fact == (
            f"no recipe {path}: it is neither a readable file nor one of best, default, words"
        )
        assert caught.value.hint == "do this"
