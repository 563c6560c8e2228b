"""Numbers as characters of eight heights.

Knows characters; knows nothing of what the numbers mean.
"""

import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_PLAIN = "_.-~=+*#"  # where the terminal has no such characters


def block(share: float, *, rich: bool) -> str:
    """Return the character for a share of the full height, 0–1."""
    return (_BLOCKS if rich else _PLAIN)[min(7, int(8 * share))]


def sparkline(values: Sequence[float], *, rich: bool, width: int = 10) -> str:
    """Return a line of at most `width` characters, the lowest value at the bottom.

    Of a longer one each character is the last value of its stretch. What is no finite number is at
    the top, where a loss that has run away belongs.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, reach = min(finite), max(finite) - min(finite)
    steps = min(len(values), width)
    shown = [values[step * len(values) // steps - 1] for step in range(1, steps + 1)]
    return "".join(
        block(1.0 if not math.isfinite(value) else (value - low) / (reach or 1.0), rich=rich)
        for value in shown
    )
