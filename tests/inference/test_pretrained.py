"""The model in the box."""

from sentiment import recipe as recipes
from sentiment.inference import bundle
from sentiment.inference import resolve as choice

LARGEST = 5_000_000  # bytes


def test_it_is_whole_small_and_of_the_default_recipe():
    opened = bundle.read(choice.BOX)
    assert opened.settings == recipes.read("default").model
    assert sum(path.stat().st_size for path in choice.BOX.iterdir()) <= LARGEST


def test_its_card_tells_the_accuracy_that_was_measured():
    measured = bundle.read(choice.BOX).record["metrics"]["test/accuracy"]
    assert f"{measured:.2%} of the 25,000" in (choice.BOX / "MODEL_CARD.md").read_text("utf-8")
