"""Markup, style sheets and scripts stand in templates/ and static/, not in Python strings."""

import ast
import re
from pathlib import Path

import pytest

import sentiment

PACKAGE = Path(sentiment.__file__).parent
ALLOWED = {"reports/svg.py"}  # the drawing of one text
# Without br, which is in reviews.
TAGS = (
    "a|article|b|body|button|dd|details|div|dl|dt|h1|h2|h3|head|header|html|i|iframe|img|input|"
    "label|li|link|main|meta|nav|ol|option|output|p|pre|script|section|select|span|style|sub|"
    "summary|table|tbody|td|th|thead|title|tr|ul"
)
MARKUP = re.compile(rf"<(?:{TAGS})[\s>]|</ ?[a-z]|<!DOCTYPE", re.I)
STYLE = re.compile(r"[\w\])*]\s*\{[^{}]*[\w-]+\s*:[^{};]+;[^{}]*\}")
SCRIPT = re.compile(
    r"addEventListener|querySelector|document\.(?:getElement|createElement|body)|=> \{"
)


def strings(tree):
    """Yield (line, text) of every string of a module but docstrings; f-strings in one piece."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    ignored = set()
    for node in ast.walk(tree):
        first = node.body[0] if isinstance(node, documented) and node.body else None
        if isinstance(first, ast.Expr):
            ignored.add(id(first.value))
        if isinstance(node, ast.JoinedStr):
            # A word stands for each value in braces, so that the text is searched as a whole.
            parts = [p.value if isinstance(p, ast.Constant) else " x " for p in node.values]
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value if id(node) not in ignored else ""


def markup(source):
    """Return the lines of a module at which a string holds markup, a style sheet or a script."""
    return [
        line
        for line, text in strings(ast.parse(source))
        if MARKUP.search(text) or STYLE.search(text) or SCRIPT.search(text)
    ]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=str)
def test_no_module_holds_markup(path):
    name = path.relative_to(PACKAGE).as_posix()
    if name not in ALLOWED:
        assert markup(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = '<div class=\"a\">'",
        "x = 'a</p>'",
        "x = f'<span{kind}>{word}</span>'",
        "x = f'<td{kind}>'",
        "def f():\n    return '<button>'",
        "x = 'nav { position: sticky; top: 0; }'",
        "x = '''h2 {\n  margin: 0;\n}'''",
        "x = 'root.addEventListener(\"click\", go)'",
        "x = b'' or '<!doctype html>'",
    ],
)
def test_markup_is_found(source):
    assert markup(source)


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    '''Return <div>.'''",
        "x = 'a < b > c'",
        "x = 'usage: sentiment train <folder>'",
        "x = '{name}: {value};'",
        "x = {'a': 'b;'}",
        "x = f'{count:,} reviews'",
    ],
)
def test_other_text_is_not(source):
    assert not markup(source)
