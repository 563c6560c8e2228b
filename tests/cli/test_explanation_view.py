import dataclasses
import io
import json
import re

import numpy as np
import pytest
from rich.console import Console

from sentiment.cli import _explanation_view
from sentiment.inference.classifier import Classifier
from sentiment.inspection import explain
from sentiment.inspection.explain import Trace, WordEffects
from tests.helpers.build import TINY, tiny_bundle

TOKENS = ["good", "xyzzy", "bad"]
KNOWN = np.array([True, False, True])


def traced(probabilities=(0.9, 0.55, 0.1), deciding=(2,), tokens=TOKENS, known=KNOWN):
    states = np.zeros((len(tokens), 1), np.float32)
    ends = None if deciding is None else np.array(deciding)
    said = np.array(probabilities, np.float32)
    return Trace(" ".join(tokens), tokens, known, said, states, states, ("forward",), ends)


def printed(act, *given, encoding="utf-8", **options):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding)
    act(Console(file=file, highlight=False, **({"width": 80} | options)), *given)
    file.flush()
    return raw.getvalue().decode(encoding)


def test_a_trace_has_each_word_with_its_probability_and_marks_what_decides():
    words, line, note = printed(_explanation_view.show_trace, traced()).splitlines()
    assert words == "good 0.90  xyzzy* 0.55  bad 0.10 ◄ the final state, which alone decides"
    # Eighths: 0.9 is the eighth, 0.55 the fifth, 0.1 the first.
    assert line == "P(positive) █▅▁ 0.90 to 0.10"
    assert note == "* not in the vocabulary"


def test_of_a_pool_no_state_is_said_to_decide_alone():
    shown = printed(_explanation_view.show_trace, traced(deciding=None))
    assert "◄ a pool of all states decides" in shown and "alone" not in shown


def test_a_long_review_has_a_sparkline_of_one_line_that_ends_with_its_last_word():
    known = np.ones(1000, bool)
    many = traced([0.1] * 999 + [0.9], tokens=["word"] * 1000, known=known)
    lines = printed(_explanation_view.show_trace, many).splitlines()
    assert re.fullmatch(r"P\(positive\) ▁{53}█ 0.10 to 0.90", lines[-1])
    assert all(len(line) <= 80 for line in lines)
    assert sum(line.count("word 0.10") for line in lines) == 999
    assert printed(_explanation_view.show_trace, many, width=5)


def test_a_terminal_has_colours_and_none_where_it_wants_none(monkeypatch):
    terminal = {"force_terminal": True, "color_system": "truecolor"}
    shown = printed(_explanation_view.show_trace, traced(), **terminal)
    # 0.9 and 0.1 are far enough from one half for the full colour; the words stay as they are.
    assert "\x1b[38;2;60;140;255mgood 0.90\x1b[0m" in shown
    assert "\x1b[38;2;240;110;30mbad 0.10" in shown
    monkeypatch.setenv("NO_COLOR", "1")
    plain = printed(_explanation_view.show_trace, traced(), **terminal)
    assert plain == printed(_explanation_view.show_trace, traced())
    assert "\x1b" not in plain


def test_a_terminal_without_block_characters_gets_others():
    shown = printed(_explanation_view.show_trace, traced(), encoding="ascii")
    assert "P(positive) #=_ 0.90 to 0.10" in shown and "bad 0.10 < the final state" in shown


def test_the_strongest_words_stand_first_and_only_so_many():
    effects = WordEffects(
        ["good", "heart", "xyzzy", "bad", "a"],
        np.array([True, True, False, True, True]),
        0.6,
        np.array([0.5, 0.3, 0.65, 0.8, 0.6]),
        np.array([0.4, 1.2, -0.2, -0.9, 0.0]),
    )
    shown = printed(_explanation_view.show_why, effects, 1)
    assert re.search(r"positive.*heart .* 2 .*\+1\.200 .*0\.300.*negative.*bad .* 4 ", shown, re.S)
    assert "good" not in shown and "xyzzy" not in shown
    shown = printed(_explanation_view.show_why, effects)
    assert shown.index("heart") < shown.index("good") < shown.index("bad") < shown.index("xyzzy*")
    assert not re.search(r"│ a ", shown)


def test_a_side_without_words_is_left_out():
    effects = WordEffects(["good"], np.array([True]), 0.6, np.array([0.5]), np.array([0.4]))
    assert "negative" not in printed(_explanation_view.show_why, effects)


@pytest.mark.parametrize(
    ("act", "show"),
    [
        (explain.trace, _explanation_view.show_trace),
        (explain.word_effects, _explanation_view.show_why),
    ],
)
def test_escapes_in_a_text_never_reach_the_terminal(tmp_path, act, show):
    text = "good \x1b]0;owned\x07 film\x1b[2J \x9b31m [red]bad[/red] \u202e heart\r\x00"
    classifier = Classifier(tiny_bundle(tmp_path / "model", TINY))
    shown = printed(show, act(classifier, text))
    assert "heart" in shown
    assert shown.replace("\n", "").isprintable()


def test_json_holds_rounded_numbers_for_each_word(tmp_path):
    classifier = Classifier(tiny_bundle(tmp_path / "model", dataclasses.replace(TINY, units=4)))
    traced, found = (
        f(classifier, "good film xyzzy") for f in (explain.trace, explain.word_effects)
    )
    stored = json.loads(
        json.dumps([_explanation_view.trace_fields(traced), _explanation_view.why_fields(found)])
    )
    for fields in stored:
        assert fields["words"] == ["good", "film", "xyzzy"]
        assert fields["known"] == [True, True, False]
    np.testing.assert_allclose(stored[0]["probabilities"], traced.probabilities, atol=5e-7)
    np.testing.assert_allclose(stored[1]["effects"], found.effects, atol=5e-7)
    np.testing.assert_allclose(stored[1]["without"], found.without, atol=5e-7)
    assert all(len(str(value)) <= 9 for value in stored[0]["probabilities"])
