"""Write docs/commands.md from the command line itself: `python docs/commands.py`.

A test compares the page with what this module makes, so that no command or option lacks its entry.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from sentiment.cli import app

PAGE = Path(__file__).with_suffix(".md")
PIPE = "\\|"  # in a cell of a table
HEAD = """\
# Commands

<!-- Made by `python docs/commands.py` from the program. -->

`sentiment COMMAND --help` says the same in the terminal. Bad input ends with one line on standard
error and exit status 1, wrong usage with 2, Ctrl-C with 130.
"""


def page() -> str:
    """Return the page as Markdown."""
    root = typer.main.get_command(app)
    context = typer.Context(root, info_name="sentiment")
    parts = [HEAD]
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        parts.append("\n".join(_section(name, command, context)))
    return "\n".join(parts)


def _section(name: str, command: Any, parent: Any) -> Iterator[str]:
    """Yield the lines of one command: what it does, its usage, parameters and examples."""
    context = typer.Context(command, info_name=name, parent=parent)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"## {name}\n"
    yield f"{_prose(command.help)}\n"
    yield f"```text\n{usage}\n```\n"
    yield "| | |\n|---|---|"
    for parameter in command.get_params(context):
        if parameter.name == "help":
            continue
        yield f"| {_names(parameter, context)} | {_meaning(parameter, context)} |"
    yield ""
    if command.epilog:
        yield f"```text\n{command.epilog.strip()}\n```\n"


def _names(parameter: Any, context: Any) -> str:
    """Return how a parameter is typed, such as `--model`, `-m` MODEL."""
    value = parameter.make_metavar(context)
    if parameter.param_type_name == "argument":
        return f"`{value}`"
    names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    return names if parameter.is_flag else f"{names} `{value.replace('|', PIPE)}`"


def _meaning(parameter: Any, context: Any) -> str:
    """Return the help text of a parameter with its default."""
    text = _prose(parameter.help)
    default = parameter.get_default(context, call=False)
    if default is True and parameter.secondary_opts:
        default = parameter.opts[0]
    if parameter.show_default and default not in (None, False, "", ()) and not callable(default):
        text += f" (default: `{default}`)"
    return text.replace("|", PIPE).replace("<", "&lt;").replace("\n\n", "<br>")


def _prose(text: str | None) -> str:
    """Return a help text as one Markdown paragraph or more; raise ValueError if there is none."""
    if not text or not text.strip():
        raise ValueError("a command or an option lacks its help")
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
