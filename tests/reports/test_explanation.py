import base64
import io
import re
import subprocess
import xml.dom.minidom
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sentiment.inference.classifier import Classifier
from sentiment.inspection import explain
from sentiment.inspection.explain import Trace, WordEffects
from sentiment.reports.explanation import page
from sentiment.reports.svg import trace_svg
from sentiment.utils.colors import UNIT_NEGATIVE, UNIT_POSITIVE
from tests.helpers.browser import CHROMIUM, needs_browser
from tests.helpers.build import TINY, tiny_bundle

HOSTILE = (
    "A good film <script>document.title = 'ran'</script> & a bad "
    "<img src=x onerror=\"document.title = 'ran'\"> heart </pre></style>"
    "\x1b[2J\x00 \ud800 \u202eevil"
)


def explain_text(text, folder, **changes):
    """Return the trace and the word effects of a text, read by a tiny model."""
    classifier = Classifier(tiny_bundle(folder / "model", TINY.__class__(**vars(TINY) | changes)))
    return explain.trace(classifier, text), explain.word_effects(classifier, text)


def by_hand(bidirectional=False):
    """Return an explanation of two words, "good" and one out of the vocabulary."""
    states = np.array([[0.0, 1.0], [-1.0, 0.5]], np.float32)
    known = np.array([True, False])
    directions, deciding = ("forward",), np.array([1, 1])
    if bidirectional:
        directions, deciding = ("forward", "backward"), np.array([1, 0])
    tokens = ["good", "xyzzy"]
    probabilities = np.array([0.75, 0.6], np.float32)
    return (
        Trace("Good xyzzy", tokens, known, probabilities, states, states, directions, deciding),
        WordEffects(tokens, known, 0.6, np.array([0.5, 0.7]), np.array([0.4, -0.2])),
    )


def test_the_strongest_word_has_the_strongest_colour_and_others_their_share():
    shown = page(*by_hand(), label="positive", model="m")
    # Opacity 0.85 for the strongest effect, 0.4; half of it for -0.2, in the other colour.
    assert '<span style="background:rgb(30 120 220 / 0.850)" title="word 1: +0.400' in shown
    assert '<span class="unknown" style="background:rgb(225 95 20 / 0.425)"' in shown
    assert "P 0.500 without it" in shown and "P 0.700 without it" in shown


def test_no_column_decides_if_the_classifier_reads_a_pool(tmp_path):
    shown = page(*explain_text("good film", tmp_path, readout="mean"), label="positive", model="m")
    assert "The classifier reads a pool of the states of all steps" in shown
    assert "which alone decides" not in shown
    assert "which alone decides" in page(*by_hand(), label="positive", model="m")


def test_the_curve_goes_through_each_probability():
    shown = trace_svg(*by_hand())
    # Two words of 34 pixels from 92 on: middles 109 and 143; y = 14 + 150·(1 - P).
    assert 'class="curve" points="109.0,51.5 143.0,74.0"' in shown
    assert 'class="final" r="6" cx="143.0" cy="74.0"' in shown


def test_a_long_word_is_cut_below_the_drawing_and_whole_in_its_tooltip():
    trace, effects = by_hand()
    trace, effects = (replace(part, tokens=["a" * 14, "b" * 15]) for part in (trace, effects))
    shown = trace_svg(trace, effects)
    below = re.findall(r'<text class="left" transform[^>]*>([^<]*)</text>', shown)
    assert below == ["a" * 14, "b" * 13 + "…"]
    assert "b" * 15 in shown


@pytest.mark.parametrize(("units", "height"), [(2, 11), (26, 10), (100, 2), (1000, 1)])
def test_the_heat_map_of_many_units_stays_low(units, height):
    trace, effects = by_hand()
    states = np.ones((2, units), np.float32)
    trace = replace(trace, states=states, finals=states, deciding=np.ones(units, int))
    frame = re.search(r'<rect class="final"[^>]* height="(\d+)"', trace_svg(trace, effects))
    assert int(frame[1]) == height * units + 2


