"""Every command and option that a hint in the package names exists."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import typer

from sentiment.cli import COMMANDS, app

ROOT = Path(__file__).parents[2]
CLI = typer.main.get_command(app)
OPTIONS = {
    name: {
        option
        for parameter in CLI.get_command(None, name).params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    | {"--help"}
    for name in COMMANDS
}
_COMMAND = re.compile(r"(?<![\w./])sentiment (?!\[)[^`,;]+")


def text_of(node):
    """Return the text of a string with X for what is put in, None for other expressions."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) else "X" for part in node.values
        )
    return None


def strings(node):
    """Return all texts within an expression, without the parts of another one."""
    if (text := text_of(node)) is not None:
        return [text]
    return [text for child in ast.iter_child_nodes(node) for text in strings(child)]


def is_hint(name):
    return "hint" in name.lower() and name != "param_hint"


def hints():
    """Return the texts of all hints, as (place, text): arguments, variables and lines."""
    found = []
    for path in sorted((ROOT / "sentiment").rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            values = []
            if isinstance(node, ast.keyword) and node.arg and is_hint(node.arg):
                values = [node.value]
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(name, ast.Name) and is_hint(name.id) for name in targets):
                    values = [node.value]
            elif isinstance(node, ast.FunctionDef) and (
                "hint" in node.name or "_command" in node.name
            ):
                values = [child.value for child in ast.walk(node) if isinstance(child, ast.Return)]
            elif (text := text_of(node)) is not None and "Try: " in text:
                values = [node]
            found += [(place, text) for value in values if value for text in strings(value)]
    return sorted(set(found))


HINTS = hints()


def test_the_hints_are_found():
    texts = [text for _, text in HINTS]
    assert len(HINTS) > 100
    assert "sentiment train --help" in texts and "choose another --name" in texts


@pytest.mark.parametrize(("place", "text"), HINTS)
def test_every_command_and_option_in_a_hint_exists(place, text):
    for match in _COMMAND.finditer(text):
        words = match[0].strip().rstrip(".").split()
        if words[1] in ("X", "COMMAND"):
            continue
        assert words[1] in COMMANDS, text
        options = {word for word in words[2:] if word.startswith("--")}
        assert options <= OPTIONS[words[1]], text
    known = set.union(*OPTIONS.values())
    if not text.startswith(("mlflow ", "python ", "runs restore")) and "pip install" not in text:
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known, text


def test_every_extra_that_a_hint_installs_exists():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = {name for _, text in HINTS for name in re.findall(r"sentiment-rnn\[(\w+)\]", text)}
    assert named and named <= extras.keys()
