import base64
import hashlib
import re
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.inference import resolve
from sentiment.inference.classifier import Classifier
from sentiment.inspection.unrolled import Cell, SmallNetwork
from sentiment.inspection.walkthrough import walk_through
from sentiment.nn import lecture
from sentiment.reports import walkthrough
from sentiment.reports.arithmetic import Number
from sentiment.reports.lecture import Example, page
from sentiment.utils.paths import ProjectPaths
from tests.helpers.browser import chromium, needs_browser
from tests.helpers.build import TINY, tiny_bundle

HOSTILE = (
    "A good film <script>document.title = 'ran'</script> & a bad "
    "<img src=x onerror=\"document.title = 'ran'\"> heart </p></section>\x1b[2J\x00 \u202eevil"
)


def small_example():
    """Return two samples of two timesteps of two features, and a network of two units."""
    kernel = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
    recurrent = np.array([[0.0, 0.5], [0.0, 0.0]], np.float32)
    network = SmallNetwork(
        Cell(kernel, recurrent, np.array([0.0, 0.25], np.float32)),
        np.array([1.0, -1.0], np.float32),
        0.5,
    )
    samples = np.array([[[1.0, -0.5], [0.0, 0.0]], [[-1.0, 2.0], [0.5, 0.5]]], np.float32)
    return Example(samples, np.array([1, 0]), {"after training": network})


def random_example():
    """Return an example with the shapes of the lecture and random weights."""
    generator = np.random.default_rng(0)

    def network():
        cell = Cell(
            *(generator.normal(size=shape).astype("f4") for shape in ((2, 5), (5, 5), (5,)))
        )
        return SmallNetwork(cell, generator.normal(size=5).astype("f4"), 0.25)

    samples = generator.normal(size=(8, 3, 2)).astype("f4")
    networks = {"before training": network(), "after training": network()}
    return Example(samples, np.arange(8) % 2, networks)


def read_by_tiny_model(text, folder, **changes):
    classifier = Classifier(tiny_bundle(folder / "model", replace(TINY, **changes)))
    return walk_through(classifier, text, hint="")


def part(html, values):
    """Return what the page shows while its state has these values, such as `sample=1 step=2`."""
    start = html.index(f'<div data-only="{values}">')
    return html[start : html.find('<div data-only="', start + 1)]


def numbers(html):
    """Return the numbers of a piece of HTML, in order."""
    return [float(text) for text in re.findall(r"[+-]\d+\.\d{4}", re.sub("<.*?>", " ", html))]


def test_a_step_is_an_addition_that_can_be_checked_by_hand(tmp_path):
    html = page(small_example(), read_by_tiny_model("good film", tmp_path))
    rows = re.findall(r"<tr.*?</tr>", part(html, "stage=1 sample=1 step=2"))
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
    html = page(small_example(), read_by_tiny_model("good film", tmp_path))
    decision = part(html, "stage=1 sample=1 step=3")
    # The state is 0 and 0.5586: 0 · 1 - 0.5586 + 0.5 is -0.0586, and its sigmoid is 0.4854.
    assert numbers(decision)[:8] == [0, 1, 0, 0.5586, -1, -0.5586, 0.5, -0.0586]
    assert ">0.4854</td>" in decision and "predicts 0; the label is 1: wrong" in decision
    h_1, h_2 = [0.7616, -0.6351], [0, 0.5586]
    mean, largest = [0.3808, -0.0383], [0.7616, 0.5586]
    assert numbers(decision)[8:] == [*h_1, *h_2, *h_2, *mean, *largest]


def test_each_column_adds_up_to_rounding(tmp_path):
    html = page(random_example(), read_by_tiny_model("good film", tmp_path))
    for stage, sample, step in np.ndindex(2, 8, 3):
        shown = part(html, f"stage={stage + 1} sample={sample + 1} step={step + 1}")
        for unit in range(1, 6):
            column = re.findall(rf'<td data-unit="{unit}".*?</td>', shown)
            *terms, total, state = [numbers(cell)[-1] for cell in column]
            assert len(terms) == 2 + 5 + 1
            assert sum(terms) == pytest.approx(total, abs=9 * 0.00005)
            assert np.tanh(total) == pytest.approx(state, abs=0.00011)


def test_a_number_that_rounds_to_zero_has_no_minus(tmp_path):
    assert Number(-0.00001).text == Number(-0.0).text == "+0.0000"
    assert Number(-0.00006).text == "-0.0001"
    html = page(random_example(), read_by_tiny_model("good film", tmp_path))
    assert "-0.0000" not in html and 'title="-0"' not in html


