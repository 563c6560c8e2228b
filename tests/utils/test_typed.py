from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from sentiment.utils.typed import check_types


@dataclass(frozen=True)
class Inner:
    text: str


@dataclass(frozen=True)
class Outer:
    number: int = 1
    real: float = 0.5
    flag: bool = True
    choice: Literal["a", "b"] = "a"
    maybe: str | None = None
    names: dict[str, int] = field(default_factory=dict)
    rows: list[list[float]] = field(default_factory=list)
    inner: Inner = Inner("x")
    inners: list[Inner] = field(default_factory=list)
    table: dict[str, dict[str, Any]] = field(default_factory=dict)
    path: Path = Path()


@pytest.mark.parametrize(
    "values",
    [
        {}, {"real": 1}, {"maybe": "x"}, {"names": {"a": 1}}, {"rows": [[1, 2.5], []]},
        {"inners": [Inner("y")]}, {"table": {"a": {"b": object()}}}, {"choice": "b"},
    ],
)  # fmt: skip
def test_values_of_the_declared_types_pass(values):
    check_types(Outer(**values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"number": True}, "number can't be True"),
        ({"number": 1.5}, "number can't be 1.5"),
        ({"number": "1"}, "number can't be '1'"),
        ({"real": False}, "real can't be False"),
        ({"real": None}, "real can't be None"),
        ({"flag": 1}, "flag can't be 1"),
        ({"choice": "c"}, "choice can't be 'c'"),
        ({"maybe": 7}, "maybe can't be 7"),
        ({"names": []}, r"names can't be \[\]"),
        ({"names": {"a": "1"}}, "names.a can't be '1'"),
        ({"names": {"a\n": None}}, r"names.a\\n can't be None"),
        ({"rows": [1]}, "rows can't be 1"),
        ({"inner": Inner(3)}, "text can't be 3"),
        ({"inners": [Inner(None)]}, "text can't be None"),
        ({"table": {"a": 1}}, "table.a can't be 1"),
        ({"number": "x" * 999}, "number can't be 'x{39}$"),
        ({"flag": 10**5000}, "flag can't be a number of 16610 bits"),
    ],
)
def test_any_other_value_is_named(values, message):
    with pytest.raises(TypeError, match=message):
        check_types(Outer(**values))
