"""The bundled model."""

from sentiment import recipe
from sentiment.inference import bundle, resolve

MAX_SIZE = 5_000_000  # bytes


def test_the_bundled_model_is_whole_small_and_of_the_default_recipe():
    opened = bundle.read(resolve.PRETRAINED)
    assert opened.settings == recipe.load_recipe("default").model
    assert sum(path.stat().st_size for path in resolve.PRETRAINED.iterdir()) <= MAX_SIZE


def test_its_card_gives_the_measured_accuracy():
    accuracy = bundle.read(resolve.PRETRAINED).manifest.metrics["test/accuracy"]
    card = (resolve.PRETRAINED / "MODEL_CARD.md").read_text("utf-8")
    assert f"{accuracy:.2%} of the 25,000" in card
