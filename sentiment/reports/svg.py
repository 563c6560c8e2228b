"""Draw P(positive) and the hidden states of a text, word by word, as SVG.

Knows SVG, PNG and explanations; knows nothing of the page around the drawing.
"""

import base64
import struct
import zlib
from html import escape

import numpy as np

from sentiment.inspection.explain import Trace, WordEffects
from sentiment.utils.colors import NEGATIVE, POSITIVE
from sentiment.utils.text import replace_control

_STRONGEST = 0.85  # opacity of the strongest colour; more would hide the word
_WIDTH = 900  # pixels that a review of moderate length fills
_CELLS = (3, 34)  # pixels that a word may take across; longer reviews scroll
_NAMED = 14  # pixels across that a word needs to stand under its column
_LEFT, _TOP = 92, 14  # pixels beside the drawings
_CURVE = 150  # pixels from P 0 to P 1
_GAP = 26  # pixels between the curve and the heat map
_UNIT = (1, 11)  # pixels that a hidden unit may take down
_NAMES, _NUMBERS = 100, 26  # pixels under the heat map for words that stand upright, for counts
_LONGEST_NAME = 14  # characters of a word there
_FEW = 8  # opacities in a lean heat map


def drawing(trace: Trace, effects: WordEffects, *, lean: bool = False) -> str:
    """Return an SVG element: the curve and, on the same horizontal axis, the heat map.

    A `lean` one says nothing where the pointer rests on a word and has fewer shades and whole
    pixels: of 1,024 words and 32 units it takes 25 KB in the place of 200.
    """
    steps, size = trace.states.shape
    cell = int(np.clip(_WIDTH // steps, *_CELLS))
    unit = int(np.clip(260 // size, *_UNIT))
    below = _TOP + _CURVE + _GAP
    bottom = below + size * unit
    width, height = _LEFT + steps * cell + 60, bottom + (_NAMES if cell >= _NAMED else _NUMBERS)
    return "\n".join(
        [
            f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
            f'aria-label="P(positive) after each of {steps} words and the hidden units">',
            *_curve(trace.probabilities, cell, 0 if lean else 1),
            *_heat(trace, cell, unit, below, _FEW if lean else 255),
            *_axis(trace.tokens, cell, bottom),
            *(() if lean else _hints(trace, effects, cell, bottom)),
            "</svg>",
        ]
    )


def _curve(probabilities: np.ndarray, cell: int, digits: int) -> list[str]:
    x = _LEFT + (np.arange(len(probabilities)) + 0.5) * cell
    y = _TOP + _CURVE * (1 - probabilities)
    right = _LEFT + len(probabilities) * cell
    parts = []
    for share in (0.0, 0.5, 1.0):
        level = _TOP + _CURVE * (1 - share)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{level}" y2="{level}"/>')
        parts.append(f'<text class="left" x="{_LEFT - 8}" y="{level + 4}">{share:.1f}</text>')
    points = " ".join(f"{a:.{digits}f},{b:.{digits}f}" for a, b in zip(x, y, strict=True))
    parts.append(f'<polyline class="curve" points="{points}"/>')
    if cell >= _NAMED:
        parts += [f'<circle r="3" cx="{a:.1f}" cy="{b:.1f}"/>' for a, b in zip(x, y, strict=True)]
    parts.append(f'<circle class="final" r="6" cx="{x[-1]:.1f}" cy="{y[-1]:.1f}"/>')
    said = f'<text x="{x[-1] + 11:.1f}" y="{y[-1] + 4:.1f}">{probabilities[-1]:.3f}</text>'
    return [*parts, said]


def _heat(trace: Trace, cell: int, unit: int, top: int, shades: int) -> list[str]:
    steps, size = trace.states.shape
    picture = _picture(trace.states.T, shades)
    parts = [
        f'<image class="heat" x="{_LEFT}" y="{top}" width="{steps * cell}" height="{size * unit}" '
        f'preserveAspectRatio="none" href="data:image/png;base64,{picture}"/>'
    ]
    units = size // len(trace.directions)
    for number, name in enumerate(trace.directions):
        y, tall = top + number * units * unit, units * unit
        parts.append(f'<text class="left" x="{_LEFT - 8}" y="{y + tall / 2 + 4}">{name}</text>')
        at, across = 0, steps
        if trace.deciding is not None:
            at, across = int(trace.deciding[number * units]), 1
        parts.append(
            f'<rect class="final" x="{_LEFT + at * cell - 1}" y="{y - 1}" '
            f'width="{across * cell + 2}" height="{tall + 2}"/>'
        )
    return parts


def _axis(tokens: list[str], cell: int, top: int) -> list[str]:
    if cell < _NAMED:
        numbers = [1, *range(50, len(tokens) + 1, 50)]
        return [
            f'<text class="middle" x="{_LEFT + (n - 0.5) * cell:.1f}" y="{top + 18}">{n}</text>'
            for n in numbers
        ]
    parts = []
    for place, word in enumerate(tokens):
        x, y = _LEFT + (place + 0.5) * cell + 4, top + 8
        short = word if len(word) <= _LONGEST_NAME else word[: _LONGEST_NAME - 1] + "…"
        turned = f'transform="translate({x:.1f} {y}) rotate(-90)"'
        parts.append(f'<text class="left" {turned}>{safe(short)}</text>')
    return parts


def _hints(trace: Trace, effects: WordEffects, cell: int, bottom: int) -> list[str]:
    """Return what is told of each word where the pointer rests on its column."""
    return [
        f'<rect class="hint" x="{_LEFT + place * cell}" y="{_TOP}" width="{cell}" '
        f'height="{bottom - _TOP}"><title>{place + 1} {safe(word)}: '
        f"P(positive) {probability:.3f}, effect {effect:+.3f}</title></rect>"
        for place, (word, probability, effect) in enumerate(
            zip(trace.tokens, trace.probabilities, effects.effects, strict=True)
        )
    ]


def _picture(states: np.ndarray, shades: int = 255) -> str:
    """Return numbers from -1 to 1, (rows, columns), as the pixels of a PNG file in base64.

    The sign is the hue and the size the opacity, so that zero shows the page, light or dark.
    shades: how many opacities above 0 are told apart.
    """
    rows, columns = states.shape
    pixels = np.empty((rows, columns, 4), np.uint8)
    pixels[..., :3] = np.where(states[..., None] > 0, POSITIVE, NEGATIVE)
    pixels[..., 3] = np.rint(np.rint(shades * np.abs(states)) * (255 / shades))
    # Each line of a PNG begins with the number of its filter: 0, none.
    lines = np.pad(pixels.reshape(rows, -1), ((0, 0), (1, 0)))
    header = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)  # 8 bits each of R, G, B, A
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b"")]
    file = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )
    return base64.b64encode(file).decode("ascii")


def safe(text: str) -> str:
    """Return `text` for HTML, with a mark in the place of what can't be seen."""
    return escape(replace_control(text))


def colour(strength: float) -> str:
    """Return the CSS colour of a strength from -1, for negative, to 1."""
    hue = POSITIVE if strength > 0 else NEGATIVE
    return "rgb({} {} {} / {:.3f})".format(*hue, _STRONGEST * abs(strength))
