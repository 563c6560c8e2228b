import json
import re
from dataclasses import replace

import numpy as np
import pytest
from bokeh.models.annotations import Span

from sentiment.data import sources
from sentiment.evaluation import metrics
from sentiment.inference import bundle, resolve
from sentiment.inference.classifier import Classifier
from sentiment.inspection import probes, snapshots
from sentiment.reports import run_report
from sentiment.reports.run_report import TrainingReport
from sentiment.utils.progress import EpochMetrics
from tests.helpers.browser import HIDDEN, column, needs_browser, open_page
from tests.helpers.build import TINY, tiny_bundle

HOSTILE = (
    "A good </script><script>document.title = 'ran'</script> film <!-- <script> & a bad "
    "<img src=x onerror=\"document.title = 'ran'\"> heart </pre></style>"
    "\x1b[2J\x00 \ud800 \u202eevil"
)


# The position of a row's point, in pixels of its plot.
POSITION = """(row) => {
  const points = Bokeh.documents[0].get_model_by_name("points");
  const view = Bokeh.index.roots.find(
    ({ model }) => model.renderers.some((part) => part.data_source === points));
  const { x, y } = points.data;
  const { frame } = view;
  return [frame.x_scale.compute(x[row]), frame.y_scale.compute(y[row])];
}"""


def epoch_metrics(epoch, **changes):
    """Return the metrics of an epoch, of which the first two each improve on the one before."""
    fields = {
        "epoch": epoch, "epochs": 3, "seconds": 12.0, "reviews_per_second": 2000.0,
        "train_loss": 0.5 / epoch, "train_accuracy": 0.8, "validation_loss": 0.4,
        "validation_accuracy": 0.85, "best": epoch < 3,
    }  # fmt: skip
    return EpochMetrics(**(fields | changes))


def make_report(model, texts, labels, *, name="quiet-otter", mistakes=(), shares=(0.2, 1.0)):
    """Return a report on `model`; the embedding of each snapshot is scaled by one of `shares`."""
    probed = probes.make_probes([f"train {row}" for row in range(len(texts))], texts, labels)
    reference = snapshots.reference_points(Classifier(model), probed)
    taken = []
    for epoch, share in enumerate(shares, 1):
        weaker = replace(model, embedding=(share * model.embedding).astype(np.float16))
        taken.append((float(epoch), snapshots.take_snapshot(Classifier(weaker), probed, reference)))
    settings = {"units": model.settings.units, "readout": model.settings.readout}
    reports = [epoch_metrics(epoch) for epoch in (1, 2, 3)]
    return TrainingReport(name, settings, reports, taken, model, list(mistakes))


def data_of(shown):
    return json.loads(re.search(r'id="data">(.*?)</script>', shown)[1])


@pytest.fixture(scope="module")
def real():
    """Return a report on the bundled model, with its mistakes on reviews of the sample."""
    train = sources.load_sample()["train"]
    rows = np.argsort(train.labels, kind="stable")[np.linspace(0, 239, 64).astype(int)]
    chosen = train.take(rows)
    model = bundle.read(resolve.PRETRAINED)
    doubt = np.abs(Classifier(model).predict(chosen.texts) - chosen.labels)
    worst = np.argsort(-doubt, kind="stable")[:10]
    mistakes = [(chosen.texts[row], int(chosen.labels[row])) for row in worst]
    return make_report(
        model, chosen.texts, chosen.labels, mistakes=mistakes, shares=(0.1, 0.5, 1.0)
    )


@pytest.fixture(scope="module")
def shown(real):
    return run_report.page(real)


def tiny(folder, **changes):
    texts, labels = ["a good film", HOSTILE, "a bad film"], np.array([1, 0, 0], np.int8)
    mistakes = [(HOSTILE, 0), ("", 1), ("xyzzy", 1)]
    model = tiny_bundle(folder / "model", replace(TINY, **changes))
    return make_report(model, texts, labels, name=f"<b>x</b>{HOSTILE}", mistakes=mistakes)


def test_the_page_of_the_bundled_model_is_below_two_megabytes(real, shown):
    assert len(shown.encode("utf-8")) < 2_000_000
    long = " ".join(sources.load_sample()["train"].texts)
    without, with_long = (
        run_report.page(replace(real, mistakes=mistakes)) for mistakes in ([], [(long, 0)])
    )
    assert len(data_of(with_long)["mistakes"][0]["words"].split()) == 1024
    # Ten mistakes of 1,024 words fit too.
    assert len(without) + 10 * (len(with_long) - len(without)) < 2_000_000


def test_the_summary_names_the_best_epoch(shown):
    # The third is not better than the second.
    assert "Best epoch: 2 of 3, with a validation accuracy of <b>85.0%</b>" in re.sub(
        r"\s+", " ", shown
    )
    assert "Training took 36 s." in shown and "<dt>readout</dt><dd>last</dd>" in shown


