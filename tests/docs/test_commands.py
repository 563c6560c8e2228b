"""The page of the commands says what the program says."""

import importlib.util
from pathlib import Path

import pytest
import typer

DOCS = Path(__file__).parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("commands", DOCS / "commands.py")
commands = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(commands)


def test_the_page_has_all_commands_and_options_as_they_are():
    assert commands.PAGE.read_text("utf-8") == commands.page(), "run: python docs/commands.py"


def test_an_option_without_help_ends_the_making_of_the_page(monkeypatch):
    app = typer.Typer()

    @app.callback()
    def root():
        """Do nothing."""

    @app.command()
    def known(units: int = 1):
        """Do something."""

    monkeypatch.setattr(commands, "app", app)
    with pytest.raises(ValueError, match="lacks its help"):
        commands.page()


def test_the_readme_is_read_in_two_minutes():
    readme = DOCS.parent / "README.md"
    assert len(readme.read_text("utf-8").splitlines()) <= 150
