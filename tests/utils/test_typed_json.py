"""JSON that is read as a dataclass has its fields and no others."""

from dataclasses import dataclass

import pytest

from sentiment.config import ModelSettings
from sentiment.utils.typed_json import check_keys, typed


@dataclass(frozen=True)
class Pair:
    first: int
    second: str = "x"


def test_a_field_that_is_not_known_is_refused():
    assert typed(Pair, {"first": 1}, "pair") == Pair(1)
    with pytest.raises(ValueError, match=r"pair has no field 'third'"):
        typed(Pair, {"first": 1, "third": 2}, "pair")
    check_keys(ModelSettings, {"units": 3}, "settings.model")
    with pytest.raises(ValueError, match=r"settings\.model has no field 'unit'"):
        check_keys(ModelSettings, {"unit": 3}, "settings.model")


def test_the_name_of_a_field_that_is_not_known_is_shown_in_part():
    with pytest.raises(ValueError, match=r"has no field 'x{40}'$"):
        check_keys(Pair, {"x" * 10_000: 1}, "pair")
