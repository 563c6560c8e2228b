"""The page of a model answers as the program does, in a real browser, and does what it offers.

With SENTIMENT_PICTURES=FOLDER a picture of the page and one of an explanation are saved there.
"""

import csv
import io
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sentiment.data.labels import label_of
from sentiment.data.tokenizer import Tokenizer
from sentiment.errors import InputError
from sentiment.inference import bundle, resolve
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import LabelRule, predict
from sentiment.inspection import explain
from sentiment.reports import explanation
from sentiment.reports.model_page import render_model_page
from tests.helpers.browser import chromium, needs_browser
from tests.helpers.build import TINY, tiny_bundle
from tests.helpers.hostile_texts import hostile_texts

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
TEXT = "A film that is not bad, with a wonderful cast."
READ = """(texts) => texts.map((text) => {
  const { model } = window.modelPage;
  const { probability, evidence, warnings } = model.predict(text);
  return { tokens: model.rules.tokenize(text), probability, evidence, warnings };
})"""
TRACE = """(text) => {
  const { model } = window.modelPage;
  const { tokens } = model.encode(text);
  const logits = model.logitsAfterEach(tokens);
  const states = model.states(tokens);
  const whole = model.logit(tokens);
  return {
    logits: [...logits], states: [...states],
    effects: [...model.withoutEach(tokens)].map((logit) => whole - logit),
  };
}"""


@pytest.fixture(scope="module")
def classifier():
    return Classifier(bundle.read(resolve.PRETRAINED))


