import base64
import hashlib
import re
from contextlib import contextmanager

import numpy as np
import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.inference import resolve
from sentiment.inference.classifier import Classifier
from sentiment.inspection import walkthrough
from sentiment.inspection.unrolled import Cell, SmallNetwork
from sentiment.nn import lecture
from sentiment.reports import arithmetic
from sentiment.reports import walkthrough as sentence_panels
from sentiment.reports.lecture import Example, page
from sentiment.utils.paths import ProjectPaths
from tests.helpers.browser import chromium, needs_browser
from tests.helpers.build import TINY, tiny_bundle

HOSTILE = (
    "A good film <script>document.title = 'ran'</script> & a bad "
    "<img src=x onerror=\"document.title = 'ran'\"> heart </p></section>\x1b[2J\x00 \u202eevil"
)


def by_hand():
    """Return two samples of two timesteps of two features for two units, and a network."""
    kernel = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
    recurrent = np.array([[0.0, 0.5], [0.0, 0.0]], np.float32)
    network = SmallNetwork(
        Cell(kernel, recurrent, np.array([0.0, 0.25], np.float32)),
        np.array([1.0, -1.0], np.float32),
        0.5,
    )
    samples = np.array([[[1.0, -0.5], [0.0, 0.0]], [[-1.0, 2.0], [0.5, 0.5]]], np.float32)
    return Example(samples, np.array([1, 0]), {"after training": network})


def random():
    """Return the lecture's shapes with random weights."""
    draws = np.random.default_rng(0)

    def network():
        cell = Cell(*(draws.normal(size=shape).astype("f4") for shape in ((2, 5), (5, 5), (5,))))
        return SmallNetwork(cell, draws.normal(size=5).astype("f4"), 0.25)

    samples = draws.normal(size=(8, 3, 2)).astype("f4")
    networks = {"before training": network(), "after training": network()}
    return Example(samples, np.arange(8) % 2, networks)


def reading(text, folder, **changes):
    settings = TINY.__class__(**vars(TINY) | changes)
    classifier = Classifier(tiny_bundle(folder / "model", settings))
    return walkthrough.walk_through(classifier, text, hint="")


def part(shown, only):
    """Return what the page shows while `only` holds."""
    start = shown.index(f'<div data-only="{only}">')
    return shown[start : shown.find('<div data-only="', start + 1)]


def numbers(markup):
    """Return the numbers of a piece of HTML, in their order."""
    return [float(found) for found in re.findall(r"[+-]\d+\.\d{4}", re.sub("<.*?>", " ", markup))]


def test_a_step_is_shown_as_an_addition_worked_by_hand(tmp_path):
    shown = page(by_hand(), reading("good film", tmp_path))
    rows = re.findall(r"<tr.*?</tr>", part(shown, "when=0 sample=1 step=2"))
    # h_1 is tanh of 1 and of -0.75; unit 2 takes half of unit 1 and the bias, unit 1 nothing.
    assert [numbers(row) for row in rows if numbers(row)] == [
        [0, 1, 0, 0, 0],
        [0, 0, 0, 2, 0],
        [0.7616, 0, 0, 0.5, 0.3808],
        [-0.6351, 0, 0, 0, 0],
        [0, 0.25],
        [0, 0.6308],
        [0, 0.5586],
    ]


def test_the_classifier_adds_up_to_its_probability_and_label(tmp_path):
    shown = part(page(by_hand(), reading("good film", tmp_path)), "when=0 sample=1 step=3")
    # The state is 0 and 0.5586: 0 · 1 - 0.5586 + 0.5 is -0.0586, whose sigmoid is 0.4854.
    assert numbers(shown)[:8] == [0, 1, 0, 0.5586, -1, -0.5586, 0.5, -0.0586]
    assert ">0.4854</td>" in shown and "says 0, the label is 1: wrong" in shown
    # h_1, h_2 and what could be read: the final state, the mean and the maximum.
    assert numbers(shown)[8:] == [
        0.7616,
        -0.6351,
        0,
        0.5586,
        0,
        0.5586,
        0.3808,
        -0.0383,
        0.7616,
        0.5586,
    ]