@pytest.mark.parametrize("bidirectional", [False, True])
def test_each_column_that_decides_has_a_frame(bidirectional):
    shown = trace_svg(*by_hand(bidirectional))
    frames = re.findall(
        r'<rect class="final" x="(\d+)" y="\d+" width="(\d+)" height="(\d+)"', shown
    )
    # Rows of 11 pixels. Forward the second column, from 92 + 34 on; backward the first.
    expected = [("125", "36", "13"), ("91", "36", "13")] if bidirectional else [("125", "36", "24")]
    assert frames == expected


def test_the_heat_map_is_a_picture_with_a_pixel_for_each_unit_and_word():
    shown = trace_svg(*by_hand())
    picture = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", shown)[1])))
    assert picture.format == "PNG" and picture.mode == "P"
    green, purple = UNIT_POSITIVE, UNIT_NEGATIVE
    # Unit 1 is 0 and then -1, unit 2 is 1 and then 0.5: opacity 0, 255; 255, 64 / 127 of it.
    assert np.asarray(picture.convert("RGBA")).tolist() == [
        [[*purple, 0], [*purple, 255]],
        [[*green, 255], [*green, 129]],
    ]


@pytest.mark.parametrize("changes", [{}, {"bidirectional": True}, {"readout": "mean"}])
@pytest.mark.parametrize("words", [1, 5, 300])
def test_the_drawing_is_well_formed_in_every_shape_of_network(tmp_path, changes, words):
    text = " ".join(["good", "film", "bad", "heart", "none"][n % 5] for n in range(words))
    drawn = trace_svg(*explain_text(text, tmp_path, **changes))
    svg = xml.dom.minidom.parseString(drawn).documentElement
    assert (
        len([r for r in svg.getElementsByTagName("rect") if r.getAttribute("class") == "hint"])
        == words
    )
    assert len(drawn) < 1000 * words + 10_000


def test_the_page_asks_for_nothing_from_outside(tmp_path):
    shown = page(*explain_text(HOSTILE, tmp_path), label="positive", model="<b>m</b>")
    assert "default-src 'none'" in shown
    markup = shown.replace("&lt;", "")
    assert not re.search(r"<(script|link|iframe|img|object|b>m)", markup)
    assert not re.search(r"(src|href)=\"(?!data:image/png)", markup)
    assert not re.search(r"url\(|@import|https?:", markup)
    assert shown.encode("utf-8") and not re.search("[\x00-\x08\x0b-\x1f\u202e]", shown)


@needs_browser
def test_a_browser_shows_everything_and_runs_no_script_from_the_text(tmp_path):
    assert CHROMIUM, "SENTIMENT_REQUIRE_CHROMIUM=1, but there is no Chromium"
    file = tmp_path / "page.html"
    # Escaping alone must keep the script from running, even without the policy.
    shown = page(*explain_text(HOSTILE, tmp_path), label="positive", model="tiny")
    file.write_text(
        re.sub(r'<meta http-equiv="Content-Security.*?>', "", shown, flags=re.S), "utf-8"
    )
    assert "Security" not in file.read_text("utf-8")
    options = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
    ]  # fmt: skip
    done = subprocess.run(
        [CHROMIUM, *options, file.as_uri()], capture_output=True, text=True, timeout=120
    )
    dom = done.stdout
    assert re.search(r"<title>positive 0\.\d{3}</title>", dom), done.stderr[-500:]
    assert "&lt;script&gt;document.title = 'ran'&lt;/script&gt; &amp; a bad" in dom
    assert "&lt;img src=x onerror=" in dom
    assert "<script" not in dom and "<img" not in dom
    # No tag of the text has closed a tag of the page.
    assert dom.count("<section") == dom.count("</section>") == 4
    assert re.search(r"<details open.*</details>\s*</section>\s*</body>", dom, flags=re.S)
    for word in ("good", "film", "bad", "heart"):
        assert re.search(rf'title="word \d+: [+-]\d\.\d+ · P 0\.\d+ without it">{word}</span>', dom)
    for part in ('class="curve"', 'class="final"', "data:image/png;base64,", "which alone decides"):
        assert part in dom