@pytest.fixture(scope="module")
def page_file(classifier, tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "model.html"
    file.write_text(render_model_page(classifier.bundle), "utf-8")
    return file


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def opened(browser):
    """Give a function that opens a file; at the end its page has asked for nothing else."""
    contexts, complaints, requests = [], [], []

    def open_file(file, fragment="", **options):
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(file.as_uri() + fragment)
        page.wait_for_selector("body[data-ready=yes]")
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


def show(page, text, panel=0):
    """Type a text and wait until the effects of its words are measured."""
    page.locator("textarea").nth(panel).fill(text)
    page.wait_for_function(
        "(panel) => window.modelPage.panels[panel].effects.length"
        " === window.modelPage.panels[panel].reading.tokens.length",
        arg=panel,
    )


def verdict(page, panel=0):
    return page.locator(".panel").nth(panel).locator(".verdict").inner_text()


def compare(page, classifier, texts):
    """Compare tokens, probabilities, evidence and warnings of texts with those of the program."""
    expected = predict(classifier, LabelRule(), texts)
    tokenize = classifier.bundle.tokenizer.tokenize
    for start in range(0, len(texts), 100):
        part = slice(start, start + 100)
        for text, wanted, got in zip(
            texts[part], expected[part], page.evaluate(READ, texts[part]), strict=True
        ):
            assert got["tokens"] == tokenize(text), text[:200]
            if wanted.probability is not None:
                assert got["probability"] == pytest.approx(wanted.probability, abs=1e-5)
                assert got["evidence"] == wanted.evidence, text[:200]
                assert tuple(got["warnings"]) == wanted.warnings, text[:200]


@needs_browser
def test_a_thousand_hostile_texts_are_read_as_the_program_reads_them(opened, page_file, classifier):
    compare(opened(page_file), classifier, hostile_texts(1000))


@needs_browser
def test_a_thousand_real_reviews_are_read_as_the_program_reads_them(opened, page_file, classifier):
    folder = Path(os.environ.get("TFDS_DATA_DIR") or ROOT.parent / "shared" / "tensorflow_datasets")
    if not (folder / "imdb_reviews").is_dir() and not os.environ.get("SENTIMENT_REQUIRE_IMDB"):
        pytest.skip(f"no imdb_reviews in {folder}; set TFDS_DATA_DIR")
    import tensorflow_datasets as tfds

    reviews = tfds.load("imdb_reviews", split="test[:1000]", data_dir=folder, download=False)
    texts = [review["text"].decode() for review in tfds.as_numpy(reviews)]
    compare(opened(page_file), classifier, texts)


@needs_browser
@pytest.mark.parametrize(
    "settings",
    [
        TINY,
        replace(TINY, bidirectional=True, negation=True),
        replace(TINY, bidirectional=True, layers=2, repeats=False),
        replace(TINY, bidirectional=True, readout="mean", ngrams=1),
        replace(TINY, layers=2, readout="max", longest_review=4),
    ],
)
def test_every_kind_of_network_is_traced_as_the_program_traces_it(opened, tmp_path, settings):
    model = tiny_bundle(tmp_path / "model", settings)
    file = tmp_path / "model.html"
    file.write_text(render_model_page(model), "utf-8")
    text, classifier = "a good film, none bad: not good and a bad heart", Classifier(model)
    got = opened(file).evaluate(TRACE, text)
    trace, effects = explain.trace(classifier, text), explain.word_effects(classifier, text)
    assert 1 / (1 + np.exp(-np.array(got["logits"]))) == pytest.approx(
        trace.probabilities, abs=1e-5
    )
    assert got["states"] == pytest.approx(trace.states.ravel().tolist(), abs=1e-5)
    assert got["effects"] == pytest.approx(effects.effects.tolist(), abs=1e-4)


@needs_browser
def test_a_model_of_rules_1_keeps_them(opened, tmp_path):
    model = tiny_bundle(tmp_path / "model")
    old = replace(model, tokenizer=type(model.tokenizer)(model.tokenizer.words, rules=1))
    file = tmp_path / "model.html"
    file.write_text(render_model_page(replace(old, folder=tmp_path)), "utf-8")
    texts = hostile_texts(200, seed=1)
    read = opened(file).evaluate(READ, texts)
    assert [got["tokens"] for got in read] == [old.tokenizer.tokenize(text) for text in texts]


def test_a_model_that_the_page_cannot_run_is_refused(tmp_path):
    model = tiny_bundle(tmp_path / "model")
    many = Tokenizer(model.tokenizer.words, np.array([1 << 53]))
    model = replace(model, tokenizer=many)
    with pytest.raises(InputError, match="vocabulary of model is too large"):
        render_model_page(model)


def test_the_page_of_the_bundled_model_has_at_most_10_megabytes(page_file):
    assert page_file.stat().st_size <= 10_000_000


@needs_browser
def test_a_hundred_words_are_traced_in_ten_milliseconds(opened, page_file):
    page = opened(page_file)
    words = "this film is a long one and it was never as good as the book that we read " * 7
    times = page.evaluate(
        """(text) => {
          const { model } = window.modelPage;
          const { tokens } = model.encode(text);
          return Array.from({ length: 15 }, () => {
            const start = performance.now();
            model.states(tokens.slice(0, 100));
            [...model.logitsAfterEach(tokens.slice(0, 100), 99)];
            return performance.now() - start;
          });
        }""",
        words,
    )
    assert np.median(times) <= 10


@needs_browser
def test_typing_shows_the_verdict_the_words_and_the_final_state(opened, page_file, classifier):
    page = opened(page_file)
    show(page, TEXT)
    [answer] = predict(classifier, LabelRule(), [TEXT])
    assert f"{answer.label} P(positive) {answer.probability:.3f}" in verdict(page)
    words = page.locator(".words button")
    assert words.all_inner_texts() == classifier.bundle.tokenizer.tokenize(TEXT)
    effects = explain.word_effects(classifier, TEXT).effects
    assert page.evaluate("window.modelPage.panels[0].effects") == pytest.approx(
        effects.tolist(), abs=1e-4
    )
    strongest = words.nth(int(np.abs(effects).argmax())).get_attribute("style")
    assert "0.6" in strongest
    assert page.locator(".drawing rect.final").count() == 2  # forward and backward
    assert "frames mark the final state" in page.locator(".note").inner_text()
    page.locator("textarea").fill("")
    assert verdict(page).startswith("no word")
    assert not page.locator(".reading").is_visible()


@needs_browser
def test_only_what_follows_a_change_is_read_again(opened, page_file):
    page = opened(page_file)
    show(page, "a good film")
    show(page, "a good film with a bad end")
    got = page.evaluate("window.modelPage.panels[0].reading.logits")
    assert got == page.evaluate(TRACE, "a good film with a bad end")["logits"]


@needs_browser
def test_a_long_review_holds_up_no_key(opened, page_file):
    page = opened(page_file)
    review = "It was a long film and I liked some of it, but not the end. " * 60
    longest = page.evaluate(
        """async (text) => {
          const panel = window.modelPage.panels[0];
          let longest = 0;
          const start = performance.now();
          panel.text = text;
          let before = performance.now();
          const isShownAfter = before - start;
          for (let turn = 0; turn < 40; turn++) {
            await new Promise((resolve) => setTimeout(resolve));
            const now = performance.now();
            longest = Math.max(longest, now - before);
            before = now;
          }
          return [isShownAfter, longest];
        }""",
        review,
    )
    assert max(longest) < 250
    assert "words" in page.locator(".count").inner_text()


@needs_browser
def test_a_word_is_taken_out_replaced_and_negated(opened, page_file):
    page = opened(page_file)
    show(page, "a wonderful film")
    logit = "(tokens) => window.modelPage.model.logit(tokens)"
    whole = page.evaluate(logit, ["a", "wonderful", "film"])

    def changed(*tokens):
        difference = page.evaluate(logit, list(tokens)) - whole
        sign = "−" if difference < 0 else "+"
        expected = f"log-odds {sign}{abs(difference):.3f}"
        assert expected in page.locator(".change").inner_text()

    page.locator(".words button", has_text="wonderful").click()
    assert page.locator("b.chosen").inner_text() == "2 wonderful"
    page.click("[data-change=out]")
    changed("a", "film")
    page.click("[data-change=negate]")
    changed("a", "not", "wonderful", "film")
    page.fill(".what-if input", "Dull, grey")
    page.press(".what-if input", "Enter")
    changed("a", "dull", "grey", "film")
    page.click("[data-change=undo]")
    assert page.locator(".change").inner_text() == ""
    page.click("[data-change=negate]")
    page.click("[data-change=keep]")
    assert page.locator("textarea").input_value() == "a not wonderful film"
    page.locator(".words button", has_text="wonderful").click()
    page.click("[data-change=negate]")  # takes the negator out again
    assert page.locator(".changed del").inner_text() == "not"


@needs_browser
def test_every_number_can_be_read_without_hovering(opened, page_file, classifier):
    page = opened(page_file)
    show(page, TEXT)
    page.locator(".numbers summary").click()
    page.locator(".units summary").click()
    trace = explain.trace(classifier, TEXT)
    rows = page.locator(".numbers tbody tr")
    assert rows.count() == len(trace.tokens)
    shown = float(rows.nth(3).locator("td").nth(2).inner_text())
    assert shown == pytest.approx(trace.probabilities[3], abs=1e-4)
    units = page.locator(".units tbody tr")
    assert units.count() == trace.states.shape[1]
    shown = float(units.nth(5).locator("td").nth(3).inner_text())
    assert shown == pytest.approx(trace.states[2, 5], abs=1e-3)


@needs_browser
def test_two_texts_stand_side_by_side(opened, page_file):
    page = opened(page_file)
    page.check("#compare")
    show(page, "a dull film", panel=1)
    boxes = [page.locator(".panel").nth(n).bounding_box() for n in range(2)]
    assert boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] < boxes[1]["x"]
    assert "negative" in verdict(page, panel=1)
    page.uncheck("#compare")
    assert page.locator(".panel").count() == 1


