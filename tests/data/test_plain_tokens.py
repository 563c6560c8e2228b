"""The tokens are those of the regular expressions, whatever the text."""

import sys
import time
import unicodedata
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment.data import plain_tokens, token_rules
from sentiment.data.plain_tokens import SPACED, tokenize
from tests.helpers.slow import SLOW

by_expressions = token_rules.RULES[2]

# What the rules look at, and what comes near to it.
PIECES = [
    *"aBzdoptx s03'''!?/  \n\t.,-_^*:;=()[]|\\<>&#\"`",
    *"éÉßœıİŉǅſ—–…“”’´ʼ‘£€½°™®√⁄≠≮Ω\u212b\u0130⭐★\u00ad\u00a0\u0085\u2028\u200b\u200c\u200d\ufeff",
    *"\u0300\u0301\u0345\u20dd\u0591\u3099\uff9eカ한ᄒ\u1161\u11ab你ñ\u00e2\u00c2\u00c3\u00f0\u00ef",
    *"\u2032\u2033\u201b\uff07\ufffd\U0001f600\U0001f1eb\U0001f1f7\u2764\ufe0f\ud800\x00\x1f\x7f\x80",
    *["<br />", "<br/>", "<b", "</", "&lt;", "&amp;", "&#39;", "&quot;", "&#x27;", "&eacute;"],
    *["7/10", "1/2/3", "10/", "d:", ":d", "o_o", "<3", "</3", "^_^", "-_-", ":'(", ":-)", "=/"],
    *["n't", "'s", "'ll", " n't", " 's", " 'd", "-LRB-", "-rsb-", "b-", "don't", "it's", "''"],
    *["â€™", "Ã©", "ðŸ˜€", "Â ", "ï¸\x8f", "â€\x99", "the", " great", "note", "café", "-"],
]  # fmt: skip
hard_texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@settings(max_examples=100_000 if SLOW else 2_000, deadline=None)
@given(hard_texts)
def test_hard_texts(text):
    expected = by_expressions(text)
    assert tokenize(text) == expected
    with patch.object(plain_tokens, "_MAX_RARE", 1):  # as in a long text: word by word
        assert tokenize(text) == expected


@settings(max_examples=20_000 if SLOW else 500, deadline=None)
@given(st.text())
def test_any_text(text):
    assert tokenize(text) == by_expressions(text)


@given(st.text("ab0'!? ", max_size=30))
def test_apostrophes(text):
    assert tokenize(text) == by_expressions(text)


@given(hard_texts)
def test_blanks_alone_divide_the_tokens(text):
    for rules, spaced in SPACED.items():
        tokens = token_rules.RULES[rules](text)
        assert [token for token in spaced(text).split(" ") if token] == tokens
        assert "\n" not in spaced(text)


def test_each_character_alone_and_between_others():
    for code in range(sys.maxunicode + 1 if SLOW else 0x3000):
        mark = chr(code)
        text = f"{mark} a{mark} {mark}b a{mark}b {mark}{mark} a '{mark}s d:{mark} e{mark}\u0301"
        assert tokenize(text) == by_expressions(text), hex(code)
        assert tokenize(text[:-1]) == by_expressions(text[:-1]), hex(code)


def test_what_stands_for_a_character_composes_with_no_other():
    second = set()
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            second.add(chr(int(parts[1], 16)))
    assert "\u0301" in second and "\u1161" not in second  # Hangul composes by a formula
    for code in range(0x80, sys.maxunicode + 1):
        instead = plain_tokens._stand_in(chr(code))
        for character in instead or "":
            assert character not in second and not 0x1100 <= ord(character) < 0x1200
            assert plain_tokens._stand_in(character) in (character, None) or character.isascii()


@pytest.mark.parametrize(
    "text",
    [
        "a'''b 'tis dogs' x''y rock'n'roll '' ' 'a' ''b'' c'!d ?'e",
        "<a <br /> b> c <br /><br />d <b>e</b> 2 < 3",
        "7/10 a7/10 7/10a 1'7/10 7/10'8/10 7/10/20 it's 8/10! 1/2",
        "can`t caf\u00e9 can`t didn\u00b4t",
        "can`t cafe can`t",
        "a\u2014's b\u2014n't \u201cd:\u201d d:\u2014 d: -_\u2014",
        "don\u00e2\u20ac\u2122t \u2764\u00ef\u00b8\u008f don\ufffdt",
        "\u0149 \u02bc \u0149\u02bcs",
        "\u0130\u0307 \u00df\u1e9e \u03a3\u03a3 \u2211",
        '_The Matrix_ said: "great"; a=b ad: xd: :D',
    ],
)
def test_texts_that_a_simpler_way_divides_otherwise(text):
    expected = by_expressions(text)
    assert tokenize(text) == expected
    assert tokenize(f"{text} {'x ' * 1000}") == [*expected, *"x" * 1000]


@pytest.mark.parametrize(
    "piece", ["_ ", "_", "a_", "7/10 ", ":) a ", "\u00b0", "\u00b0 ", "'", "<"]
)
def test_a_long_text_takes_linear_time(piece):
    text = piece * (2_000_000 // len(piece))
    started = time.process_time()
    assert tokenize(text[:3000]) == by_expressions(text[:3000])
    tokenize(text)
    assert time.process_time() - started < 20  # seconds of CPU; it takes about one
