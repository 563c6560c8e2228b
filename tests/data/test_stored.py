import shutil
from dataclasses import asdict

import pytest

from sentiment.config import PrepareSettings
from sentiment.data import stored
from sentiment.data.prepare import prepare
from sentiment.errors import MissingFileError
from sentiment.recipe import default_recipe

FILE = "text,label\n" + "".join(f"film {n} is good,1\nfilm {n} is bad,0\n" for n in range(20))
DEFAULT = asdict(default_recipe().prepare)
# Options for what `PrepareSettings()` means, and manifests without these settings.
OLDER = "--least-word 10 --least-bigram 20 --least-trigram 20 --least-negated 0"
OLDER += " --vocabulary-from train"


@pytest.fixture
def other(paths, sample):
    """Return the folder of the sample under a key that nothing prepares today, and its digest."""
    return paths.prepared / "sample-00000000", sample.splits["test"].digest


def test_reviews_are_found_under_another_key_by_their_digest(other, sample):
    folder, digest = other
    assert stored.find_reviews(sample.folder, "test", None).folder == sample.folder
    assert stored.find_reviews(folder, "test", digest).folder == sample.folder
    assert stored.find_reviews(folder, "train", digest) is None
    assert stored.find_reviews(folder, "test", "0" * 64) is None
    assert stored.find_reviews(folder, "test", None) is None


def test_a_damaged_dataset_of_others_is_passed_over(other, sample):
    folder, digest = other
    damaged = folder.parent / "aaa"
    shutil.copytree(sample.folder, damaged)
    (damaged / "manifest.json").write_text("{}")
    try:
        assert stored.find_reviews(folder, "test", digest).folder == sample.folder
    finally:
        shutil.rmtree(damaged)


@pytest.mark.parametrize(
    ("digest", "settings", "hint"),
    [
        ("0" * 64, DEFAULT, "sentiment prepare"),
        ("0" * 64, {"dataset": "imdb"}, f"sentiment prepare {OLDER}"),
        ("0" * 64, {}, "sentiment evaluate --data FILE"),
        (None, {"dataset": "imdb"}, "sentiment evaluate --data FILE"),
        (
            "0" * 64,
            DEFAULT | {"dataset": f"my.csv:{'a' * 64}"},
            "sentiment prepare --dataset my.csv, where that file is as it was; "
            "or sentiment evaluate --data FILE",
        ),
    ],
)
def test_the_hint_about_missing_reviews_leads_out(other, digest, settings, hint):
    with pytest.raises(MissingFileError, match="no prepared dataset") as caught:
        stored.open_reviews(other[0], "test", digest, settings)
    assert caught.value.hint == hint


def test_a_checkpoint_is_told_to_prepare_only_what_gives_its_own_tokens(tmp_path, paths, sample):
    assert stored.open_exactly(sample.folder, sample.settings).folder == sample.folder
    (tmp_path / "my.csv").write_text(FILE)
    own = prepare(PrepareSettings(dataset=str(tmp_path / "my.csv")), paths)[0]
    shutil.rmtree(own.folder)
    with pytest.raises(MissingFileError) as caught:
        stored.open_exactly(own.folder, own.settings)
    assert caught.value.hint == f"sentiment prepare --dataset my.csv {OLDER}"
    for settings in (own.settings, {}, {"dataset": "sample", "vocabulary": -1}):
        with pytest.raises(MissingFileError, match="would prepare another one") as caught:
            stored.open_exactly(paths.prepared / "my-00000000", settings)
        assert caught.value.hint == "sentiment train"
