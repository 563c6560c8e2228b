"""`sentiment predict` with --trace, --why and --html, on the model in the box."""

import json

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.inference import resolve

TEXT = "The cast is wonderful, but the film is a <b>bore</b>."


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.setenv("SENTIMENT_MODEL", str(resolve.PRETRAINED))
    return tmp_path


def predict(*words, **options):
    return CliRunner().invoke(app, ["predict", *words], **options)


def said(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_trace_ends_with_the_probability_that_predict_gives():
    plain, traced = said(predict("--json", TEXT))[0], said(predict("--json", "--trace", TEXT))[0]
    assert traced["trace"]["words"] == [
        "the",
        "cast",
        "is",
        "wonderful",
        "but",
        "the",
        "film",
        "is",
        "a",
        "bore",
    ]
    assert traced["trace"]["probabilities"][-1] == pytest.approx(plain["probability"], abs=2e-6)
    assert plain == {name: value for name, value in traced.items() if name != "trace"}


def test_why_names_the_words_that_a_reader_would_name():
    effects = said(predict("--json", "--why", TEXT))[0]["why"]
    by_word = dict(zip(effects["words"], effects["effects"], strict=True))
    assert by_word["wonderful"] == max(effects["effects"]) > 0
    assert by_word["bore"] == min(effects["effects"]) < 0


def test_a_page_shows_one_text_and_what_is_no_text_is_named(home):
    two = predict("--html", "why.html", "good", "bad")
    assert two.exit_code == 2 and "--html shows one text, got 2" in two.stderr
    wrong = predict("--trace", "-", input=b"good\ncaf\xe9\n")
    assert wrong.exit_code == 1
    assert wrong.stderr.endswith("Error: text 2: not UTF-8 text (byte 3 of the line).\n")
    assert not (home / "why.html").exists()


def test_in_a_terminal_the_label_comes_first_then_words_and_tables():
    result = predict("--trace", "--why", TEXT)
    first, *rest = result.stdout.splitlines()
    assert first.endswith(TEXT) and first.startswith("positive")
    assert "the final state, which alone decides" in result.stdout
    assert any("moved it towards negative" in line for line in rest)


def test_texts_from_a_pipe_are_explained_each():
    assert len(said(predict("--json", "--trace", input="good film\nbad film\n"))) == 2


def test_the_page_is_written_whole_and_shows_the_text_without_obeying_it(home):
    result = predict("--html", str(home / "why.html"), TEXT)
    assert result.exit_code == 0 and "explanation written to" in result.stderr
    page = (home / "why.html").read_text("utf-8")
    assert "&lt;b&gt;bore&lt;/b&gt;" in page and "<b>bore" not in page
    assert [path.name for path in home.iterdir()] == ["why.html"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--html", "x.html", "one", "two"], 2, "--html shows one text, got 2"),
        (["--why", "--input", "x.csv"], 2, "not for --input FILE"),
        (["--trace", "zzzqqq"], 1, "the model knows no word of"),
        (["--trace", " "], 1, "text 1 is empty"),
        (["--html", "/nowhere/x.html", "good"], 1, "/nowhere"),
    ],
)
def test_what_cannot_be_explained_is_named(words, status, message):
    result = predict(*words)
    assert result.exit_code == status
    assert message in " ".join(result.stderr.split()) and "Traceback" not in result.stderr


def test_an_escape_in_a_text_is_written_out():
    result = predict("--trace", "good \x1b[2J film")
    assert "\x1b" not in result.stdout and r"\x1b[2J" in result.stdout
