"""Requests that arrive together are classified in one pass, and each gets its own answer."""

import asyncio

import pytest

from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import LabelRule, predict
from sentiment.serving import batching
from sentiment.serving.batching import DIRECT, Scorer
from tests.helpers.build import tiny_bundle

LONG = "a good film with a bad heart " * 600  # above DIRECT


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return Classifier(tiny_bundle(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def passes(monkeypatch):
    """The texts of each pass."""
    seen = []

    def counted(classifier, rule, texts):
        seen.append(list(texts))
        return predict(classifier, rule, texts)

    monkeypatch.setattr(batching, "predict", counted)
    return seen


async def classify(classifier, *requests):
    scorer = Scorer()
    try:
        return await asyncio.gather(
            *(scorer.classify(classifier, rule, texts) for rule, texts in requests)
        )
    finally:
        scorer.close()


def run(classifier, *requests):
    return asyncio.run(classify(classifier, *requests))


def test_requests_of_one_moment_are_one_pass(classifier, passes):
    texts = [["good"], ["bad", "a bad film"], [], ["none"]]
    answers = run(classifier, *((LabelRule(), each) for each in texts))
    assert passes == [["good", "bad", "a bad film", "none"]]
    assert answers == [predict(classifier, LabelRule(), each) for each in texts]


def test_each_request_has_its_own_rule(classifier, passes):
    strict, wide = LabelRule(1.0), LabelRule(neutral=(0.0, 1.0))
    answers = run(classifier, (strict, ["good"]), (wide, ["good"]), (strict, ["bad"]))
    assert [each.label for (each,) in answers] == ["negative", "neutral", "negative"]
    assert passes == [["good", "bad"], ["good"]]


def test_a_long_request_is_read_in_parts_beside_the_event_loop(classifier, passes):
    assert len(LONG) > DIRECT
    texts = [LONG] * 5
    (answer,) = run(classifier, (LabelRule(), texts))
    assert answer == predict(classifier, LabelRule(), [LONG]) * 5
    assert len(passes) > 1 and [text for each in passes for text in each] == texts


def test_what_waits_is_read_in_passes_that_do_not_hold_up_the_loop(classifier, passes):
    text = "a good film " * 200
    answers = run(classifier, *((LabelRule(), [text]) for _ in range(40)))
    assert len(answers) == 40 and all(answers)
    assert max(sum(map(len, each)) for each in passes) < DIRECT + len(text) + 100


def test_an_error_reaches_all_requests_of_the_pass(classifier, monkeypatch):
    def fail(*_):
        raise ValueError("broken")

    monkeypatch.setattr(batching, "predict", fail)
    with pytest.raises(ValueError, match="broken"):
        run(classifier, (LabelRule(), ["good"]), (LabelRule(), ["bad"]))


def test_a_request_that_nobody_waits_for_is_left_out(classifier, passes):
    async def abandon():
        scorer = Scorer()
        task = asyncio.create_task(scorer.classify(classifier, LabelRule(), ["good"]))
        other = asyncio.create_task(scorer.classify(classifier, LabelRule(), ["bad"]))
        await asyncio.sleep(0)
        task.cancel()
        return await other

    asyncio.run(abandon())
    assert passes == [["bad"]]