@needs_browser
def test_the_neutral_band_changes_the_label(opened, page_file):
    page = opened(page_file)
    show(page, "The president gave a speech in Berlin.")
    page.check("#has-band")
    assert "closing sentences" in page.locator("#own-band").inner_text()
    page.locator("#band-low").fill("0.05")
    page.locator("#band-high").fill("0.95")
    assert verdict(page).startswith("neutral")
    page.uncheck("#has-band")
    assert not verdict(page).startswith("neutral")


@needs_browser
def test_a_file_is_scored_sorted_and_downloaded(opened, page_file, classifier):
    page = opened(page_file)
    texts = ["a wonderful, moving film", "a dull mess", "", "=cmd() is awful", "it is\nfine"]
    file = io.StringIO()
    csv.writer(file).writerows(
        [["id", "text", "label"], *[[n, t, "x"] for n, t in enumerate(texts)]]
    )
    data = {"name": "my.csv", "mimeType": "text/csv", "buffer": file.getvalue().encode()}
    page.set_input_files("input[type=file]", data)
    page.wait_for_selector(".download:visible")
    assert page.locator("select").input_value() == "1"
    assert "1 without a word" in page.locator(".message").inner_text()
    rows = page.locator(".results tbody tr")
    assert rows.count() == 5
    page.click("[data-sort=probability]")
    page.click("[data-sort=probability]")
    assert "wonderful" in rows.first.inner_text()
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("P(positive)")
    assert page.locator(".histogram rect").count() == 20
    with page.expect_download() as download:
        page.click(".download")
    content = Path(download.value.path()).read_text("utf-8")
    header, *got = csv.reader(io.StringIO(content))
    assert download.value.suggested_filename == "my-scored.csv"
    assert header == ["id", "text", "label", "predicted_label", "probability"]
    answers = predict(classifier, LabelRule(), texts)
    for row, text, answer in zip(got, texts, answers, strict=True):
        assert row[1].replace("\r\n", "\n") == text
        assert row[3] == (answer.label or "")
        if answer.probability is not None:
            assert float(row[4]) == pytest.approx(answer.probability, abs=1e-5)
    page.check(".defuse input")
    with page.expect_download() as download:
        page.click(".download")
    assert "'=cmd()" in Path(download.value.path()).read_text("utf-8")


