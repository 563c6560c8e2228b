"""Rules 1 never change; rules 2 know symbols, smileys and damaged apostrophes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.data.token_rules import NEWEST, RULES


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("don\u2019t don\u2032t do n't", ["don't", "don", "t", "do", "n't"]),
        ("\u2b50 \u2605 \U0001f600", ["\u2605", "\U0001f600"]),
        (":D <3 :-) ;(", ["d", "3", ":-)", ";("]),
        ("don\u00e2\u20ac\u2122t caf\u00c3\u00a9", ["dona", "tmt", "cafa"]),
        ("it&#39;s 7/10!<br />CAF\u00c9", ["it's", "7/10", "!", "cafe"]),
        ("\U0001f44d\U0001f3fd 90\u00b0 -LRB-", ["\U0001f44d", "\U0001f3fd", "90", "lrb"]),
    ],
)
def test_tokens_of_rules_1_stay_as_they_are(text, tokens):
    assert RULES[1](text) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("\u2b50\u2b50 great \u2605\u2606 \u2714", ["\u2b50"] * 2 + ["great"] + list("★☆✔")),
        ("90\u00b0 $5 +1 \u20ac5", ["90", "°", "5", "1", "5"]),
        ("\U0001f44d\U0001f3fd \u2764\ufe0f", ["\U0001f44d", "\u2764"]),
        ("\U0001f1eb\U0001f1f7" * 2, ["\U0001f1eb\U0001f1f7"] * 2),
        ("love :D :P <3 D: xD :-) =) :/ :'( ^_^ o_O </3",
         ["love", ":d", ":p", "<3", "d:", "xd", ":-)", "=)", ":/", ":'(", "^_^", "o_o", "</3"]),
        ("great:))) fun ;)", ["great", ":)", "fun", ";)"]),
        ("note:Do 4:30 http://x.y CD:ok 1:3 2<3 3<30",
         ["note", "do", "4", "30", "http", "x", "y", "cd", "ok", "1", "3", "2", "3", "3", "30"]),
        ("don\u2032t don\u201bt don\ufffdt don\uff07t", ["don't"] * 4),
        ("5\u2032 10\u2033 \ufffd", ["5", "10"]),
        ("do n't ca n't it 's they 'll", ["don't", "can't", "it's", "they'll"]),
        ("the 's' key, he said 'd'oh'", ["the", "s", "key", "he", "said", "d'oh"]),
        ("-LRB- good -RRB-", ["good"]),
        ("don\u00e2\u20ac\u2122t caf\u00c3\u00a9 \u00f0\u0178\u02dc\u20ac",
         ["don't", "cafe", "\U0001f600"]),
        ("don\u00e2\u0080\u0099t", ["don't"]),
        # Correct text that looks a little like such damage.
        ("clich\u00e9\u201d\u2014 \u00c3\u201d \u00e2ge", ["cliche", "a", "age"]),
        ("AMANH\u00c3\u00a0Y AMANH\u00c3\u00bbA", ["amanha", "y", "amanha", "a"]),
    ],
)  # fmt: skip
def test_tokens_of_rules_2(text, tokens):
    assert RULES[2](text) == tokens


ordinary = st.text(alphabet="abc AB.,!?'-1/2 \n", max_size=60)


@given(ordinary)
def test_ordinary_text_has_the_same_tokens_by_both_rules(text):
    if " '" not in text and "b-" not in text.lower():
        assert RULES[1](text) == RULES[2](text)


@given(st.text())
def test_no_token_is_empty_or_holds_a_space(text):
    for token in RULES[NEWEST](text):
        assert token and token == token.lower() and not any(map(str.isspace, token))
