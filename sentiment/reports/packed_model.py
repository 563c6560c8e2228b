"""Pack a trained model for a page: one compressed block, which the page's scripts unpack.

The block is gzip in base64. Inside: the length of a JSON text as uint32, the text in UTF-8, and the
arrays that the text lists in order, each by its `name`, its `kind` and its `count` of numbers. All
numbers are little-endian, and an array is stored byte by byte, the lowest byte of all numbers
first, as that compresses better. Kinds: `float16`; `float32`; `steps`, the differences between
ascending int64 numbers.
"""

import base64
import gzip
import html
import html.entities
import json
import re
import struct
import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from sentiment.data import negation
from sentiment.errors import InputError
from sentiment.inference.bundle import Bundle
from sentiment.inference.cells import SIMPLE_RNN, cell_of

_MAX_KEY = 1 << 53  # above it, JavaScript's numbers are not exact
# Numbers of characters that HTML gives to others or to none.
_ODD_NUMBERS = [*range(0xA0), *range(0xFDD0, 0xFDF0)]
_ODD_NUMBERS += [plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF)]
_SURROGATES = range(0xD800, 0xE000)


def pack_model(bundle: Bundle) -> str:
    """Return all that predictions of a model need, as ASCII text.

    Raises InputError if the page's scripts can't run the model.
    """
    if cell_of(bundle.settings) is not SIMPLE_RNN:
        raise InputError(
            f"a page runs SimpleRNN alone, and the cells of {bundle.name} are "
            f"{bundle.settings.cell!r}"
        )
    if len(bundle.tokenizer.ngrams) and bundle.tokenizer.ngrams[-1] >= _MAX_KEY:
        raise InputError(
            f"the vocabulary of {bundle.name} is too large for a page, which takes 200,000 words",
            hint="sentiment train --vocabulary 200000",
        )
    parts = [
        ("ngrams", "steps", np.diff(bundle.tokenizer.ngrams, prepend=0).astype("<i8")),
        ("embedding", "float16", np.asarray(bundle.embedding).astype("<f2")),
        *((name, "float32", array.astype("<f4")) for name, array in bundle.weights.items()),
    ]
    arrays = [{"name": name, "kind": kind, "count": array.size} for name, kind, array in parts]
    text = json.dumps(_facts(bundle) | {"arrays": arrays}, separators=(",", ":")).encode()
    block = struct.pack("<I", len(text)) + text
    block += b"".join(_by_bytes(array) for _, _, array in parts)
    return base64.b64encode(gzip.compress(block, mtime=0)).decode("ascii")


def _by_bytes(array: np.ndarray) -> bytes:
    """Return the first bytes of all numbers, then the second ones and so on."""
    numbers = np.ascontiguousarray(array).reshape(-1)
    return numbers.view(np.uint8).reshape(-1, array.itemsize).T.tobytes()


def _facts(bundle: Bundle) -> dict[str, Any]:
    return {
        "settings": asdict(bundle.settings),
        "temperature": bundle.temperature,
        "rules": bundle.tokenizer.rules,
        "words": bundle.tokenizer.words,
        "negators": [word for word in bundle.tokenizer.words if negation.is_negator(word)],
        "ends": [word for word in bundle.tokenizer.words if negation.ends_reach(word)],
        "characters": _characters(),
        "entities": _entities(),
    }


@cache
def _entities() -> dict[str, dict[Any, str]]:
    """Return how HTML's entities are decoded: by name, and by number if it is not the character."""
    decoded = {number: html.unescape(f"&#{number};") for number in _ODD_NUMBERS}
    replaced = {number: text for number, text in decoded.items() if text != chr(number)}
    return {"named": dict(html.entities.html5), "replaced": replaced}


@cache
def _characters() -> dict[str, str]:
    """Return the kinds of characters as this Python knows them, as ranges of a character class.

    Browsers know other versions of Unicode.
    """
    numbers = [number for number in range(sys.maxunicode + 1) if number not in _SURROGATES]
    everything = "".join(map(chr, numbers))
    kinds = {
        name: (ord(character) for character in re.findall(pattern, everything))
        for name, pattern in (
            ("alphanumeric", r"[^\W_]"),
            ("letter", r"[^\W\d_]"),
            ("space", r"\s"),
        )
    }
    categories = list(map(unicodedata.category, everything))
    kinds["symbol"] = (n for n, kind in zip(numbers, categories, strict=True) if kind == "So")
    kinds["unassigned"] = (n for n, kind in zip(numbers, categories, strict=True) if kind == "Cn")
    kinds["mark"] = (n for n in numbers if unicodedata.combining(chr(n)))
    return {name: _ranges(found) for name, found in kinds.items()}


def _ranges(numbers: Iterable[int]) -> str:
    """Return ascending numbers of characters as JavaScript's regular expressions write them."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return "".join(
        f"\\u{{{first:x}}}" + (f"-\\u{{{last:x}}}" if last > first else "")
        for first, last in ranges
    )
