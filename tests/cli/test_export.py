"""`sentiment export`."""

import json
from typing import get_args

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.cli._options import ExportFormat
from sentiment.exporting.formats import FORMATS
from tests.helpers.build import tiny_bundle


def export(*words):
    return CliRunner().invoke(app, ["export", *words])


@pytest.fixture
def model(home):
    tiny_bundle(home / "model")
    return str(home / "model")


def test_a_model_becomes_a_page(home, model):
    page = home / "page.html"
    result = export("--format", "html", "--output", str(page), "--model", model)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{page}: 0.1 MB, the model model")
    assert "<h1>model</h1>" in page.read_text("utf-8")


def test_a_model_becomes_a_folder_with_its_tokenizer(home, model):
    result = export("--format", "safetensors", "-o", str(home / "out"), "-m", model)
    assert result.exit_code == 0, result.output
    assert {path.name for path in (home / "out").iterdir()} == {
        *("model.safetensors", "tokenizer.json", "config.json"),
        *("encode.py", "token_rules.py", "README.md"),
    }
    config = json.loads((home / "out" / "config.json").read_text("utf-8"))
    assert config["name"] == "model" and config["temperature"] == 1.25
    readme = (home / "out" / "README.md").read_text("utf-8")
    assert "load_file(" in readme and "## What it answers" in readme


def test_a_page_that_can_not_be_written_is_one_sentence(home, model):
    page = home / "nothing" / "page.html"
    result = export("--format", "html", "-o", str(page), "--model", model)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: can't write in {page.parent}: No such file")
    assert not page.parent.exists()


def test_a_folder_that_exists_is_not_replaced(home, model):
    result = export("--format", "safetensors", "-o", model, "--model", model)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {model} exists already.\nTry: name a folder that does not exist yet\n"
    )
    assert (home / "model" / "bundle.json").is_file()


@pytest.mark.parametrize(
    ("words", "missing"),
    [([], "--format"), (["--format", "html"], "--output"), (["--format", "pdf"], "'keras'")],
)
def test_export_needs_to_know_what_to_write(home, words, missing):
    result = export(*words)
    assert result.exit_code == 2
    assert missing in result.stderr


def test_the_options_name_the_formats_that_there_are():
    assert get_args(ExportFormat) == tuple(FORMATS)
