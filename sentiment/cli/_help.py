"""Lay out the help pages: examples, options in groups, rare options on a page of their own.

A page is plain text of at most 80 columns. Each name, choice and default stands in full.
"""

import os
import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

_WIDTH = 78  # columns of examples and notes, as of the rest of a page in a terminal of 80
_MAX_NAME = 28  # columns; the description of a longer name begins on the next line
_MANY = 1000  # numbers from here on have separators
_NO_BREAK = "\0"  # a space that ends no line
_ALL = "--help-all"


def epilog(examples: Mapping[str, str], note: str = "") -> str:
    """Return the end of a page: a note, and examples (command line: what it does)."""
    lines = [*textwrap.wrap(note, _WIDTH), ""] if note else []
    lines.append("Examples:")
    for command, meaning in examples.items():
        lines += [f"  # {meaning}", f"  {command}"]
    return "\n".join(lines)


class HelpPage:
    """A command or a group with such a page. To be mixed into a class of Typer."""

    common: frozenset[str] = frozenset()  # parameters on the short page; empty: all, and no other

    def limit_page(self, common: Iterable[str]) -> None:
        """Leave all parameters but the `common` ones to `--help-all`."""
        self.common = frozenset(common)
        self.params.append(  # type: ignore[attr-defined]
            TyperOption(
                param_decls=[_ALL],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_print_all,
                help="show this help with all options, and exit",
            )
        )

    def get_help_option(self, ctx: Any) -> Any:
        """Return `--help`, described in the words of the other options."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.opts.sort()  # --help, -h: they come from a set
            option.help = "show this help, and exit"
        return option

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each group of parameters, and one for each group of commands."""
        if isinstance(self, TyperGroup):
            _write_sections(formatter, self._commands(ctx))
        _write_sections(formatter, self._parameters(ctx))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, line by line, and how many options are left out."""
        formatter.write_paragraph()
        formatter.write(f"{self.epilog}\n")  # type: ignore[attr-defined]
        if count := len(self._left_out(ctx)):
            formatter.write(f"\n`{ctx.command_path} {_ALL}` shows {count} more options.\n")

    def _commands(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):  # type: ignore[attr-defined]
            command = self.get_command(ctx, name)  # type: ignore[attr-defined]
            sections.setdefault(command.rich_help_panel, []).append((name, command.short_help))
        return sections

    def _parameters(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        left_out = self._left_out(ctx)
        for parameter in self.get_params(ctx):  # type: ignore[attr-defined]
            is_option = isinstance(parameter, TyperOption)
            panel = parameter.rich_help_panel or ("Options" if is_option else "Arguments")
            if parameter.name not in left_out:
                with_range = not left_out
                description = _description(parameter, ctx, with_range=with_range)
                sections.setdefault(panel, []).append((_names(parameter, ctx), description))
        return {panel: rows for panel, rows in sections.items() if rows}

    def _left_out(self, ctx: Any) -> set[str]:
        if not self.common or ctx.meta.get(_ALL):
            return set()
        return {parameter.name for parameter in self.params if parameter.expose_value} - self.common  # type: ignore[attr-defined]


class HelpCommand(HelpPage, TyperCommand):
    """A command with a help page of this layout."""


def _print_all(ctx: typer.Context, _: Any, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        ctx.meta[_ALL] = True
        typer.echo(ctx.get_help())
        raise typer.Exit


def _write_sections(formatter: Any, sections: Mapping[str, list[tuple[str, str]]]) -> None:
    """Write titles and rows; descriptions begin in the same column on the whole page."""
    widths = [len(name) for rows in sections.values() for name, _ in rows]
    column = max(width for width in widths if width <= _MAX_NAME)
    indent = " " * (column + 4)
    for title, rows in sections.items():
        formatter.write_paragraph()
        formatter.write(f"{_styled(title, bold=True)}:\n")
        for name, description in rows:
            lines = textwrap.wrap(
                description,
                formatter.width - len(indent),
                break_long_words=False,  # not Typer's wrapping, which cuts names of options
                break_on_hyphens=False,
            )
            start = _styled(name, fg="cyan")
            gap = f"\n{indent}" if len(name) > column else " " * (column + 2 - len(name))
            text = f"\n{indent}".join(lines).replace(_NO_BREAK, " ")
            formatter.write(f"  {start}{gap}{text}\n")


def _names(parameter: Any, ctx: Any) -> str:
    """Return a parameter as it is typed: `-m, --model MODEL`, `    --[no-]track`."""
    if not isinstance(parameter, TyperOption):
        return str(parameter.make_metavar(ctx=ctx))
    short = [name for name in parameter.opts if not name.startswith("--")]
    long = next(name for name in parameter.opts if name.startswith("--"))
    if parameter.secondary_opts:
        long = f"--[no-]{long[2:]}"
    names = f"{short[0]}, {long}" if short else f"    {long}"
    return names if parameter.is_flag else f"{names} {parameter.make_metavar(ctx=ctx).strip('<>')}"


def _description(parameter: Any, ctx: Any, *, with_range: bool) -> str:
    """Return the help text of a parameter with its default, its range, and its variable."""
    facts = []
    if parameter.show_default and (default := _default(parameter, ctx)):
        facts.append(f"default: {default}")
    if with_range and (limits := _range(parameter.type)):
        facts.append(limits)
    if parameter.show_envvar and parameter.envvar:
        facts.append(f"variable: {parameter.envvar}")
    if parameter.required:
        facts.append("required")
    whole = [fact.replace(" ", _NO_BREAK) for fact in facts]
    return f"{parameter.help} [{'; '.join(whole)}]" if facts else str(parameter.help)


def _default(parameter: Any, ctx: Any) -> str:
    value = parameter.get_default(ctx, call=False)
    if isinstance(value, bool):
        # A switch without an opposite is off, as every reader expects.
        return ("on" if value else "off") if parameter.secondary_opts else ""
    return "" if value is None else str(value)


def _range(kind: Any) -> str:
    """Return the range of a number: `1 to 1024`, `at least 0`; empty for other types."""
    lowest, highest = getattr(kind, "min", None), getattr(kind, "max", None)
    if lowest is None:
        return ""
    if highest is None or highest >= 2**31 - 1:
        return f"at least {_number(lowest)}"
    return f"{_number(lowest)} to {_number(highest)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= _MANY else f"{value:g}"


def _styled(text: str, **style: Any) -> str:
    """Return text with a style for a terminal that has colours."""
    # Help that is asked for goes to standard output, that for wrong usage to standard error.
    plain = not (sys.stdout.isatty() and sys.stderr.isatty()) or "NO_COLOR" in os.environ
    return text if plain else typer.style(text, **style)
