"""Draw P(positive) and the hidden states of a text, word by word, as SVG."""

import base64
import io
from html import escape

import numpy as np
from markupsafe import Markup
from PIL import Image

from sentiment.inspection.explain import Trace, WordEffects
from sentiment.utils.colors import NEGATIVE, POSITIVE, UNIT_NEGATIVE, UNIT_POSITIVE
from sentiment.utils.text import replace_control

_MAX_OPACITY = 0.85  # of a word's colour; more would hide the word
_WIDTH = 900  # pixels that a review of moderate length fills
_COLUMN_WIDTH = (3, 34)  # pixels of a word, at least and at most; longer reviews scroll
_MIN_NAMED_WIDTH = 14  # pixels of a column that has its word below it
_LEFT, _TOP = 92, 14  # pixels beside and above the drawing
_CURVE_HEIGHT = 150  # pixels from P 0 to P 1
_GAP = 26  # pixels between the curve and the heat map
_ROW_HEIGHT = (1, 11)  # pixels of a hidden unit, at least and at most
_MAX_HEAT_HEIGHT = 260  # pixels of all units together, where a unit has more than one
_WORDS_HEIGHT, _NUMBERS_HEIGHT = 100, 26  # pixels below the heat map for upright words, for counts
_MAX_WORD_LENGTH = 14  # characters of a word there
_SHADES, _COMPACT_SHADES = 127, 4  # opacities above 0 in a heat map, in a compact one


