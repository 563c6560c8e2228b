"""What is wrong with a row, in a few words: Spark's executors and other readers share it."""

import pytest

from sentiment.inference import validation


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A good film.", ("A good film.", None)),
        ("<i>Good</i>", ("<i>Good</i>", None)),
        (None, (None, "is empty")),
    ],
)
def test_a_text_with_a_word_in_it_is_taken(text, found):
    assert validation.check_text(text) == found


@pytest.mark.parametrize("text", ["", "  ", "<br />", "<p><b></b>"])
def test_a_text_with_no_word_in_it_is_not(text):
    taken, why = validation.check_text(text)
    assert taken is None and why


@pytest.mark.parametrize(
    ("line", "text", "why"),
    [
        ('{"text": "Good.", "id": 1}', "Good.", None),
        ('{"text": ""}', None, ""),
        ("{broken", None, "not JSON"),
        ("[" * 100_000, None, "not JSON"),
        ('["text"]', None, "expected a JSON object"),
        ('{"id": 1}', None, "no column 'text'; it has id"),
        ("{}", None, "it has none"),
        ('{"text": 5}', None, "column 'text' holds no text"),
        ('{"text": "Good.", "label": 1}', None, "it has a field 'label'"),
    ],
)
def test_a_line_of_json_is_taken_or_said_what_is_wrong_with_it(line, text, why):
    taken, fault = validation.check_json(line, "text", ["label", "probability"])
    assert taken == text
    assert fault is None if why is None else why in fault
