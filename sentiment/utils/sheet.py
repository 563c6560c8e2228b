"""A table of text that is not drawn yet: in a terminal, on a page or in a notebook."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sheet:
    """A table; `columns` maps each heading to left or right, the side that its cells stand on."""

    title: str
    columns: dict[str, str]
    rows: Sequence[Sequence[str]]
