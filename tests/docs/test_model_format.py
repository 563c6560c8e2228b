"""docs/model-format.md is enough to read a model: a program that follows it answers alike."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sentiment.config import ModelSettings
from sentiment.data.token_rules import RULES
from sentiment.data.tokenizer import Tokenizer
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.manifest import DataInfo, Manifest, RunInfo
from sentiment.inference.resolve import PRETRAINED
from tests.helpers.build import TEXTS, TINY, tiny_bundle
from tests.helpers.hostile_texts import hostile_texts

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "model-format.md").read_text("utf-8")
READER = DOCS / "examples" / "read_model.py"
KINDS = [
    TINY,
    dataclasses.replace(TINY, ngrams=1, readout="mean"),
    ModelSettings(units=3, embedding=2, layers=2, negation=True, repeats=False),
    ModelSettings(units=3, embedding=2, readout="max", longest_review=4),
]
HARD = [
    "An unforgettable film.",
    "I don't like it.",
    "It isn&#39;t bad<br />A CLICHÉ, but 7/10! ⭐ :D",
    "do n't ca n't it 's they 'll -LRB- good -RRB-",
    "donâ€™t cafÃ© ðŸ˜€ don\u2032t don\ufffdt don\uff07t",
    "note:Do 4:30 http://x.y CD:ok 1:3 2<3 3<30 :-) ^_^ o_O </3",
    "a `quoted` word, and an é with a `quoted` one",
    "Not good, not good at all! But not bad? Never. Nothing but good good good.",
    "It was " + "very " * 1100 + "good",
]


@pytest.fixture(scope="module")
def reader():
    """The modules of the example, imported as a program beside them would."""
    sys.path.insert(0, str(READER.parent))
    try:
        import read_model
        import token_rules_2
    finally:
        sys.path.remove(str(READER.parent))
    return read_model, token_rules_2


def test_the_example_answers_as_the_package_without_any_package():
    hostile = [text for text in hostile_texts(40) if RULES[2](text) and "\0" not in text]
    texts = [*HARD, *hostile[:15]]
    assert len(texts) > 20
    command = [sys.executable, "-S", "-s", "-E", str(READER), str(PRETRAINED), *texts]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    expected = Classifier(bundle.read(PRETRAINED)).predict(texts)
    found = done.stdout.split()
    np.testing.assert_allclose([float(n) for n in found], expected, rtol=0, atol=1e-5)
    assert f'pretrained "{HARD[0]}"\n{found[0]}\n' in PAGE


def test_the_example_can_not_import_this_package():
    command = [sys.executable, "-S", "-s", "-E", "-c", "import sentiment"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert "No module named 'sentiment'" in done.stderr


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_the_example_reads_all_kinds_of_models(reader, tmp_path, settings):
    model = tiny_bundle(tmp_path / "model", settings)
    texts = [*TEXTS, "a zebra good film", "none good, none bad! None good"]
    found = [reader[0].probability(model.folder, text) for text in texts]
    np.testing.assert_allclose(found, Classifier(model).predict(texts), rtol=0, atol=1e-5)
    assert np.ptp(found) > 0.01


def test_the_example_has_the_same_tokens(reader):
    for text in [*HARD, *hostile_texts(2000)]:
        assert reader[1].tokenize(text) == RULES[2](text)


def test_the_tokens_of_the_page_are_right(reader):
    section = PAGE.partition("| text | tokens |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines()]
    assert len(rows) >= 8
    for text, tokens in rows:
        assert RULES[2](text.strip("`")) == tokens.strip("`").split(" ")


def test_the_example_is_short():
    lines = READER.read_text("utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) <= 100


@pytest.fixture
def worked(tmp_path):
    """The model of the worked example."""
    settings = ModelSettings(
        units=1, embedding=1, ngrams=2, negation=True, layers=1, bidirectional=True
    )
    one = {"kernel": [[1.0]], "recurrent_kernel": [[0.5]], "bias": [0.0]}
    arrays = {
        f"rnn_1.{way}.{part}": n for way in ("forward", "backward") for part, n in one.items()
    }
    arrays |= {"classifier.kernel": [[2.0], [1.0]], "classifier.bias": [0.5]}
    return bundle.write(
        tmp_path / "worked",
        tokenizer=Tokenizer(["film", "good", "not"], np.array([8, 17])),
        embedding=np.array([[0], [0.25], [0.5], [1], [-0.5], [-2], [0.5]]),
        weights={name: np.array(array, np.float32) for name, array in arrays.items()},
        manifest=Manifest(
            created="2026-01-01T00:00:00+00:00",
            settings={"model": vars(settings)},
            run=RunInfo("", "worked"),
            data=DataInfo("none", "none"),
            temperature=2.0,
        ),
    )


def test_the_worked_example_is_right(worked):
    table = PAGE.partition("| token | word |")[2].partition("\n\n")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]
    text, classifier = "Not a good film!", Classifier(worked)
    assert [row[0].strip("`") for row in rows] == worked.tokenizer.tokenize(text)
    encoded = classifier.encode([text])
    features = worked.tokenizer.features(encoded, 2, negation=True)
    assert [[int(cell) for cell in row[1:4]] for row in rows] == features.tolist()
    numbers = np.array([[float(cell) for cell in row[4:]] for row in rows])
    inputs = worked.embedding[features].astype("f8").sum(axis=(1, 2))
    np.testing.assert_array_equal(numbers[:, 0], inputs)
    np.testing.assert_allclose(numbers[:, 1:], classifier.states(encoded), rtol=0, atol=5.1e-5)
    logit = classifier.logits(classifier.final_states(encoded))[0]
    probability = classifier.predict([text])[0]
    assert f"{logit:.4f}" in PAGE and f"P(positive) = {probability:.4f}" in PAGE


def test_every_key_of_the_manifest_is_described():
    content = json.loads((PRETRAINED / "bundle.json").read_text("utf-8"))
    keys = [*content, *content["run"], *content["data"], *content["settings"]["model"]]
    keys += [*content["neutral_band"], *content["settings"]]
    for key in keys:
        assert re.search(rf"`{re.escape(key)}`", PAGE), key
    for field in dataclasses.fields(Manifest):
        assert field.name == "other" or f"`{field.name}`" in PAGE, field.name
