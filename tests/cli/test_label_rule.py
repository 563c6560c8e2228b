"""Test `sentiment predict --neutral`, with numbers and with the band of a model."""

import json

import pytest
from typer.testing import CliRunner

import sentiment
from sentiment.cli import app
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.manifest import NeutralBand
from tests.helpers.build import tiny_bundle

SAID = (
    "neutral: 0.25 to 0.75. Outside were 53 % of 2,492 closing sentences of validation reviews, "
    "and 90 % of these were right"
)


def predict(*words, **options):
    return CliRunner().invoke(app, ["predict", *map(str, words)], **options)


@pytest.fixture
def model(home):
    return tiny_bundle(home / "data" / "models" / "tiny", seed=29)


@pytest.fixture
def banded(model):
    """Return the model with a band."""
    return bundle.update_manifest(model, neutral_band=NeutralBand(0.25, 0.75, 2492, 0.5289, 0.9044))


def test_auto_is_the_band_of_the_model_and_it_is_said_once(banded, tmp_path):
    texts = ["good", "none with a heart", "a bad film"]
    probabilities = Classifier(banded).predict(texts)
    expected = [
        "neutral" if 0.25 <= p <= 0.75 else "positive" if p > 0.5 else "negative"
        for p in probabilities
    ]
    assert len(set(expected)) == 3
    for words in (["--neutral", "auto"], ["--neutral=auto"]):
        result = predict(*words, *texts)
        assert [line.split()[0] for line in result.stdout.splitlines()] == expected
        assert result.stderr.splitlines().count(SAID) == 1
    result = predict(*texts, "--json", "--neutral", "auto")
    assert [json.loads(line)["label"] for line in result.stdout.splitlines()] == expected
    assert SAID in result.stderr
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "\n".join(texts) + "\n")
    result = predict("--neutral", "auto", "--input", path)
    assert [row.split(",")[1] for row in result.stdout.splitlines()[1:]] == expected
    assert result.stderr.count("neutral:") == 1
    result = predict("--quiet", "--neutral", "auto", texts[1], "--trace")
    assert result.stdout.split()[0] == expected[1] and not result.stderr
    records = sentiment.load().classify(texts, neutral="auto")
    assert [record.label for record in records] == expected


def test_a_model_without_a_band_names_numbers_to_type(model):
    result = predict("--neutral", "auto", "good")
    assert result.exit_code == 1 and not result.stdout
    assert result.stderr.splitlines()[-2:] == [
        "Error: the model tiny has no neutral band of its own.",
        "Try: --neutral 0.3 0.7",
    ]
    assert predict("--neutral", "0.3", "0.7", "good").exit_code == 0
    with pytest.raises(ValueError, match=r"no neutral band: give one, such as \(0.3, 0.7\)"):
        sentiment.load().classify(["good"], neutral="auto")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--neutral", "0.4", "good"], "expected 0 <= LOW <= HIGH <= 1, or auto, got 0.4"),
        (["--neutral", "auto", "--threshold", "0.7", "good"], "--neutral replaces --threshold"),
        (["good", "--neutral"], "requires 2 arguments"),
    ],
)
def test_a_band_that_is_none_is_a_usage_error(banded, words, message):
    result = predict(*words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_auto_is_a_text_if_it_does_not_follow_the_option(banded):
    assert [line.split("  ")[2] for line in predict("auto", "good").stdout.splitlines()] == [
        "auto",
        "good",
    ]
    texts = predict("--", "--neutral", "auto").stdout.splitlines()
    assert [line.split("  ")[2] for line in texts] == ["--neutral", "auto"]
    several = predict("--neutral", "auto", "auto", "good")
    assert [line.split("  ")[2] for line in several.stdout.splitlines()] == ["auto", "good"]