def test_a_word_shows_its_ngrams_and_each_unit_its_sums_and_products(tmp_path):
    reading = read_by_tiny_model("a good film xyzzy", tmp_path)
    html = page(small_example(), reading)
    shown = part(html, "pass=1 step=3")
    assert "“good film”" in shown
    assert re.search("“a good film”</th><td[^>]*>not in the vocabulary: adds nothing", shown)
    step = reading.tracks[0].steps[2]
    lines = re.findall(r"<details.*?</details>", shown, flags=re.S)
    assert len(lines) == 3
    for unit, line in enumerate(lines):
        input_sum, recurrent_sum, bias, total, state, *products = numbers(line)
        assert [total, state] == pytest.approx([step.total[unit], step.h[unit]], abs=0.00005)
        assert input_sum + recurrent_sum + bias == pytest.approx(total, abs=0.0002)
        # Each product stands after its two factors: two of x, then three of the state.
        assert sum(products[2 : 2 + 3 * 2 : 3]) == pytest.approx(input_sum, abs=0.0003)
        assert sum(products[2 + 3 * 2 :: 3]) == pytest.approx(recurrent_sum, abs=0.0003)
    assert 'class="unknown">“xyzzy”' in html


def test_a_negated_word_shows_its_second_vector(tmp_path):
    reading = read_by_tiny_model("film none good", tmp_path, negation=True)
    html = page(small_example(), reading)
    assert "A word that is negated adds a second vector" in html
    shown = part(html, "pass=1 step=3")
    rows = re.findall(r'<tr(?: class="total")?><th scope="row">.*?</tr>', shown, flags=re.S)
    word, _, _, negated, total = (numbers(row) for row in rows)
    assert "“good”" in rows[0] and "“not … good”" in rows[3] and 'class="total"' in rows[4]
    assert np.add(word, negated) == pytest.approx(total, abs=0.0002)
    html = page(small_example(), read_by_tiny_model("film good", tmp_path / "2", negation=True))
    assert "negated" not in html


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "the state after the last word"),
        ({"bidirectional": True}, ">backward</button>"),
        ({"layers": 2}, "= h of layer 1<"),
        ({"layers": 2, "bidirectional": True}, ">layer 2 backward</button>"),
        ({"readout": "mean"}, "the mean of the last layer"),
        ({"readout": "max"}, "the largest state over all words"),
    ],
)
def test_the_page_describes_every_shape_of_network(tmp_path, changes, expected):
    html = page(small_example(), read_by_tiny_model("a good film", tmp_path, **changes))
    assert expected in html


def test_products_are_not_listed_if_there_are_too_many(tmp_path, monkeypatch):
    reading = read_by_tiny_model("good film", tmp_path)
    monkeypatch.setattr(walkthrough, "_MAX_PRODUCTS", 29)
    # Two words, each with 2 · 3 products of x and 3 · 3 of the state.
    html = page(small_example(), reading)
    assert "The 30 products are too many to list" in html and "<details" not in html
    monkeypatch.setattr(walkthrough, "_MAX_PRODUCTS", 30)
    assert page(small_example(), reading).count("<details") == 2 * 3


def test_the_policy_allows_no_script_but_that_of_the_page(tmp_path):
    html = page(small_example(), read_by_tiny_model(HOSTILE, tmp_path))
    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline';" in html
    markup = html.replace("&lt;", "")
    assert not re.search(
        r"<(link|iframe|img|object)|(src|href)=|url\(|@import|https?:",
        markup.replace("img src=x", ""),
    )
    assert html.encode("utf-8") and not re.search("[\x00-\x08\x0b-\x1f\u202e]", html)


@contextmanager
def browser(file, **context):
    """Open `file` in Chromium and yield the page; fail if its scripts print or raise anything."""
    with chromium() as started:
        opened, messages = started.new_page(**context), []
        opened.on("console", lambda message: messages.append(message.text))
        opened.on("pageerror", lambda error: messages.append(str(error)))
        opened.goto(file.as_uri())
        yield opened
        assert not messages


