"""Read from a model card what the model is known to get wrong."""

import re
from pathlib import Path

_ROW = re.compile(r"^\| ([a-z ]+) \| [0-9]+ \| \*\*([0-9]+)(?:\.[0-9]+)?%\*\*", re.MULTILINE)


def read_known_failures(folder: Path) -> list[tuple[str, str]]:
    """Return each kind of sentence and the share of right answers, such as "66 %", worst first.

    folder: of a model. Empty if it has no card, or if the card does not say.
    """
    card = folder / "MODEL_CARD.md"
    if not card.is_file():
        return []
    rows = _ROW.findall(card.read_text("utf-8"))
    return [(kind, f"{share} %") for kind, share in sorted(rows, key=lambda row: int(row[1]))]