@needs_browser
def test_a_file_that_is_no_table_gets_a_sentence_and_a_long_one_can_be_stopped(opened, page_file):
    page = opened(page_file)
    workbook = {"name": "a.xlsx", "mimeType": "", "buffer": b"PK\x03\x04\0\0"}
    page.set_input_files("input[type=file]", workbook)
    page.wait_for_function("document.querySelector('.message').textContent !== ''")
    assert page.locator(".message").inner_text() == "a.xlsx is not a text file. Save it as CSV."
    lines = b"a long and dull film that never ends\n" * 50_000
    page.set_input_files("input[type=file]", {"name": "a.txt", "mimeType": "", "buffer": lines})
    page.locator(".cancel").click()
    page.wait_for_selector(".download:visible")
    assert "of 50,000, stopped" in page.locator(".message").inner_text()


@needs_browser
def test_a_link_carries_the_texts_and_snippets_carry_any_text(opened, page_file):
    page = opened(page_file, "#text=It%27s+%22good%22&second=bad", permissions=["clipboard-read"])
    assert page.locator("textarea").first.input_value() == 'It\'s "good"'
    assert page.locator("textarea").nth(1).input_value() == "bad"
    page.locator(".share summary").first.click()
    page.locator("[data-copy=link]").first.click()
    link = page.locator(".snippet").first.inner_text()
    assert link.endswith("#text=It%27s+%22good%22&second=bad")
    page.locator("[data-copy=curl]").first.click()
    command = page.locator(".snippet").first.inner_text()
    assert "/v1/classify" in command and "It'\\''s" in command
    page.locator("[data-copy=python]").first.click()
    snippet = page.locator(".snippet").first.inner_text()
    assert '"It\'s \\"good\\""' in snippet
    compile(snippet, "snippet", "exec")