@needs_browser
def test_a_browser_steps_through_the_example_and_the_sentence(tmp_path):
    file = tmp_path / "lecture.html"
    reading = read_by_tiny_model("a good film", tmp_path, bidirectional=True)
    file.write_text(page(random_example(), reading), "utf-8")
    with browser(file) as opened:
        example, sentence = opened.locator(".stepper").all()

        def headings(root):
            return root.locator("[data-only] > h3:visible").all_inner_texts()

        assert headings(example) == [
            "The weights after training",
            "h1 of sample 1, after training",
        ]
        opened.keyboard.press("ArrowRight")
        example.get_by_role("group", name="sample").get_by_text("8").click()
        example.get_by_text("before training", exact=True).first.click()
        assert headings(example) == [
            "The weights before training",
            "h2 of sample 8, before training",
        ]

        # Pointing at a unit marks it; a narrow screen shows it alone.
        example.locator("td:visible[data-unit='4']").last.hover()
        assert example.get_attribute("data-unit") == "4"
        opened.set_viewport_size({"width": 390, "height": 844})
        assert example.locator(".addition th[data-unit]:visible").all_inner_texts() == ["unit 4"]
        opened.set_viewport_size({"width": 1200, "height": 844})

        example.get_by_text("Follow a sample").hover()
        for _ in range(4):
            opened.keyboard.press("ArrowRight")
        assert headings(example)[1].startswith("The classifier reads h3 of sample 8")
        assert example.get_by_label("next step").is_disabled()

        # A unit that is opened at one word is open at the next.
        sentence.get_by_text("backward", exact=True).click()
        assert headings(sentence) == ["backward, step 1: “film”", "h1 from x1 and h0"]
        sentence.locator("summary:visible").nth(1).click()
        sentence.get_by_role("button", name="good", exact=True).locator("visible=true").click()
        assert headings(sentence)[0] == "backward, step 2: “good”"
        assert sentence.locator("details[open]:visible pre").count() == 2
        sentence.get_by_role("button", name="classifier").locator("visible=true").click()
        assert f"P(positive) {reading.decision.probability:.4f}" in headings(sentence)[0]


@needs_browser
def test_without_javascript_every_step_is_listed_and_no_button_is_shown(tmp_path):
    file = tmp_path / "lecture.html"
    file.write_text(page(small_example(), read_by_tiny_model("good film", tmp_path)), "utf-8")
    with browser(file, java_script_enabled=False) as opened:
        # The weights; two samples of two steps and the end; two words, two headings each; the end.
        assert opened.locator("h3:visible").count() == 1 + 2 * 3 + 2 * 2 + 1
        assert opened.locator("button:visible").count() == 0
        assert "all steps are listed one after another" in opened.inner_text("header")


@needs_browser
def test_a_browser_runs_no_script_from_the_text(tmp_path):
    file = tmp_path / "lecture.html"
    # Escaping alone must be enough, so the policy is removed.
    html = page(small_example(), read_by_tiny_model(HOSTILE, tmp_path))
    file.write_text(re.sub('<meta http-equiv="Content-Security.*?>', "", html), "utf-8")
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


def run(*arguments):
    return CliRunner().invoke(app, ["lecture", *arguments])


def test_the_command_writes_the_page_and_prints_the_same_as_without_it(home):
    file = home / "lecture.html"
    result = run("--html", str(file), "--text", "A slow start, but I <b>loved</b> it.")
    assert result.exit_code == 0, result.output
    assert result.stdout == run().stdout
    assert result.stderr == f"lecture written to {file}\n"
    html = file.read_text("utf-8")
    assert "I &lt;b&gt;loved&lt;/b&gt; it." in html and "<b>loved" not in html
    probability = Classifier(resolve.resolve_model(None, ProjectPaths(home))).predict(
        ["A slow start, but I loved it."]
    )
    assert f"P(positive) {probability[0]:.4f}" in html
    assert [path.name for path in home.iterdir()] == ["lecture.html"]


def test_without_a_text_the_model_reads_the_default_sentence(home):
    file = home / "lecture.html"
    assert run("--html", str(file)).exit_code == 0
    assert "It begins badly, yet the ending is wonderful." in file.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--text", "good"], 2, "--html FILE"),
        (["--html", "x.html", "--text", "zzzqqq"], 1, "the model knows no word of 'zzzqqq'"),
        (["--html", "x.html", "--text", ""], 1, "the text is empty"),
        (["--html", "x.html", "--model", "missing/model"], 1, "no model in missing/model"),
        (["--html", "missing/x.html"], 1, "missing"),
    ],
)
def test_errors_are_one_sentence(home, monkeypatch, arguments, status, message):
    monkeypatch.chdir(home)
    result = run(*arguments)
    assert result.exit_code == status
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not list(home.iterdir())
