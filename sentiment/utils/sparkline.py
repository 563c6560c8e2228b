"""Draw numbers as characters of eight heights."""

import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = "_.-~=+*#"  # for a terminal without block characters


def block(share: float, *, rich: bool) -> str:
    """Return the character for a share of the full height, 0–1; `rich` allows block characters."""
    return (_BLOCKS if rich else _ASCII_BLOCKS)[min(7, int(8 * share))]


def sparkline(values: Sequence[float], *, rich: bool, width: int = 10) -> str:
    """Return a line of at most `width` characters, from the lowest value to the highest.

    With more values than characters, each character is the last value of its section. A value
    that is not finite is drawn at the top, as the loss of a diverged training.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, spread = min(finite), max(finite) - min(finite)
    steps = min(len(values), width)
    shown = [values[step * len(values) // steps - 1] for step in range(1, steps + 1)]
    return "".join(
        block((value - low) / (spread or 1.0) if math.isfinite(value) else 1.0, rich=rich)
        for value in shown
    )
