"""Test `sentiment predict` with --trace, --why and --html: the command and what it prints."""

import io
import json
import re

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from sentiment.cli import _explanation_view, app
from sentiment.inference import resolve
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import Prediction
from sentiment.inspection import explain
from sentiment.inspection.explain import Trace, WordEffects
from tests.helpers.build import TINY, tiny_bundle

TEXT = "The cast is wonderful, but the film is a <b>bore</b>."
TOKENS = ["good", "xyzzy", "bad"]
KNOWN = np.array([True, False, True])


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Make the bundled model the one that is used."""
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.setenv("SENTIMENT_MODEL", str(resolve.PRETRAINED))
    return tmp_path


def predict(*words, **options):
    return CliRunner().invoke(app, ["predict", *words], **options)


def objects(result):
    """Return the JSON objects that a command has printed."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def make_trace(probabilities=(0.9, 0.55, 0.1), deciding=(2,), tokens=TOKENS, known=KNOWN):
    states = np.zeros((len(tokens), 1), np.float32)
    rows = None if deciding is None else np.array(deciding)
    values = np.array(probabilities, np.float32)
    return Trace(" ".join(tokens), tokens, known, values, states, states, ("forward",), rows)


def printed(show, *values, encoding="utf-8", **options):
    """Return what `show` prints on a console of 80 columns."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding)
    show(Console(file=file, highlight=False, **({"width": 80} | options)), *values)
    file.flush()
    return raw.getvalue().decode(encoding)


# The command


def test_a_trace_ends_with_the_probability_of_predict(home):
    (plain,), (traced,) = (objects(predict("--json", *words, TEXT)) for words in ([], ["--trace"]))
    words = "the cast is wonderful but the film is a bore"
    assert traced["trace"]["words"] == words.split()
    assert traced["trace"]["probabilities"][-1] == pytest.approx(plain["probability"], abs=2e-6)
    assert plain == {name: value for name, value in traced.items() if name != "trace"}


def test_why_names_the_words_that_a_reader_would_name(home):
    effects = objects(predict("--json", "--why", TEXT))[0]["why"]
    by_word = dict(zip(effects["words"], effects["effects"], strict=True))
    assert by_word["wonderful"] == max(effects["effects"]) > 0
    assert by_word["bore"] == min(effects["effects"]) < 0


def test_a_terminal_gets_the_label_then_words_and_tables(home):
    result = predict("--trace", "--why", TEXT)
    first, *rest = result.stdout.splitlines()
    assert first.endswith(TEXT) and first.startswith("positive")
    assert "the final state, which alone decides" in result.stdout
    assert any("Words that make the text more negative" in line for line in rest)


def test_each_line_of_a_pipe_is_explained(home):
    assert len(objects(predict("--json", "--trace", input="good film\nbad film\n"))) == 2


def test_the_page_shows_the_text_without_its_markup(home):
    result = predict("--html", str(home / "why.html"), TEXT)
    assert result.exit_code == 0 and "explanation written to" in result.stderr
    page = (home / "why.html").read_text("utf-8")
    assert "&lt;b&gt;bore&lt;/b&gt;" in page and "<b>bore" not in page
    assert [path.name for path in home.iterdir()] == ["why.html"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--html", "x.html", "one", "two"], 2, "--html explains one text, got 2"),
        (["--why", "--input", "x.csv"], 2, "not for --input FILE"),
        (["--trace", "zzzqqq"], 1, "the model knows no word of"),
        (["--trace", " "], 1, "text 1 is empty"),
        (["--html", "missing/x.html", "good"], 1, "missing"),
    ],
)
def test_a_text_that_cannot_be_explained_is_named(home, monkeypatch, words, status, message):
    monkeypatch.chdir(home)
    result = predict(*words)
    assert result.exit_code == status
    assert message in " ".join(result.stderr.split()) and "Traceback" not in result.stderr
    assert not list(home.iterdir())


def test_a_line_that_is_not_utf8_is_named(home):
    result = predict("--trace", "-", input=b"good\ncaf\xe9\n")
    assert result.exit_code == 1
    assert result.stderr.endswith("Error: text 2: not UTF-8 text (byte 3 of the line).\n")


def test_an_escape_in_a_text_is_escaped(home):
    result = predict("--trace", "good \x1b[2J film")
    assert "\x1b" not in result.stdout and r"\x1b[2J" in result.stdout


# What it prints


def test_a_trace_has_each_word_with_its_probability_and_marks_the_deciding_state():
    words, line, note = printed(_explanation_view.show_trace, make_trace()).splitlines()
    assert words == "good 0.90  xyzzy* 0.55  bad 0.10 ◄ the final state, which alone decides"
    # Eighths: 0.9 is the eighth, 0.55 the fifth, 0.1 the first.
    assert line == "P(positive) █▅▁ 0.90 to 0.10"
    assert note == "* not in the vocabulary"


def test_a_pooling_model_has_no_single_deciding_state():
    shown = printed(_explanation_view.show_trace, make_trace(deciding=None))
    assert "◄ a pool of all states decides" in shown and "alone" not in shown


def test_the_sparkline_of_a_long_review_fits_a_line_and_ends_with_the_last_word():
    known = np.ones(1000, bool)
    long_trace = make_trace([0.1] * 999 + [0.9], tokens=["word"] * 1000, known=known)
    lines = printed(_explanation_view.show_trace, long_trace).splitlines()
    assert re.fullmatch(r"P\(positive\) ▁{53}█ 0.10 to 0.90", lines[-1])
    assert all(len(line) <= 80 for line in lines)
    assert sum(line.count("word 0.10") for line in lines) == 999
    assert printed(_explanation_view.show_trace, long_trace, width=5)


def test_a_terminal_has_colors_unless_no_color_is_set(monkeypatch):
    terminal = {"force_terminal": True, "color_system": "truecolor"}
    shown = printed(_explanation_view.show_trace, make_trace(), **terminal)
    # 0.9 and 0.1 are far enough from one half for the full color.
    assert "\x1b[38;2;60;140;255mgood 0.90\x1b[0m" in shown
    assert "\x1b[38;2;240;110;30mbad 0.10" in shown
    monkeypatch.setenv("NO_COLOR", "1")
    plain = printed(_explanation_view.show_trace, make_trace(), **terminal)
    assert plain == printed(_explanation_view.show_trace, make_trace())
    assert "\x1b" not in plain


def test_a_terminal_without_block_characters_gets_ascii():
    shown = printed(_explanation_view.show_trace, make_trace(), encoding="ascii")
    assert "P(positive) #=_ 0.90 to 0.10" in shown and "bad 0.10 < the final state" in shown


def test_the_strongest_words_come_first_up_to_a_maximum():
    effects = WordEffects(
        ["good", "heart", "xyzzy", "bad", "a"],
        np.array([True, True, False, True, True]),
        0.6,
        np.array([0.5, 0.3, 0.65, 0.8, 0.6]),
        np.array([0.4, 1.2, -0.2, -0.9, 0.0]),
    )
    shown = printed(_explanation_view.show_effects, effects, 1)
    assert re.search(r"positive.*heart .* 2 .*\+1\.200 .*0\.300.*negative.*bad .* 4 ", shown, re.S)
    assert "good" not in shown and "xyzzy" not in shown
    shown = printed(_explanation_view.show_effects, effects)
    assert shown.index("heart") < shown.index("good") < shown.index("bad") < shown.index("xyzzy*")
    assert not re.search(r"│ a ", shown)


def test_a_label_without_words_has_no_table():
    effects = WordEffects(["good"], np.array([True]), 0.6, np.array([0.5]), np.array([0.4]))
    assert "negative" not in printed(_explanation_view.show_effects, effects)


@pytest.mark.parametrize(
    ("function", "show"),
    [
        (explain.trace, _explanation_view.show_trace),
        (explain.word_effects, _explanation_view.show_effects),
    ],
)
def test_control_characters_in_a_text_never_reach_the_terminal(tmp_path, function, show):
    text = "good \x1b]0;owned\x07 film\x1b[2J \x9b31m [red]bad[/red] \u202e heart\r\x00"
    classifier = Classifier(tiny_bundle(tmp_path / "model", TINY))
    shown = printed(show, function(classifier, text))
    assert "heart" in shown
    assert shown.replace("\n", "").isprintable()


def test_json_has_rounded_numbers_for_each_word(tmp_path):
    classifier = Classifier(tiny_bundle(tmp_path / "model", TINY))
    text, prediction = "good film xyzzy", Prediction("positive", 0.5)
    trace, effects = (f(classifier, text) for f in (explain.trace, explain.word_effects))
    fields = _explanation_view.prediction_fields(text, prediction, "tiny", trace, effects)
    fields = json.loads(json.dumps(fields))
    assert list(fields) == ["text", "label", "probability", "warnings", "model", "trace", "why"]
    for part in (fields["trace"], fields["why"]):
        assert part["words"] == ["good", "film", "xyzzy"]
        assert part["known"] == [True, True, False]
    np.testing.assert_allclose(fields["trace"]["probabilities"], trace.probabilities, atol=5e-7)
    np.testing.assert_allclose(fields["why"]["effects"], effects.effects, atol=5e-7)
    np.testing.assert_allclose(fields["why"]["without"], effects.without, atol=5e-7)
    assert all(len(str(value)) <= 9 for value in fields["trace"]["probabilities"])