@needs_browser
def test_examples_are_right_and_known_failures_are_wrong(opened, page_file, classifier):
    page = opened(page_file)
    page.locator("#examples summary").click()
    for button in page.locator("[data-example]").all():
        button.click()
        shown = button.inner_text()
        failure = re.fullmatch(r"(.*) \((positive|negative)\)", shown)
        text = failure[1] if failure else shown
        assert page.locator("textarea").input_value() == text
        if failure:
            assert not verdict(page).startswith(failure[2])
    assert page.locator("#card").inner_text().count("double negation") == 1


@needs_browser
def test_the_keyboard_alone_is_enough(opened, page_file):
    page = opened(page_file)
    show(page, "a wonderful film")
    page.locator("textarea").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "wonderful"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.change") == "out"
    page.keyboard.press("Enter")
    assert page.locator(".changed del").inner_text() == "wonderful"


@needs_browser
@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screen_reader_and_a_narrow_screen_have_no_trouble(opened, page_file, width, scheme):
    if not AXE.exists() and os.environ.get("SENTIMENT_REQUIRE_NODE") != "1":
        pytest.skip("node_modules lacks axe-core; type npm ci")
    page = opened(
        page_file, viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True
    )
    page.check("#compare")
    page.check("#has-band")
    page.locator("#examples summary").click()
    show(page, TEXT)
    show(page, "a dull xyzzy mess, awful", panel=1)
    page.locator(".words button").nth(3).click()
    page.click("[data-change=out]")
    for summary in page.locator(".panel summary").all():
        summary.click()
    lines = b"a wonderful film\na dull mess\n"
    page.set_input_files("input[type=file]", {"name": "a.txt", "mimeType": "", "buffer": lines})
    page.wait_for_selector(".download:visible")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run()")
    problems = [
        f"{violation['id']}: {node['html'][:120]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@needs_browser
def test_on_paper_there_are_the_numbers_and_no_controls(opened, page_file):
    page = opened(page_file)
    show(page, TEXT)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".numbers tbody tr").first.is_visible()
    assert not page.locator("#options").is_visible()
    assert page.locator(".verdict").is_visible()


@needs_browser
def test_the_pictures_of_the_docs(opened, page_file, browser, classifier, tmp_path):
    folder = Path(os.environ.get("SENTIMENT_PICTURES") or tmp_path)
    page = opened(page_file, viewport={"width": 1100, "height": 1000})
    show(page, "The cast is wonderful and the photography superb, but I don't like the film.")
    page.locator(".words button", has_text="wonderful").click()
    page.click("[data-change=negate]")
    page.screenshot(path=folder / "page.png")
    text = "The start is slow, but it turns into one of the best films I have seen."
    trace, effects = explain.trace(classifier, text), explain.word_effects(classifier, text)
    label = label_of(effects.probability)
    file = tmp_path / "explanation.html"
    file.write_text(explanation.page(trace, effects, label=label, model="pretrained"), "utf-8")
    with browser.new_context(viewport={"width": 1100, "height": 860}) as context:
        explained = context.new_page()
        explained.goto(file.as_uri())
        explained.screenshot(path=folder / "explanation.png")
    assert all((folder / name).stat().st_size > 20_000 for name in ("page.png", "explanation.png"))


def test_no_text_of_a_model_is_markup(tmp_path):
    model = tiny_bundle(tmp_path / "model")
    run = replace(model.manifest.run, name="<script>alert(1)</script>")
    shown = render_model_page(replace(model, manifest=replace(model.manifest, run=run)))
    assert "<script>alert" not in shown
    assert json.dumps("</script>")[1:-1] in json.dumps(shown)