def trace_svg(trace: Trace, effects: WordEffects, *, compact: bool = False) -> Markup:
    """Return an SVG element: the curve and, on the same horizontal axis, the heat map.

    A compact one has no tooltips, fewer shades and whole pixels: for 1,024 words and 130 units it
    takes 33 KB instead of 290.
    """
    steps, size = trace.states.shape
    column = int(np.clip(_WIDTH // steps, *_COLUMN_WIDTH))
    row = int(np.clip(_MAX_HEAT_HEIGHT // size, *_ROW_HEIGHT))
    heat_top = _TOP + _CURVE_HEIGHT + _GAP
    bottom = heat_top + size * row
    width = _LEFT + steps * column + 60
    height = bottom + (_WORDS_HEIGHT if column >= _MIN_NAMED_WIDTH else _NUMBERS_HEIGHT)
    lines = [
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="P(positive) after each of {steps} words and the hidden units">',
        *_curve(trace.probabilities, column, 0 if compact else 1),
        *_heat_map(trace, column, row, heat_top, _COMPACT_SHADES if compact else _SHADES),
        *_axis(trace.tokens, column, bottom),
        *([] if compact else _tooltips(trace, effects, column, bottom)),
        "</svg>",
    ]
    return Markup("\n".join(lines))  # noqa: S704 (numbers, and words that `safe` has escaped)


def _curve(probabilities: np.ndarray, column: int, digits: int) -> list[str]:
    x = _LEFT + (np.arange(len(probabilities)) + 0.5) * column
    y = _TOP + _CURVE_HEIGHT * (1 - probabilities)
    right = _LEFT + len(probabilities) * column
    parts = []
    for tick in (0.0, 0.5, 1.0):
        level = _TOP + _CURVE_HEIGHT * (1 - tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{level}" y2="{level}"/>')
        parts.append(f'<text class="left" x="{_LEFT - 8}" y="{level + 4}">{tick:.1f}</text>')
    points = " ".join(f"{a:.{digits}f},{b:.{digits}f}" for a, b in zip(x, y, strict=True))
    parts.append(f'<polyline class="curve" points="{points}"/>')
    if column >= _MIN_NAMED_WIDTH:
        parts += [f'<circle r="3" cx="{a:.1f}" cy="{b:.1f}"/>' for a, b in zip(x, y, strict=True)]
    parts.append(f'<circle class="final" r="6" cx="{x[-1]:.1f}" cy="{y[-1]:.1f}"/>')
    value = f'<text x="{x[-1] + 11:.1f}" y="{y[-1] + 4:.1f}">{probabilities[-1]:.3f}</text>'
    return [*parts, value]


def _heat_map(trace: Trace, column: int, row: int, top: int, shades: int) -> list[str]:
    steps, size = trace.states.shape
    picture = _png(trace.states.T, shades)
    parts = [
        f'<image class="heat" x="{_LEFT}" y="{top}" width="{steps * column}" '
        f'height="{size * row}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{picture}"/>'
    ]
    units = size // len(trace.directions)
    for number, name in enumerate(trace.directions):
        y, height = top + number * units * row, units * row
        parts.append(f'<text class="left" x="{_LEFT - 8}" y="{y + height / 2 + 4}">{name}</text>')
        first, columns = 0, steps
        if trace.deciding is not None:
            first, columns = int(trace.deciding[number * units]), 1
        parts.append(
            f'<rect class="final" x="{_LEFT + first * column - 1}" y="{y - 1}" '
            f'width="{columns * column + 2}" height="{height + 2}"/>'
        )
    return parts


def _axis(tokens: list[str], column: int, top: int) -> list[str]:
    if column < _MIN_NAMED_WIDTH:
        numbers = [1, *range(50, len(tokens) + 1, 50)]
        return [
            f'<text class="middle" x="{_LEFT + (n - 0.5) * column:.1f}" y="{top + 18}">{n}</text>'
            for n in numbers
        ]
    parts = []
    for index, word in enumerate(tokens):
        x, y = _LEFT + (index + 0.5) * column + 4, top + 8
        short = word if len(word) <= _MAX_WORD_LENGTH else word[: _MAX_WORD_LENGTH - 1] + "…"
        turned = f'transform="translate({x:.1f} {y}) rotate(-90)"'
        parts.append(f'<text class="left" {turned}>{safe(short)}</text>')
    return parts


def _tooltips(trace: Trace, effects: WordEffects, column: int, bottom: int) -> list[str]:
    """Return an invisible column over each word, whose title shows the word's numbers."""
    return [
        f'<rect class="hint" x="{_LEFT + index * column}" y="{_TOP}" width="{column}" '
        f'height="{bottom - _TOP}"><title>{index + 1} {safe(word)}: '
        f"P(positive) {probability:.3f}, effect {effect:+.3f}</title></rect>"
        for index, (word, probability, effect) in enumerate(
            zip(trace.tokens, trace.probabilities, effects.effects, strict=True)
        )
    ]


def _png(states: np.ndarray, shades: int) -> str:
    """Return numbers from -1 to 1, (rows, columns), as a PNG file in base64, a pixel for each.

    The sign is the hue and the size the opacity, so that zero shows the page, light or dark.
    shades: number of opacities above 0, at most 127.
    """
    picture = Image.fromarray((np.rint(shades * states) + shades).astype(np.uint8), "P")
    levels = np.arange(-shades, shades + 1)
    picture.putpalette(
        [part for n in levels for part in (UNIT_POSITIVE if n > 0 else UNIT_NEGATIVE)]
    )
    opacities = np.rint(np.abs(levels) * (255 / shades)).astype(np.uint8)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True, transparency=opacities.tobytes())
    return base64.b64encode(file.getvalue()).decode("ascii")


def safe(text: str) -> str:
    """Return `text` escaped for markup, with U+FFFD in place of control characters."""
    return escape(replace_control(text))


def css_color(strength: float) -> str:
    """Return the CSS colour of evidence, from -1 for negative to 1 for positive."""
    return _css(strength, POSITIVE if strength > 0 else NEGATIVE)


def css_unit_color(value: float) -> str:
    """Return the CSS colour of a number of a hidden state, from -1 to 1."""
    return _css(value, UNIT_POSITIVE if value > 0 else UNIT_NEGATIVE)


def _css(strength: float, hue: tuple[int, ...]) -> str:
    return "rgb({} {} {} / {:.3f})".format(*hue, _MAX_OPACITY * abs(strength))
