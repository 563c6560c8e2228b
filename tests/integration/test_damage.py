"""One wrong byte, or a file cut short: it is told by name, or it changes nothing at all."""

import random

import numpy as np
import pytest

from sentiment.config import PrepareSettings
from sentiment.data import prepared
from sentiment.data.prepare import prepare
from sentiment.errors import DamagedFileError
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.training import checkpoint
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import TEXTS, tiny_bundle

FLIPS, CUTS = 200, 50  # in each folder; in each file


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("damage") / "model").folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folders = ProjectPaths(tmp_path_factory.mktemp("damage"))
    return prepare(PrepareSettings(dataset="sample"), folders)[0].folder


def what_a_model_says(folder):
    """Return all that another reading of the bundle must equal: what it is and what it predicts."""
    opened = bundle.read(folder)
    said = Classifier(opened).predict([*TEXTS, "unheard", "good"]).tobytes()
    return opened.name, opened.temperature, opened.settings, opened.record["created"], said


def what_a_set_holds(folder):
    """Return all that another reading of the prepared set must equal."""
    opened = prepared.open_dataset(folder)
    tokenizer = opened.tokenizer
    parts = [opened.settings, opened.splits, tokenizer.words, tokenizer.ngrams.tobytes()]
    for name in ("train", "test", "unsupervised"):
        split = opened.split(name)
        arrays = (split.texts, split.bounds, split.labels, *vars(split.encoded).values())
        parts += [array.tobytes() for array in arrays]
    return parts


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage") / "run"
    draws = np.random.default_rng(0)
    arrays = {
        "network.00": draws.normal(size=(60, 4)).astype(np.float32),
        "round_0.weights.rnn_1.forward.kernel": draws.normal(size=(4, 3)).astype(np.float32),
        "optimizer.step": np.array(7),
        "labels": np.empty(0, np.float32),
    }
    with checkpoint.open_writer(folder) as writer:
        job = {"track": True, "record": {"run": {"id": "0123", "name": "run"}}}
        report = {"epoch": 7, "validation_loss": 0.1 + 0.2, "best": True}
        writer.write(7, {"job": job, "rounds": [[report]]}, arrays)
    return folder / "epoch-0007"


def what_a_training_goes_on_from(folder):
    """Return all that another reading of the checkpoint must equal: what follows depends on it."""
    opened = checkpoint.read(folder)
    arrays = {name: (a.dtype, a.shape, a.tobytes()) for name, a in opened.arrays.items()}
    return opened.epoch, opened.state, arrays


KINDS = [
    ("model", what_a_model_says),
    ("data", what_a_set_holds),
    ("state", what_a_training_goes_on_from),
]


def told_or_harmless(path, content, look, expected):
    """Tell whether `content` in the place of a file is noticed; fail where it isn't and matters."""
    whole = path.read_bytes()
    path.write_bytes(content)
    try:
        assert look(path.parent) == expected
        return False
    except DamagedFileError as error:
        assert str(path) in error.fact
        return True
    finally:
        path.write_bytes(whole)


def flips(paths, seed):
    """Yield FLIPS files, each as often as the next, with one byte of each changed."""
    chance = random.Random(seed)
    for number in range(FLIPS):
        path = paths[number % len(paths)]
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= chance.randrange(1, 256)
        yield path, content


@pytest.mark.parametrize(("kind", "look"), KINDS)
@pytest.mark.parametrize("files", ["*", "*.json"])
def test_a_flipped_byte_is_told_or_changes_nothing(kind, look, files, request):
    folder = request.getfixturevalue(kind)
    expected = look(folder)
    told = [
        told_or_harmless(path, content, look, expected)
        for path, content in flips(sorted(folder.glob(files)), seed=7)
    ]
    # In arrays and words every byte counts; in JSON the spaces between values don't.
    assert sum(told) > (FLIPS / 2 if files == "*.json" else FLIPS * 0.9)


@pytest.mark.parametrize(("kind", "look"), KINDS)
def test_a_file_that_was_cut_short_is_told(kind, look, request):
    folder = request.getfixturevalue(kind)
    expected = look(folder)
    chance = random.Random(11)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for _ in range(CUTS):
            content = whole[: chance.randrange(len(whole))]
            told = told_or_harmless(path, content, look, expected)
            # The newline that JSON ends with is no part of it.
            assert told or (path.suffix == ".json" and content == whole[:-1])


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (b'"ngrams": 3', b'"ngrams": 2'),
        (b'"longest_review": 1024', b'"longest_review": 2'),
        (b'"temperature": 1.25', b'"temperature": 9.25'),
        (b'"readout": "last"', b'"readout": "mean"'),
        (b'"created": "2026-01-01', b'"created": "2016-01-01'),
    ],
)
def test_a_record_that_would_make_a_model_say_something_else_is_told(model, change, name):
    whole = (model / "bundle.json").read_bytes()
    assert change in whole
    assert told_or_harmless(
        model / "bundle.json", whole.replace(change, name), what_a_model_says, None
    )


def test_a_damaged_date_does_not_let_an_older_model_speak(tmp_path):
    tiny_bundle(tmp_path / "older", seed=1)
    newer = tiny_bundle(tmp_path / "newer", seed=2).folder / "bundle.json"
    newer.write_text(newer.read_text("utf-8").replace('"2026-01', '"2016-01'), "utf-8")
    with pytest.raises(DamagedFileError, match=r"newer.bundle\.json is damaged"):
        bundle.newest_bundle(tmp_path)


def test_what_was_written_before_records_had_a_digest_is_still_read(model):
    path = model / "bundle.json"
    whole = path.read_text("utf-8")
    lines = [line for line in whole.splitlines() if not line.startswith('  "digest"')]
    assert len(lines) == len(whole.splitlines()) - 1
    expected = what_a_model_says(model)
    path.write_text("\n".join(lines).replace("},\n}", "}\n}"), "utf-8")
    assert what_a_model_says(model) == expected
    path.write_text(whole, "utf-8")


def test_flips_reach_every_file_and_change_one_byte(model):
    paths = sorted(model.iterdir())
    seen = list(flips(paths, seed=7))
    assert {path for path, _ in seen} == set(paths)
    for path, content in seen[:20]:
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        assert np.count_nonzero(whole != np.frombuffer(content, np.uint8)) == 1
