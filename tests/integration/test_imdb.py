"""All stages on the real reviews, as TFDS provides them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.data import plain_tokens, token_rules
from sentiment.data.prepared import open_dataset
from sentiment.data.split import make_examples
from sentiment.inference import bundle, resolve
from sentiment.inference.classifier import Classifier
from sentiment.nn import network
from sentiment.training import batching
from tests.helpers.commands import ONE

SHARED = Path(__file__).parents[3] / "shared" / "tensorflow_datasets"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A project folder with the real reviews prepared, and a model of one network."""
    tfds = Path(os.environ.get("TFDS_DATA_DIR") or SHARED)
    if not (tfds / "imdb_reviews" / "plain_text" / "1.0.0").is_dir():
        reason = f"no imdb_reviews/plain_text/1.0.0 in {tfds}; set TFDS_DATA_DIR"
        if os.environ.get("SENTIMENT_REQUIRE_IMDB"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("imdb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTIMENT_HOME", str(folder))
        patch.setenv("TFDS_DATA_DIR", str(tfds))
        # All four networks of the default recipe take minutes.
        result = CliRunner().invoke(app, ["train", "--epochs", "1", *ONE, "--name", "real"])
        assert result.exit_code == 0, result.output
        yield folder


@pytest.fixture(scope="module")
def prepared(home):
    return open_dataset(next((home / "data" / "prepared").iterdir()))


@pytest.fixture(scope="module")
def model(home):
    return bundle.read(home / "data" / "models" / "real")


def test_all_three_splits_exist(prepared):
    counts = {name: stats.reviews for name, stats in prepared.splits.items()}
    assert counts == {"train": 25_000, "test": 25_000, "unsupervised": 50_000}
    for name in ("train", "test"):
        assert np.bincount(prepared.split(name).labels).tolist() == [12_500, 12_500]
    assert set(prepared.split("unsupervised").labels) == {-1}


def test_the_vocabulary_comes_from_all_reviews_but_those_of_the_test(prepared):
    train, test = prepared.split("train"), prepared.split("test")
    others = prepared.split("unsupervised")
    seen = np.union1d(train.encoded.tokens, others.encoded.tokens)
    assert len(seen) == prepared.tokenizer.vocabulary_size - 1  # all but padding
    assert prepared.splits["test"].unknown_share > prepared.splits["train"].unknown_share
    assert set(np.unique(test.encoded.tokens)) <= set(seen)


def test_all_reviews_have_the_tokens_of_the_regular_expressions(prepared):
    by_expressions = token_rules.RULES[2]
    for name in prepared.splits:
        split = prepared.split(name)
        texts = map(split.text, range(len(split)))
        assert [text for text in texts if plain_tokens.tokenize(text) != by_expressions(text)] == []


def test_one_epoch_classifies_the_official_test_reviews(model):
    assert model.manifest.metrics["test/accuracy"] >= 0.86


def test_a_plain_sentence_is_understood(home):
    result = CliRunner().invoke(
        app, ["predict", "--json", "An unforgettable film.", "A dull mess."]
    )
    labels = [json.loads(line)["label"] for line in result.stdout.splitlines()]
    assert labels == ["positive", "negative"]


def test_the_numpy_runtime_equals_keras_on_a_thousand_reviews(prepared, model):
    split = prepared.split("test")
    rows = np.random.default_rng(0).choice(len(split), 1000, replace=False)
    texts = [split.text(row) for row in rows]
    keras_model = network.build_network(
        model.settings, words=model.tokenizer.feature_count, ngrams=0, seed=0
    )
    network.set_arrays(keras_model, model.embedding, model.weights)
    classifier = Classifier(model)
    encoded = classifier.encode(texts)
    labels = np.zeros(1000, np.float32)
    examples = make_examples(encoded, labels, model.tokenizer, model.settings)
    expected = np.zeros(1000)
    for part in batching.arrange_batches(examples, 50, None):
        ids, _, _ = batching.fill_batch(examples, part, 50)
        logits = keras_model(ids)["logit"].numpy()[:, 0]
        expected[part] = 1 / (1 + np.exp(-logits / model.temperature))
    np.testing.assert_allclose(classifier.predict(texts), expected, atol=1e-5)


def test_the_bundled_model_has_the_accuracy_in_its_manifest(prepared):
    bundled = bundle.read(resolve.PRETRAINED)
    split = prepared.split("test")
    texts = (split.text(row) for row in range(len(split)))
    positive = Classifier(bundled).predict(texts) >= 0.5
    accuracy = np.mean(positive == (split.labels == 1))
    assert accuracy == pytest.approx(bundled.manifest.metrics["test/accuracy"], abs=1e-4)


@pytest.mark.slow
def test_the_bundled_model_of_older_rules_is_measured_on_what_prepare_makes_today(home):
    pretrained = bundle.read(resolve.PRETRAINED).manifest
    assert not (home / "data" / "prepared" / pretrained.data.folder).exists()
    result = CliRunner().invoke(app, ["evaluate", "--model", "pretrained", "--json"])
    scores = json.loads(result.stdout)["scores"]
    assert scores["accuracy"] == pytest.approx(pretrained.metrics["test/accuracy"])
