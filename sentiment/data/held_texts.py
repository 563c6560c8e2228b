"""Bound the texts that a command holds at once.

`predict --input` reads a file in pieces of any number. `evaluate`, `prepare` and `train` compare
all texts with each other, so they hold all of them.
"""

import sys
from typing import Any

from sentiment.errors import InputError
from sentiment.utils.text import count_of

# Bytes of memory. IMDB, with its 50,000 reviews without a label, takes a quarter of it.
MOST_TEXT = 1 << 29
_ROW = 64  # bytes that a row takes beside its text and its label


class HeldTexts:
    """Counts the memory of the texts of one command, whatever they are read from."""

    def __init__(self) -> None:
        self._rows, self._bytes = 0, 0

    def add(self, text: str, label: Any, where: object) -> None:
        """Count a row that will be held; raise InputError if there is no room for it.

        where: the name of its file or data set, for the message.
        """
        # The size in memory and not that in the file: it is what runs out, and known at once.
        self._bytes += sys.getsizeof(text) + sys.getsizeof(label) + _ROW
        if self._bytes > MOST_TEXT:
            raise InputError(
                f"{where}: the texts take more than {MOST_TEXT >> 20} MiB of memory, and all of "
                "them have to be held at once",
                hint=f"split it into files of at most {count_of(max(1, self._rows), 'row')} "
                "and give one of them",
            )
        self._rows += 1
