"""A file with one wrong byte, or cut short, is named in an error, or changes nothing at all."""

import random

import numpy as np
import pytest

from sentiment.config import PrepareSettings
from sentiment.data import prepared
from sentiment.data.prepare import prepare
from sentiment.errors import DamagedFileError
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.trained_models import newest_model
from sentiment.training import checkpoint
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import TEXTS, tiny_bundle

FLIPS, CUTS = 200, 50  # per folder; per file


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("damage") / "model").folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    paths = ProjectPaths(tmp_path_factory.mktemp("damage"))
    return prepare(PrepareSettings(dataset="sample"), paths)[0].folder


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage") / "run"
    generator = np.random.default_rng(0)
    arrays = {
        "network.00": generator.normal(size=(60, 4)).astype(np.float32),
        "round_0.weights.rnn_1.forward.kernel": generator.normal(size=(4, 3)).astype(np.float32),
        "optimizer.step": np.array(7),
        "labels": np.empty(0, np.float32),
    }
    with checkpoint.open_writer(folder) as writer:
        job = {"track": True, "record": {"run": {"id": "0123", "name": "run"}}}
        report = {"epoch": 7, "validation_loss": 0.1 + 0.2, "best": True}
        writer.write(7, {"job": job, "rounds": [[report]]}, arrays)
    return folder / "epoch-0007"


def read_model(folder):
    """Return all of a bundle that must not change: its description and its predictions."""
    opened = bundle.read(folder)
    predictions = Classifier(opened).predict([*TEXTS, "unheard", "good"]).tobytes()
    return opened.name, opened.temperature, opened.settings, opened.manifest.created, predictions


def read_data(folder):
    """Return all of a prepared dataset that must not change."""
    dataset = prepared.open_dataset(folder)
    tokenizer = dataset.tokenizer
    parts = [dataset.settings, dataset.splits, tokenizer.words, tokenizer.ngrams.tobytes()]
    for name in ("train", "test", "unsupervised"):
        split = dataset.split(name)
        arrays = (split.texts, split.bounds, split.labels, *vars(split.encoded).values())
        parts += [array.tobytes() for array in arrays]
    return parts


def read_state(folder):
    """Return all of a checkpoint that must not change: a resumed training depends on it."""
    opened = checkpoint.read(folder)
    arrays = {name: (a.dtype, a.shape, a.tobytes()) for name, a in opened.arrays.items()}
    return opened.epoch, opened.state, arrays


FOLDERS = [("model", read_model), ("data", read_data), ("state", read_state)]


def is_detected(path, content, read, expected):
    """Return True if reading `path` with other `content` is an error that names the file.

    Fail if it is no error, and anything read differs from `expected`.
    """
    original = path.read_bytes()
    path.write_bytes(content)
    try:
        assert read(path.parent) == expected
        return False
    except DamagedFileError as error:
        assert str(path) in error.fact
        return True
    finally:
        path.write_bytes(original)


def flips(paths, seed):
    """Yield FLIPS times a path and its content with one byte changed, taking paths in turn."""
    generator = random.Random(seed)
    for number in range(FLIPS):
        path = paths[number % len(paths)]
        content = bytearray(path.read_bytes())
        content[generator.randrange(len(content))] ^= generator.randrange(1, 256)
        yield path, content


@pytest.mark.parametrize(("kind", "read"), FOLDERS)
@pytest.mark.parametrize("pattern", ["*", "*.json"])
def test_a_flipped_byte_is_detected_or_changes_nothing(kind, read, pattern, request):
    folder = request.getfixturevalue(kind)
    expected = read(folder)
    detected = [
        is_detected(path, content, read, expected)
        for path, content in flips(sorted(folder.glob(pattern)), seed=7)
    ]
    # Every byte of arrays and words matters; in JSON, spaces between values do not.
    assert sum(detected) > (FLIPS / 2 if pattern == "*.json" else FLIPS * 0.9)


@pytest.mark.parametrize(("kind", "read"), FOLDERS)
def test_a_file_that_was_cut_short_is_detected(kind, read, request):
    folder = request.getfixturevalue(kind)
    expected = read(folder)
    generator = random.Random(11)
    for path in sorted(folder.iterdir()):
        original = path.read_bytes()
        for _ in range(CUTS):
            content = original[: generator.randrange(len(original))]
            detected = is_detected(path, content, read, expected)
            # The newline at the end of a JSON file does not matter.
            assert detected or (path.suffix == ".json" and content == original[:-1])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"ngrams": 3', b'"ngrams": 2'),
        (b'"longest_review": 1024', b'"longest_review": 2'),
        (b'"temperature": 1.25', b'"temperature": 9.25'),
        (b'"readout": "last"', b'"readout": "mean"'),
        (b'"created": "2026-01-01', b'"created": "2016-01-01'),
    ],
)
def test_a_changed_value_in_the_manifest_of_a_model_is_detected(model, old, new):
    original = (model / "bundle.json").read_bytes()
    assert old in original
    assert is_detected(model / "bundle.json", original.replace(old, new), read_model, None)


def test_a_damaged_date_is_an_error_and_does_not_select_an_older_model(tmp_path):
    tiny_bundle(tmp_path / "older", seed=1)
    newer = tiny_bundle(tmp_path / "newer", seed=2).folder / "bundle.json"
    newer.write_text(newer.read_text("utf-8").replace('"2026-01', '"2016-01'), "utf-8")
    with pytest.raises(DamagedFileError, match=r"newer.bundle\.json is damaged"):
        newest_model(tmp_path, small=True)


def test_a_manifest_of_an_early_version_without_a_digest_is_read(model):
    path = model / "bundle.json"
    original = path.read_text("utf-8")
    lines = [line for line in original.splitlines() if not line.startswith('  "digest"')]
    assert len(lines) == len(original.splitlines()) - 1
    expected = read_model(model)
    path.write_text("\n".join(lines).replace(",\n}", "\n}"), "utf-8")
    assert read_model(model) == expected
    path.write_text(original, "utf-8")


def test_flips_reach_every_file_and_change_one_byte(model):
    paths = sorted(model.iterdir())
    flipped = list(flips(paths, seed=7))
    assert {path for path, _ in flipped} == set(paths)
    for path, content in flipped[:20]:
        original = np.frombuffer(path.read_bytes(), np.uint8)
        assert np.count_nonzero(original != np.frombuffer(content, np.uint8)) == 1