def merged_report(real):
    """Return a report of two networks of two epochs, merged."""
    epochs = [
        epoch_metrics(epoch, network=(epoch + 1) // 2, best=epoch == 1) for epoch in range(1, 5)
    ]
    merged = epoch_metrics(5, network=0, best=True, validation_accuracy=0.9)
    snapshot = real.snapshots[-1][1]
    return replace(real, reports=[*epochs, merged], snapshots=[(4.0, snapshot), (5.0, snapshot)])


def test_the_report_of_several_networks_names_the_merged_one(real):
    report = merged_report(real)
    shown = re.sub(r"\s+", " ", run_report.page(report))
    units = real.bundle.settings.units
    assert f"2 networks learnt in 4 epochs. Merged into one of {units} units" in shown
    assert "the validation accuracy is <b>90.0%</b>" in shown and "Training took 48 s." in shown
    assert "Best epoch" not in shown and "marks the best epoch" not in shown
    assert [one["title"] for one in data_of(shown)["snapshots"]] == ["epoch 4", "merging"]


def test_the_report_says_which_training_metrics_are_those_of_sentences(real):
    report, said = merged_report(real), "their training metrics are those of sentences"
    assert said not in re.sub(r"\s+", " ", run_report.page(report))
    report = replace(report, settings={"sentence_members": 1})
    assert said in re.sub(r"\s+", " ", run_report.page(report))


def test_the_border_between_networks_is_marked_and_explained(real):
    section = run_report.curves_section(merged_report(real))
    borders = [
        span.location
        for span in section.plots["loss"].select({"type": Span})
        if span.line_dash == [6]
    ]
    assert borders == [2.5]
    shown = " ".join(run_report.page(merged_report(real)).split())
    assert "where another network begins" in shown and "this is no fault" in shown
    assert "where another network begins" not in " ".join(run_report.page(real).split())


def test_settings_that_differ_from_the_recipe_come_first(real):
    settings = {"units": 99, "readout": "last", "seed": 3}
    shown = run_report.page(replace(real, settings=settings, recipe="words"))
    changed, rest = shown.split("<summary>All settings</summary>")
    assert "differ from the recipe words" in changed
    assert "<dt>units</dt><dd>99</dd>" in changed and "<dt>seed</dt><dd>3</dd>" in changed
    assert "<dt>readout</dt>" not in changed and "<dt>readout</dt>" in rest


def test_an_evaluation_is_added_to_the_summary_and_replaces_an_earlier_one(shown):
    labels = np.array([0, 0, 1, 1], np.int8)
    first, second = (
        metrics.score(labels, np.array(probabilities))
        for probabilities in ([0.1, 0.9, 0.8, 0.7], [0.1, 0.2, 0.8, 0.7])
    )
    assert "were not read yet" in shown
    once = run_report.add_evaluation(shown, first)
    assert "were not read yet" not in once
    assert "75.00 % of 4 reviews" in once and "<th>labelled negative</th>" in once
    twice = run_report.add_evaluation(once, second)
    assert "75.00 % of 4" not in twice and "100.00 % of 4 reviews" in twice
    assert len(twice) - len(shown) < 1000  # nothing else has gone or come


def test_the_curves_have_a_gap_where_another_network_begins(real):
    section = run_report.curves_section(merged_report(real))
    points = section.plots["loss"].renderers[0].data_source.data
    np.testing.assert_array_equal(points["epoch"], [1, 2, np.nan, 3, 4, np.nan, 5])
    np.testing.assert_array_equal(np.isnan(points["value"]), np.isnan(points["epoch"]))


def test_the_page_holds_every_sentence_and_every_mistake(real, shown):
    for sentence in probes.SENTENCES:
        assert f"<td>{sentence.id}</td>" in shown
    assert shown.count("<article hidden>") == len(real.mistakes) == 10
    assert re.findall(r'<section id="(\w+)">', shown) == [
        "summary", "curves", "projection", "units", "sentences", "mistakes",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [{}, {"bidirectional": True, "layers": 2}, {"readout": "mean", "ngrams": 1}, {"units": 70}],
)
def test_every_shape_of_network_has_a_page(tmp_path, changes):
    shown = run_report.page(tiny(tmp_path, **changes))
    assert ("These are the units of the first layer" in shown) == ("layers" in changes)
    assert ("Shown are 64 of 70 units" in shown) == ("units" in changes)
    assert "The model knows no word of it." in shown


def test_a_mistake_too_long_to_explain_is_shown_without_explanation(tmp_path):
    long = replace(tiny(tmp_path, longest_review=5000), mistakes=[("good film " * 600, 0)])
    shown = run_report.page(long)
    assert "Its 1,200 words are too many" in shown and data_of(shown)["mistakes"] == [None]


def test_a_mistake_names_at_most_eight_words_for_each_label(tmp_path):
    shown = run_report.page(
        replace(tiny(tmp_path, readout="mean"), mistakes=[("good film bad heart " * 9, 0)])
    )
    listed = re.findall(r"<b>Towards \w+:</b>(.*?)</p>", shown, re.DOTALL)
    counts = [len(re.findall(r"[+-]\d+\.\d\d", words)) for words in listed]
    assert len(counts) == 2 and max(counts) == 8


def test_a_run_without_snapshots_or_reports_has_a_page(tmp_path):
    shown = run_report.page(replace(tiny(tmp_path), snapshots=[], reports=[], mistakes=[]))
    assert re.findall(r'<section id="(\w+)">', shown) == ["summary", "curves", "units", "mistakes"]
    assert "No epoch was reported." in shown and "There are none to show." in shown


def test_nan_does_not_break_the_page(tmp_path):
    whole = tiny(tmp_path)
    last = whole.snapshots[-1][1]
    broken = replace(last, points=np.full_like(last.points, np.nan))
    reports = [epoch_metrics(1, validation_loss=float("nan"), best=False)]
    shown = run_report.page(replace(whole, reports=reports, snapshots=[(1.0, broken)]))
    assert data_of(shown)["snapshots"][0]["x"] == [None] * 15


def test_nothing_in_a_text_becomes_markup(tmp_path):
    shown = run_report.page(tiny(tmp_path))
    assert shown.encode("utf-8") and not re.search("[\x00-\x08\x1b\u202e]", shown[:20000])
    outside = re.sub(r"<script[^>]*>.*?</script>", "", shown, flags=re.S)
    assert not re.search(r"<(script|img|link|iframe|b>x)", outside)
    # The scripts are the five that the policy names, and three blocks of data.
    assert len(re.findall(r"<script>", shown)) == 5 == shown.count("'sha256-")
    assert len(re.findall(r'<script type="application/json"', shown)) == 3
    assert not re.search(r"(src|href)=\"(?!data:image/png|#)", outside)


@needs_browser
@pytest.mark.parametrize("how", ["srcdoc", "blob"])
def test_a_viewer_in_its_sandbox_shows_a_page_that_moves(shown, tmp_path, how):
    with open_page(shown, tmp_path, how=how) as frame:
        late, before = column(frame, "points", "x"), column(frame, "reading", "p")
        frame.locator("#projection input").fill("0")
        early = column(frame, "points", "x")
        assert len(early) == 76 and np.abs(early).mean() < 0.5 * np.abs(late).mean()
        assert column(frame, "reading", "p") != before
        assert frame.locator("#sentences output").inner_text() == "epoch 1"

        frame.locator("#sentences tr").nth(2).click()
        assert frame.locator("#projection select").input_value() == "1"
        assert column(frame, "path", "word")[:4] == ["start", "i", "cannot", "say"]

        words = column(frame, "words", "name")
        frame.locator("#units [data-step='1']").click()
        assert column(frame, "words", "name") != words
        assert "half-life" in frame.locator("#unit-facts").inner_text()

        first = frame.locator("#mistakes article:visible .words").inner_text()
        frame.locator("nav a").last.click()
        frame.locator("body").press("ArrowRight")
        assert frame.locator("#mistakes select").input_value() == "1"
        assert frame.locator("#mistakes article:visible").count() == 1
        assert frame.locator("#mistakes article:visible .words").inner_text() != first

        frame.locator("#curves .legend button").first.click()
        # The line and the dots of training disappear from both plots.
        assert frame.evaluate(HIDDEN) == ["line 0"] * 4


@needs_browser
def test_a_browser_runs_no_script_from_a_hostile_text(tmp_path):
    shown = run_report.page(tiny(tmp_path))
    # Escaping alone must keep the scripts from running, even without the policy.
    unprotected = re.sub(r'<meta http-equiv="Content-Security.*?>', "", shown, flags=re.S)
    assert "Content-Security" not in unprotected
    with open_page(unprotected, tmp_path) as frame:
        assert frame.title().startswith("<b>x</b>A good </script>")
        assert frame.locator("img").count() == 0 and frame.locator("script").count() == 8
        for number in range(3):
            frame.locator("#mistakes select").select_option(str(number))
        # The tooltip of the hostile review, the second.
        plot = frame.locator("#projection .bk-Figure").first
        plot.scroll_into_view_if_needed()
        x, y = frame.evaluate(POSITION, 1)
        plot.hover(position={"x": x, "y": y})
        tooltip = frame.locator(".bk-tooltip-content", has_text="train 1").first
        assert "<img src=x onerror=" in tooltip.text_content()
        assert frame.locator("img").count() == 0
