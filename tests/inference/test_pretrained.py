"""The bundled model."""

from dataclasses import replace

from sentiment import recipe
from sentiment.inference import bundle, resolve

MAX_SIZE = 8_000_000  # bytes


def test_the_bundled_model_is_whole_small_and_of_the_shape_of_the_default_recipe():
    opened = bundle.read(resolve.PRETRAINED)
    # It is what two networks of the recipe were merged into, with one unit that adds up.
    one = recipe.load_recipe("default").model
    assert opened.settings == replace(one, units=2 * one.units + 1, embedding=one.embedding + 1)
    assert sum(path.stat().st_size for path in resolve.PRETRAINED.iterdir()) <= MAX_SIZE


def test_its_card_gives_the_measured_accuracy():
    accuracy = bundle.read(resolve.PRETRAINED).manifest.metrics["test/accuracy"]
    card = (resolve.PRETRAINED / "MODEL_CARD.md").read_text("utf-8")
    assert f"{accuracy:.2%} of the 25,000" in card
