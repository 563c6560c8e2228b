"""The minimal pairs of sentences.csv are whole, balanced, short and varied.

`make bench-short` measures models on them. They were written for this project before any model had
read them: a sentence is changed only if a reader finds it unclear, never because of an answer.
"""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

PAIRS = {
    "negated verb": 40,
    "negated adjective": 40,
    "double negation": 30,
    "negated noun": 30,
    "contrast": 40,
    "comparison": 35,
    "degree": 35,
    "recommendation": 30,
    "expectation": 20,
}
FILM_WORDS = re.compile(
    r"\b(act|acting|actors?|cast|cinema|comedy|comedies|director|dialogue|effects|episodes?|films?|"
    r"hero|heroine|leads|monster|movies?|musicals|performances?|plot|remake|romance|scenes?|script|"
    r"season|sequel|show|television|thriller|trailer|villain|visuals)\b"
)


@pytest.fixture(scope="module")
def rows():
    """Return the rows of the file."""
    path = Path(__file__).with_name("sentences.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def pairs(rows):
    """Return the rows of each pair, in the order of the file."""
    return [rows[start : start + 2] for start in range(0, len(rows), 2)]


def words(row):
    return re.findall(r"[\w'-]+", row["text"].lower())


def test_each_kind_has_its_number_of_pairs(rows):
    assert list(rows[0]) == ["kind", "pair", "label", "text"]
    assert Counter(row["kind"] for row in rows) == {kind: 2 * n for kind, n in PAIRS.items()}


def test_the_sentences_of_a_pair_stand_together_and_have_opposite_labels(pairs):
    for number, pair in enumerate(pairs, 1):
        assert [row["pair"] for row in pair] == [str(number)] * 2
        assert {row["label"] for row in pair} == {"positive", "negative"}, pair
        assert len({row["kind"] for row in pair}) == 1, pair


def test_the_sentences_of_a_pair_differ_by_a_few_words(pairs):
    for first, second in pairs:
        counts = Counter(words(first)), Counter(words(second))
        assert max((counts[0] - counts[1]).total(), (counts[1] - counts[0]).total()) <= 5, first


def test_no_sentence_comes_twice(rows):
    texts = [" ".join(words(row)) for row in rows]
    assert len(set(texts)) == len(texts) == 600


def test_all_sentences_are_short_and_clean(rows):
    for row in rows:
        assert 3 <= len(words(row)) <= 20, row
        assert row["text"] == " ".join(row["text"].split()), row
        assert row["text"][0].isupper() and row["text"][-1] in ".?!", row


def test_few_pairs_begin_alike(pairs):
    starts = Counter(start for pair in pairs for start in {" ".join(words(r)[:3]) for r in pair})
    assert max(starts.values()) <= 4, starts.most_common(3)


def test_two_fifths_of_the_pairs_do_not_speak_of_films(pairs):
    about_films = [
        pair for pair in pairs if any(FILM_WORDS.search(row["text"].lower()) for row in pair)
    ]
    assert len(about_films) <= 0.6 * len(pairs)
