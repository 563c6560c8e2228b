"""The test split that a model is measured on: its tokens are taken if they are the model's."""

from dataclasses import replace

import numpy as np
import pytest

from sentiment.config import ModelSettings
from sentiment.evaluation.evaluate import evaluate, load_test_split
from sentiment.inference import bundle
from sentiment.inference.manifest import DataInfo, Manifest, RunInfo
from sentiment.inference.weights import weight_shapes

MODEL = ModelSettings(units=3, embedding=2, ngrams=2, longest_review=9)


@pytest.fixture
def model(sample, tmp_path):
    tokenizer, random = sample.tokenizer.up_to(MODEL.ngrams), np.random.default_rng(0)
    shapes = weight_shapes(MODEL)
    return bundle.write(
        tmp_path / "model",
        tokenizer=tokenizer,
        embedding=random.normal(size=(tokenizer.feature_count, MODEL.embedding)),
        weights={name: random.normal(size=shape).astype("f4") for name, shape in shapes.items()},
        manifest=Manifest(
            created="2026-01-01T00:00:00+00:00",
            settings={"model": vars(MODEL)},
            run=RunInfo("", "model"),
            data=DataInfo("sample", sample.folder.name),
        ),
    )


def test_prepared_tokens_give_the_same_answers_as_texts(model, paths):
    texts = load_test_split(model, paths)
    assert texts.encoded is not None
    assert texts.encoded.lengths.max() == MODEL.longest_review
    by_tokens, by_text = (evaluate(model, one) for one in (texts, replace(texts, encoded=None)))
    np.testing.assert_array_equal(by_tokens.probabilities, by_text.probabilities)


@pytest.mark.parametrize("change", [{"rules": 1}, {"words": ["good", "bad"]}])
def test_tokens_of_another_vocabulary_are_not_taken(model, paths, monkeypatch, change):
    for name, value in change.items():
        monkeypatch.setattr(model.tokenizer, name, value)
    assert load_test_split(model, paths).encoded is None