def test_what_is_shown_adds_up_to_rounding(tmp_path):
    shown = page(random(), reading("good film", tmp_path))
    for when, sample, step in np.ndindex(2, 8, 3):
        at = part(shown, f"when={when} sample={sample + 1} step={step + 1}")
        for unit in range(1, 6):
            column = re.findall(rf'<td data-unit="{unit}".*?</td>', at)
            *added, total, state = [numbers(cell)[-1] for cell in column]
            assert len(added) == 2 + 5 + 1
            assert sum(added) == pytest.approx(total, abs=9 * 0.00005)
            assert np.tanh(total) == pytest.approx(state, abs=0.00011)


def test_what_rounds_to_zero_has_no_minus(tmp_path):
    assert arithmetic.number(-0.00001) == arithmetic.number(-0.0) == "+0.0000"
    assert arithmetic.number(-0.00006) == "-0.0001"
    shown = page(random(), reading("good film", tmp_path))
    assert "-0.0000" not in shown and 'title="-0"' not in shown


def test_a_word_shows_its_ngrams_and_each_unit_its_sums_and_products(tmp_path):
    read = reading("a good film xyzzy", tmp_path)
    shown = part(page(by_hand(), read), "track=0 step=3")
    assert "“good film”" in shown
    assert re.search("“a good film”</th><td[^>]*>not in the vocabulary: adds nothing", shown)
    step = read.tracks[0].steps[2]
    opened = re.findall(r"<details.*?</details>", shown, flags=re.S)
    assert len(opened) == 3
    for k, unit in enumerate(opened):
        entered, kept, bias, total, state, *products = numbers(unit)
        assert [total, state] == pytest.approx([step.total[k], step.h[k]], abs=0.00005)
        assert entered + kept + bias == pytest.approx(total, abs=0.0002)
        assert sum(products[2 : 2 + 3 * 2 : 3]) == pytest.approx(entered, abs=0.0003)
        assert sum(products[2 + 3 * 2 :: 3]) == pytest.approx(kept, abs=0.0003)
    assert 'class="unknown">“xyzzy”' in page(by_hand(), read)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "the state after the last word"),
        ({"bidirectional": True}, ">backward</button>"),
        ({"layers": 2}, "= h of layer 1<"),
        ({"layers": 2, "bidirectional": True}, ">layer 2 backward</button>"),
        ({"readout": "mean"}, "the mean of the last layer"),
        ({"readout": "max"}, "its largest state over all words"),
    ],
)
def test_every_shape_of_network_says_what_is_shown(tmp_path, changes, said):
    assert said in page(by_hand(), reading("a good film", tmp_path, **changes))


def test_products_are_left_out_where_there_are_too_many_to_show(tmp_path, monkeypatch):
    read = reading("good film", tmp_path)
    monkeypatch.setattr(sentence_panels, "_MOST_PRODUCTS", 29)
    # Two words, each with 2 · 3 products of x and 3 · 3 of the state.
    shown = page(by_hand(), read)
    assert "Its 30 products are left out" in shown and "<details" not in shown
    monkeypatch.setattr(sentence_panels, "_MOST_PRODUCTS", 30)
    assert page(by_hand(), read).count("<details") == 2 * 3


def test_the_policy_lets_no_script_run_but_that_of_the_page(tmp_path):
    shown = page(by_hand(), reading(HOSTILE, tmp_path))
    (script,) = re.findall(r"<script>(.*?)</script>", shown, flags=re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}';" in shown
    markup = shown.replace("&lt;", "")
    assert not re.search(
        r"<(link|iframe|img|object)|(src|href)=|url\(|@import|https?:",
        markup.replace("img src=x", ""),
    )
    assert shown.encode("utf-8") and not re.search("[\x00-\x08\x0b-\x1f\u202e]", shown)


@contextmanager
def browser(file, **context):
    """Open `file` in Chromium and give the page; what its scripts complain of fails the test."""
    with chromium() as started:
        opened, wrong = started.new_page(**context), []
        opened.on("console", lambda message: wrong.append(message.text))
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.goto(file.as_uri())
        yield opened
        assert not wrong


