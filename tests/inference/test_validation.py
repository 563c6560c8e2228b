"""Reasons why a row can't be scored, which Spark's executors and other readers share."""

import pytest

from sentiment.data.token_rules import NEWEST
from sentiment.inference import validation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A good film.", ("A good film.", None)),
        ("<i>Good</i>", ("<i>Good</i>", None)),
        (None, (None, "is empty")),
    ],
)
def test_a_text_with_a_word_is_accepted(text, expected):
    assert validation.check_text(text, NEWEST) == expected


@pytest.mark.parametrize("text", ["", "  ", "<br />", "<p><b></b>"])
def test_a_text_without_a_word_is_refused(text):
    accepted, reason = validation.check_text(text, NEWEST)
    assert accepted is None and reason


@pytest.mark.parametrize(
    ("line", "text", "reason"),
    [
        ('{"text": "Good.", "id": 1}', "Good.", None),
        ('{"text": ""}', None, ""),
        ("{broken", None, "not JSON"),
        ("[" * 100_000, None, "not JSON"),
        ('["text"]', None, "expected a JSON object"),
        ('{"id": 1}', None, "no column 'text'; it has id"),
        ("{}", None, "it has none"),
        ('{"text": 5}', None, "column 'text' is not text"),
        ('{"text": "Good.", "label": 1}', None, "it has a field 'label', unlike the first row"),
    ],
)
def test_a_line_of_json_has_a_text_or_a_reason(line, text, reason):
    accepted, given = validation.check_json(line, "text", ["label", "probability"], NEWEST)
    assert accepted == text
    assert given is None if reason is None else reason in given
