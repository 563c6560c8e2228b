"""Sentences that are changed by rule, and the logits of the changed ones."""

import numpy as np
import pytest

from sentiment.data.contrast import contrast_sentences
from sentiment.data.english_negation import EnglishNegation
from sentiment.data.sentences import cut_sentences, encode_sentences
from sentiment.data.tokenizer import Tokenizer

# fmt: off
WORDS = [
    "it", "is", "isn't", "was", "not", "never", "i", "he", "they", "don't", "doesn't",
    "didn't", "did", "does", "like", "likes", "liked", "hate", "a", "no", "good", "bad",
    "film", "with", "without", "only", "but", "although", "even", "though", "yet", "however",
    "while", "can", "can't", "recommend", "the", "this", "and", "very", "plot", "found",
    "find",
]
# fmt: on
# Verbs are words that often come after "don't", "didn't" and "doesn't".
VERBS = ["don't like it", "didn't hate it", "don't recommend it", "didn't find it"] * 40


def rules():
    tokenizer = Tokenizer(WORDS)
    return tokenizer, EnglishNegation(WORDS, tokenizer.encode(VERBS))


def changes(sentence):
    """Return all ways in which `sentence` is negated."""
    tokenizer, negation = rules()
    ids = tokenizer.encode([sentence]).tokens.tolist()
    found = set()
    for seed in range(60):
        changed = negation.negate(ids, np.random.default_rng(seed))
        if changed:
            assert changed.plain == ids
            found.add(" ".join(WORDS[word - 2] for word in changed.negated))
    return found


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("it is good", {"it isn't good", "it is not good", "it is never good"}),
        ("i like it", {"i don't like it"}),
        ("he likes it", {"he doesn't like it", "he does not like it", "he never likes it"}),
        ("he liked it", {"he didn't like it", "he did not like it", "he never liked it"}),
        ("they found it", {"they didn't find it", "they did not find it", "they never found it"}),
        (
            "i can recommend it",
            {"i can't recommend it", "i can not recommend it", "i can never recommend it"},
        ),
        ("a good film", set()),  # there is no verb
        ("it is not good", set()),  # there is a negator
        ("like", set()),
    ],
)
def test_a_negator_is_put_where_english_has_it(sentence, expected):
    assert changes(sentence) == expected


@pytest.mark.parametrize(
    ("sentence", "plain", "start"),
    [
        ("it isn't good", "it is good", 2),
        ("i don't like it", "i do like it", 2),
        ("it was not good", "it was good", 2),
        ("a film without plot", "a film with plot", 3),
        ("not only good", None, 0),
        ("it is good", None, 0),
        ("it isn't never good", None, 0),
        ("i like it not", None, 0),
    ],
)
def test_a_negator_is_taken_out(sentence, plain, start):
    words = [*WORDS, "do"]
    tokenizer = Tokenizer(words)
    negation = EnglishNegation(words, tokenizer.encode(VERBS))
    changed = negation.affirm(tokenizer.encode([sentence]).tokens.tolist())
    if plain is None:
        assert changed is None
    else:
        assert changed.plain == tokenizer.encode([plain]).tokens.tolist()
        assert changed.start == start


def scored(texts, terms):
    tokenizer = Tokenizer(WORDS)
    values = np.zeros(tokenizer.feature_count, np.float32)
    for word, term in terms.items():
        values[WORDS.index(word) + 2] = term
    found = contrast_sentences(tokenizer.encode(texts), values, tokenizer, np.random.default_rng(0))
    texts = [" ".join(WORDS[word - 2] for word in sentence) for sentence in found.sentences]
    return list(zip(texts, found.logits.round(3).tolist(), strict=True))


def test_a_negator_turns_the_logit_of_the_words_in_its_reach():
    # `plot` is before the negator: its half stays, the 2 of `good` turn. 0.5 - 2 = -1.5.
    found = scored(["the plot is good", "the plot is bad"], {"plot": 0.5, "good": 2.0, "bad": -2.0})
    for text, logit in found:
        clauses = any(word in text.split() for word in ("but", "although", "yet", "however"))
        if clauses or "while" in text or "though" in text:
            continue
        negated = "not" in text or "never" in text or "isn't" in text
        good = 2.0 if "good" in text else -2.0
        assert logit == pytest.approx(0.5 + (-good if negated else good))
    # As many changed ones are positive as negative.
    changed = {text: logit for text, logit in found if "isn't" in text or "is not" in text}
    assert changed


def test_the_clause_that_is_not_conceded_decides():
    found = scored(["it is good", "it is bad"], {"good": 2.0, "bad": -2.0})
    joined = [(text, logit) for text, logit in found if " but " in text]
    assert joined
    for text, logit in joined:
        main = text.split(" but ")[1]
        is_positive = ("good" in main) != any(word in main for word in ("isn't", "not", "never"))
        assert logit == pytest.approx(1.7 if is_positive else -1.7)  # 2 - 0.15 · 2


def test_other_languages_and_plain_words_give_nothing():
    assert scored(["das ist gut und das auch", "a film", ""], {"film": 3.0}) == []


def test_sentences_are_cut_and_know_their_review():
    text = "One two three. Four five six? Short! Seven eight nine<br /><br />ten eleven twelve"
    assert cut_sentences(text) == [
        "One two three.",
        "Four five six?",
        "Seven eight nine",
        "ten eleven twelve",
    ]
    assert cut_sentences("a " * 40 + "b") == [] and len(cut_sentences("a " * 39 + "b")) == 1

    class Reviews:
        def text(self, row):
            return ["", text, "no", "The last one is here"][row]

    encoded, origin = encode_sentences(Reviews(), np.array([3, 2, 1]), Tokenizer(["one"]))
    assert origin.tolist() == [0, 2, 2, 2, 2]
    assert encoded.lengths.tolist() == [5, 3, 4, 3, 3]  # "?" is a token
