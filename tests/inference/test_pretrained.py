"""The model in the box."""

from sentiment import recipe
from sentiment.inference import bundle, resolve

LARGEST = 5_000_000  # bytes


def test_it_is_whole_small_and_of_the_default_recipe():
    opened = bundle.read(resolve.PRETRAINED)
    assert opened.settings == recipe.load_recipe("default").model
    assert sum(path.stat().st_size for path in resolve.PRETRAINED.iterdir()) <= LARGEST


def test_its_card_tells_the_accuracy_that_was_measured():
    measured = bundle.read(resolve.PRETRAINED).record["metrics"]["test/accuracy"]
    assert f"{measured:.2%} of the 25,000" in (resolve.PRETRAINED / "MODEL_CARD.md").read_text(
        "utf-8"
    )
