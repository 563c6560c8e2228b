"""Draw results in a notebook, as HTML whose text is escaped by the writer of XML trees.

Colours are those of the pages. Text has the colour that the notebook gives it and only its
background is tinted, so it can be read in light and dark.
"""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, tostring

from sentiment.utils.colors import NEGATIVE, POSITIVE
from sentiment.utils.sheet import Sheet
from sentiment.utils.text import replace_control

_MAX_OPACITY = 0.55  # of a word's background: both black and white text stand out from it
_NO_BREAK = "\u00a0"  # a space that keeps a word and its number on one line
_UNKNOWN = "text-decoration: underline dotted"
_WORD = "padding: 0.15em 0.3em; border-radius: 4px; {}background: rgba({}, {}, {}, {:.2f})"


def draw_sheets(*sheets: Sheet) -> str:
    """Return the tables that have rows, one below the other."""
    root = Element("div")
    for sheet in sheets:
        if sheet.rows:
            _add_table(root, sheet)
    return _html(root)


def draw_words(
    heading: str, words: Iterable[tuple[str, bool, float, str]], footnote: str = ""
) -> str:
    """Return words on coloured grounds, with a number after each.

    words: the word, whether the model knows it, the strength of its colour from -1, negative, to
    1, positive, and the number.
    """
    root = Element("div")
    _add(root, "div", heading, style="font-weight: bold")
    line = SubElement(root, "div", style="line-height: 2; overflow-wrap: anywhere")
    for word, known, strength, number in words:
        hue = POSITIVE if strength > 0 else NEGATIVE
        opacity = _MAX_OPACITY * min(1.0, abs(strength))
        style = _WORD.format("" if known else f"{_UNKNOWN}; ", *hue, opacity)
        span = _add(line, "span", f"{word}{_NO_BREAK}", style=style)
        _add(span, "small", number, style="opacity: 0.75")
        span.tail = " "
    if footnote:
        _add(root, "small", footnote)
    return _html(root)


def _add_table(root: Element, sheet: Sheet) -> None:
    table = SubElement(root, "table")
    _add(table, "caption", sheet.title, style="text-align: left; font-weight: bold")
    sides = [f"text-align: {side}" for side in sheet.columns.values()]
    head = SubElement(SubElement(table, "thead"), "tr")
    for heading, side in zip(sheet.columns, sides, strict=True):
        _add(head, "th", " ".join(heading.split()), style=side)
    body = SubElement(table, "tbody")
    for row in sheet.rows:
        line = SubElement(body, "tr")
        for cell, side in zip(row, sides, strict=True):
            _add(line, "td", cell, style=side)


def _add(parent: Element, tag: str, text: str, *, style: str = "") -> Element:
    element = SubElement(parent, tag, {"style": style} if style else {})
    element.text = replace_control(text)
    return element


def _html(root: Element) -> str:
    return tostring(root, encoding="unicode", method="html")
