"""Results in a notebook: tables and coloured words that no text can break out of."""

from html.parser import HTMLParser

import numpy as np

import sentiment
from sentiment.evaluation.evaluate import Evaluation, Mistake
from sentiment.evaluation.metrics import score
from sentiment.evaluation.run_comparison import Comparison, PairedTest
from sentiment.utils.notebook import draw_sheets, draw_words
from sentiment.utils.sheet import Sheet
from sentiment.utils.text import replace_control
from tests.helpers.build import tiny_bundle
from tests.helpers.hostile_texts import hostile_texts
from tests.helpers.stored import make_record

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b]0;owned\x07\ud800\u202e"
ALLOWED = {"div", "span", "small", "table", "caption", "thead", "tbody", "tr", "th", "td"}


class Reader(HTMLParser):
    """Collects the text and the styles of a page; fails on a tag or an attribute of others."""

    def __init__(self, page):
        super().__init__()
        self.cells, self.styles, self._open = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED and {name for name, _ in attrs} <= {"style"}
        self.styles += [(tag, value) for _, value in attrs]
        self._open.append(len(self.cells))
        self.cells.append("")

    def handle_endtag(self, tag):
        self._open.pop()

    def handle_data(self, data):
        self.cells[self._open[-1]] += data


def test_no_text_breaks_out_of_a_table_or_of_a_word():
    for text in [SCRIPT, *hostile_texts(60)]:
        shown = replace_control(text)
        table = Reader(draw_sheets(Sheet("one", {"name": "left"}, [[text]])))
        assert shown in table.cells
        words = Reader(draw_words(text, [(text, True, 0.5, text)], text))
        assert words.cells.count(shown) == 3 and f"{shown}\u00a0" in words.cells


def test_a_table_without_rows_is_left_out_and_cells_stand_on_their_side():
    empty, full = Sheet("none", {"a": "left"}, []), Sheet("one", {"a": "right"}, [["x"]])
    page = Reader(draw_sheets(empty, full))
    assert page.cells == ["", "", "one", "", "", "a", "", "", "x"]
    assert ("td", "text-align: right") in page.styles


def test_a_word_is_blue_or_orange_by_its_sign_and_keeps_the_colour_of_the_text():
    words = [("good", True, 1.0, "1.00"), ("odd", False, -0.5, "0.25"), ("a", True, 0.0, "0.50")]
    page = draw_words("words", words)
    styles = [style for tag, style in Reader(page).styles if tag == "span"]
    assert styles[0].endswith("background: rgba(30, 120, 220, 0.55)")
    assert styles[1].endswith("dotted; background: rgba(225, 95, 20, 0.28)")
    assert styles[2].endswith("0.00)")
    assert not any(part.strip().startswith("color") for s in styles for part in s.split(";"))


def test_a_trace_and_the_effects_of_words_draw_themselves(tmp_path):
    tiny_bundle(tmp_path / "model")
    model = sentiment.load(tmp_path / "model")
    trace, effects = model.trace("a good film"), model.why("a good zzz film")
    page = Reader(trace._repr_html_())
    numbers = [f"{value:.2f}" for value in trace.probabilities]
    assert [cell for cell in page.cells if cell in numbers] == numbers
    assert [cell for cell in page.cells if cell in ("a\u00a0", "good\u00a0", "film\u00a0")] == [
        "a\u00a0", "good\u00a0", "film\u00a0"
    ]  # fmt: skip
    assert repr(trace) == (
        f"<Trace of 3 words: a {numbers[0]}, good {numbers[1]}, film {numbers[2]}>"
    )
    assert "dotted" not in trace._repr_html_()
    assert "A dotted line marks words" in effects._repr_html_()
    assert repr(effects).startswith("<WordEffects of 4 words: a ")
    long = repr(model.trace("good bad " * 50))
    assert long.startswith("<Trace of 100 words: good ") and long.count("…") == 1
    assert len(long) < 250


def test_an_evaluation_is_a_line_and_tables():
    labels, probabilities = np.array([0, 1, 1, 0]), np.array([0.2, 0.9, 0.4, 0.1])
    evaluation = Evaluation(
        "net", "test", score(labels, probabilities), {"log_loss": 1.0, "calibration_error": 0.5},
        [Mistake(SCRIPT, 1, 0.4)], probabilities,
    )  # fmt: skip
    assert repr(evaluation) == (
        "<Evaluation of net on 4 reviews (test): accuracy 75.00 % (30.06–95.44 %)>"
    )
    cells = Reader(evaluation._repr_html_()).cells
    assert "net on 4 reviews (test)" in cells and "75.00 %" in cells and "Confusion matrix" in cells
    assert any("<script>" in cell for cell in cells)


def test_a_comparison_is_a_line_and_tables():
    runs = [make_record("a"), make_record(SCRIPT)]
    test = PairedTest(100, 5, 3, 0.02, -0.03, 0.07, 0.7266)
    comparison = Comparison(runs, 2, {run.id: [(1, 0.5)] for run in runs}, runs[0],
                            {runs[1].id: test})  # fmt: skip
    assert repr(comparison).startswith("<Comparison of a, ")
    cells = Reader(comparison._repr_html_()).cells
    assert "Runs" in cells and "0.7266" in cells and "-3.00 to +7.00" in cells
