"""`sentiment export`."""

from typer.testing import CliRunner

from sentiment.cli import app
from tests.helpers.build import tiny_bundle


def export(*words):
    return CliRunner().invoke(app, ["export", *words])


def test_a_model_becomes_a_page(home):
    tiny_bundle(home / "model")
    result = export("--model", str(home / "model"), "--html", str(home / "page.html"))
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{home / 'page.html'}: 0.1 MB, the model model")
    assert "<h1>model</h1>" in (home / "page.html").read_text("utf-8")


def test_a_page_that_can_not_be_written_is_one_sentence(home):
    tiny_bundle(home / "model")
    page = home / "nothing" / "page.html"
    result = export("--model", str(home / "model"), "--html", str(page))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: can't write in {page.parent}: No such file")
    assert not page.parent.exists()


def test_export_needs_to_know_what_to_write(home):
    result = export()
    assert result.exit_code == 2
    assert "--html" in result.stderr
