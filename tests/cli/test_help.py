"""Every help page at 80 columns: nothing is cut, and everything is explained."""

import re
import shlex

import pytest
import typer
from typer.core import TyperArgument, TyperOption
from typer.testing import CliRunner

from sentiment.cli import COMMANDS, PANELS, app
from sentiment.cli._help import epilog
from tests.helpers.terminal import run_in_terminal

CLI = typer.main.get_command(app)
CONTEXT = CLI.make_context("sentiment", [], resilient_parsing=True)
WIDTH = 80


def page(*words, **variables):
    """Return a help page as it is shown in a terminal of 80 columns."""
    result = CliRunner().invoke(app, [*words], env={"COLUMNS": str(WIDTH), **variables})
    assert result.exit_code == 0, result.output
    return result.stdout


def full_page(name):
    """Return the page of a command with all of its options."""
    options = {name for parameter in command(name).params for name in parameter.opts}
    return page(name, "--help-all" if "--help-all" in options else "--help")


def command(name):
    return CLI.get_command(None, name)


def parameters():
    """Return every parameter of every command, and of the program, with the page it is on."""
    found = [("", parameter) for parameter in CLI.get_params(CONTEXT)]
    for name in COMMANDS:
        found += [(name, parameter) for parameter in command(name).params]
    return found


PARAMETERS = [pytest.param(name, each, id=f"{name} {each.opts[0]}") for name, each in parameters()]
PAGES = {name: full_page(name) if name else page("--help") for name in ("", *COMMANDS)}


@pytest.mark.parametrize("name", PAGES)
def test_a_line_has_at_most_80_columns(name):
    assert max(map(len, PAGES[name].splitlines())) <= WIDTH
    assert "..." not in PAGES[name].replace("[ARGS]...", "").replace("]...", "")


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_a_parameter_is_shown_in_full_and_explained(name, parameter):
    text, words = PAGES[name], " ".join(PAGES[name].split())
    if isinstance(parameter, TyperOption):
        for option in parameter.opts:
            name = option.replace("--", "--[no-]" if parameter.secondary_opts else "--")
            assert re.search(rf"^ +(-\w, )?{re.escape(name)}(,|\s|$)", text, re.M)
    assert len(parameter.help.split()) >= 2 and not parameter.help.endswith(".")
    assert parameter.help in words
    if variable := parameter.show_envvar and parameter.envvar:
        assert variable in words
    for choice in getattr(parameter.type, "choices", ()):
        assert re.search(rf"[ |]{choice}(\||\s)", text)
    # A number or a name of a type says less than N, FILE or RUN.
    if isinstance(parameter, TyperArgument) or not parameter.is_flag:
        shown = parameter.make_metavar(ctx=CONTEXT)
        assert shown in text or shown.strip("<>") in text
        assert shown not in ("<str>", "<path>", "<int>", "<float>", "PATH")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_help_text_that_fits_on_the_first_page(name):
    line = command(name).help.partition("\n")[0]
    assert line.endswith(".") and re.search(rf"^  {name} +{re.escape(line)}$", PAGES[""], re.M)


def examples(name):
    """Return the command lines of a page's examples."""
    end = (command(name) if name else CLI).epilog.partition("Examples:\n")[2]
    return [line.strip() for line in end.splitlines() if not line.strip().startswith("#")]


@pytest.mark.parametrize("name", ("", *COMMANDS))
def test_a_page_ends_with_examples_that_are_valid(name):
    lines = examples(name)
    # `formats` takes no option, so there is one way to type it.
    assert (1 if name == "formats" else 2) <= len(lines) <= 4
    for line in lines:
        assert f"\n  {line}\n" in PAGES[name]
        program, other, *words = shlex.split(line.rpartition("| ")[2])
        assert program == "sentiment" and other in COMMANDS
        if "--help" not in words:
            command(other).make_context(other, words)  # raises an error if it can't be typed so
    assert not name or any(f"sentiment {name}" in line for line in lines)


def test_the_first_page_begins_with_a_command_that_works():
    assert PAGES[""].startswith('Try it: sentiment predict "An unforgettable film."\n')
    titles = re.findall(r"^([A-Z][\w ]+):$", PAGES[""], re.M)
    assert titles == [*PANELS, "Options", "Examples"]


def test_without_a_command_the_first_page_is_shown_in_full():
    result = CliRunner().invoke(app, [], env={"COLUMNS": str(WIDTH)})
    assert result.exit_code == 2 and result.stderr == PAGES[""] and not result.stdout
    status, shown = run_in_terminal()
    assert status == 2 and "\x1b[1mClassify\x1b[0m:" in shown


def test_the_short_page_of_train_fits_and_counts_what_it_leaves_out():
    short, full = page("train", "--help"), PAGES["train"]
    assert len(short.splitlines()) <= 85
    count = re.search(r"`.*train --help-all` shows (\d+) more options\.\n$", short)
    options = re.compile(r"^ +(?:-\w, )?--(?:\[no-\])?([\w-]+)", re.M)
    left_out = set(options.findall(full)) - set(options.findall(short))
    assert len(left_out) == int(count[1]) and {"least-word", "patience"} <= left_out
    assert "--help-all` shows" not in full and "1 to 1,024" in full


def test_a_note_and_examples_make_the_end_of_a_page():
    assert epilog({"a b": "does b"}) == "Examples:\n  # does b\n  a b"
    assert epilog({"a": "does"}, "word " * 20).splitlines()[0] == " ".join(["word"] * 15)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predcit"], "No such command 'predcit'. Did you mean 'predict'?"),
        (["predict", "--modle", "x"], "No such option: --modle. Did you mean '--model'?"),
        (["--versoin"], "No such option: --versoin. Did you mean '--version'?"),
    ],
)
def test_the_nearest_name_is_suggested(words, message):
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2 and f"Error: {message}\n" in result.stderr


def test_short_options_stand_for_the_long_ones():
    short = {"--model": "-m", "--output": "-o", "--input": "-i", "--version": "-V", "--help": "-h"}
    for name, parameter in parameters():
        for long in set(parameter.opts) & set(short):
            assert parameter.opts == [long, short[long]], name
    assert CliRunner().invoke(app, ["-V"]).stdout == CliRunner().invoke(app, ["--version"]).stdout
    assert page("predict", "-h") == page("predict", "--help")


def test_a_page_has_colours_only_in_a_terminal_that_wants_them(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    status, shown = run_in_terminal("formats", "--help")
    assert status == 0 and "\x1b[1mOptions\x1b[0m:" in shown
    assert "\x1b" not in run_in_terminal("formats", "--help", NO_COLOR="1")[1]
    assert "\x1b" not in page("formats", "--help")