@needs_browser
def test_a_browser_steps_through_the_lecture_and_the_sentence(tmp_path):
    file = tmp_path / "lecture.html"
    read = reading("a good film", tmp_path, bidirectional=True)
    file.write_text(page(random(), read), "utf-8")
    with browser(file) as opened:
        lesson, real = opened.locator(".stepper").all()

        def shown(root):
            return root.locator("[data-only] > h3:visible").all_inner_texts()

        assert shown(lesson) == ["The weights after training", "h1 of sample 1, after training"]
        opened.keyboard.press("ArrowRight")
        lesson.get_by_role("group", name="sample").get_by_text("8").click()
        lesson.get_by_text("before training", exact=True).first.click()
        assert shown(lesson) == ["The weights before training", "h2 of sample 8, before training"]

        # Pointing at a unit marks it; on a phone it alone is shown.
        lesson.locator("td:visible[data-unit='4']").last.hover()
        assert lesson.get_attribute("data-unit") == "4"
        opened.set_viewport_size({"width": 390, "height": 844})
        assert lesson.locator(".addition th[data-unit]:visible").all_inner_texts() == ["unit 4"]
        opened.set_viewport_size({"width": 1200, "height": 844})

        lesson.get_by_text("Follow a sample").hover()
        for _ in range(4):
            opened.keyboard.press("ArrowRight")
        assert shown(lesson)[1].startswith("The classifier reads h3 of sample 8")
        assert lesson.get_by_label("one step on").is_disabled()

        # A unit that is opened at one word is open at the next.
        real.get_by_text("backward", exact=True).click()
        assert shown(real) == ["backward, step 1: “film”", "h1 from x1 and h0"]
        real.locator("summary:visible").nth(1).click()
        real.get_by_role("button", name="good", exact=True).locator("visible=true").click()
        assert shown(real)[0] == "backward, step 2: “good”"
        assert real.locator("details[open]:visible pre").count() == 2
        real.get_by_role("button", name="classifier").locator("visible=true").click()
        assert f"P(positive) {read.decision.probability:.4f}" in shown(real)[0]


@needs_browser
def test_without_javascript_every_step_is_listed_and_no_button_promises_more(tmp_path):
    file = tmp_path / "lecture.html"
    file.write_text(page(by_hand(), reading("good film", tmp_path)), "utf-8")
    with browser(file, java_script_enabled=False) as opened:
        # The weights; two samples of two steps and the end; two words, two headings each; the end.
        assert opened.locator("h3:visible").count() == 1 + 2 * 3 + 2 * 2 + 1
        assert opened.locator("button:visible").count() == 0
        assert "all steps are listed, one after the other" in opened.inner_text("header")


@needs_browser
def test_a_browser_runs_nothing_of_the_text(tmp_path):
    file = tmp_path / "lecture.html"
    # Without the policy too, escaping alone must keep the script from running.
    shown = page(by_hand(), reading(HOSTILE, tmp_path))
    file.write_text(re.sub('<meta http-equiv="Content-Security.*?>', "", shown), "utf-8")
    assert "Security" not in file.read_text("utf-8")
    with browser(file) as opened:
        assert opened.title() == "A hidden state, by hand"
        assert opened.locator("script").count() == 1 and opened.locator("img").count() == 0
        assert opened.locator("section").count() == 3
        assert "<script>document.title = 'ran'</script> & a bad <img" in opened.inner_text("body")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.setenv("SENTIMENT_MODEL", str(resolve.PRETRAINED))
    monkeypatch.setattr(lecture, "PASSES", 1)
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, ["lecture", *words])


def test_the_command_writes_the_page_and_prints_what_it_prints_without(home):
    file = home / "lecture.html"
    result = run("--html", str(file), "--text", "A slow start, but I <b>loved</b> it.")
    assert result.exit_code == 0, result.output
    assert result.stdout == run().stdout
    assert result.stderr == f"lecture written to {file}\n"
    shown = file.read_text("utf-8")
    assert "I &lt;b&gt;loved&lt;/b&gt; it." in shown and "<b>loved" not in shown
    probability = Classifier(resolve.resolve_model(None, ProjectPaths(home))).predict(
        ["A slow start, but I loved it."]
    )
    assert f"P(positive) {probability[0]:.4f}" in shown
    assert [path.name for path in home.iterdir()] == ["lecture.html"]


def test_without_a_text_the_model_reads_one_of_the_programs_own(home):
    assert run("--html", str(home / "x.html")).exit_code == 0
    assert "It begins badly, yet the ending is wonderful." in (home / "x.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--text", "good"], 2, "--html FILE"),
        (["--html", "x.html", "--text", "zzzqqq"], 1, "the model knows no word of 'zzzqqq'"),
        (["--html", "x.html", "--text", ""], 1, "the text is empty"),
        (["--html", "x.html", "--model", "/nowhere"], 1, "no model in /nowhere"),
        (["--html", "/nowhere/x.html"], 1, "/nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(home, monkeypatch, words, status, message):
    monkeypatch.chdir(home)
    result = run(*words)
    assert result.exit_code == status
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not list(home.iterdir())
