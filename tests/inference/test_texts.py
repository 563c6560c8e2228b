import numpy as np
import pytest

from sentiment.inference.texts import check_text, check_texts

pandas = pytest.importorskip("pandas")
TEXTS = ["a good film", "a bad heart"]
FRAME = pandas.DataFrame({"id": [7, 8], "text": TEXTS})


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS, tuple(TEXTS), iter(TEXTS), (text for text in TEXTS), np.array(TEXTS),
        np.array(TEXTS, object), FRAME["text"], FRAME["text"].astype("category"),
        FRAME["text"].astype(object), FRAME.set_index("id")["text"], dict.fromkeys(TEXTS).keys(),
        pandas.Index(TEXTS),
    ],
)  # fmt: skip
def test_a_series_of_strings_is_taken_as_it_is(texts):
    assert list(check_texts(texts)) == TEXTS


def test_no_texts_are_no_error():
    assert list(check_texts([])) == list(check_texts(FRAME["text"][:0])) == []


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("good", "expected texts, got one string: pass a list of strings"),
        (b"good", "expected texts, got bytes, which must be decoded first"),
        (None, "expected texts, got None"),
        (7, "expected texts, got 7 (int)"),
        (float("nan"), "expected texts, got NaN"),
        (FRAME, 'expected texts, got DataFrame with the columns id, text: pass frame["text"]'),
        (
            FRAME.rename(columns={"text": "review"}),
            "expected texts, got DataFrame with the columns id, review: pass one of them, as "
            "frame[NAME]",
        ),
        (
            {"text": TEXTS},
            'expected texts, got dict with the keys text: pass values["text"]',
        ),
        (np.array([TEXTS]), "expected texts, got ndarray of 2 dimensions"),
        (np.array("good"), "expected texts, got ndarray of 0 dimensions"),
        (["good", None], "text 2 is None"),
        (["good", float("nan")], "text 2 is NaN"),
        (np.array(["good", np.nan]), "text 2 is NaN"),
        (np.array([1.5]), "text 1 is 1.5 (float64)"),
        (pandas.Series(["good", None]), "text 2 is NaN"),
        (pandas.Series(["good", None], dtype=object), "text 2 is None"),
        (pandas.Series(["good", pandas.NA], dtype=object), "text 2 is <NA> (NAType)"),
        (["good", 7], "text 2 is 7 (int)"),
        (["good", b"bad"], "text 2 is bytes, which must be decoded first"),
        ([TEXTS], "text 1 is list"),
    ],
)
def test_anything_else_is_a_type_error_that_says_what_and_where(texts, message):
    with pytest.raises(TypeError) as caught:
        list(check_texts(texts))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXTS, "expected one text, got list: `predict` and `classify` take several texts"),
        (FRAME, 'got DataFrame with the columns id, text: pass frame["text"]'),
        (b"good", "expected one text, got bytes, which must be decoded first"),
        (None, "expected one text, got None"),
        (float("nan"), "expected one text, got NaN"),
    ],
)
def test_one_text_is_a_string(text, message):
    with pytest.raises(TypeError) as caught:
        check_text(text)
    assert str(caught.value).endswith(message)
    assert check_text(np.str_("good")) == "good"


def test_an_arrow_table_is_a_table():
    table = pytest.importorskip("pyarrow").table({"text": TEXTS})
    with pytest.raises(TypeError, match="got Table with the columns text"):
        list(check_texts(table))
