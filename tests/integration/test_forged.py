"""Forged files, whose checksums are right, are refused by name, or are harmless.

Each field and each array of every kind of file is replaced by hostile values; what a command would
do with the file is done with it.
"""

import copy
import io
import json
import math
import random
import shutil
import time
import zipfile

import numpy as np
import pytest

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data import prepared
from sentiment.data.prepare import prepare
from sentiment.errors import SentimentError
from sentiment.experiments import search_space, sweep_plan
from sentiment.inference import bundle, resolve
from sentiment.inference.classifier import Classifier
from sentiment.inference.partial_file import PartialFile
from sentiment.inference.scoring import read_progress
from sentiment.recipe import load_recipe
from sentiment.tracking.offline import operations
from sentiment.tracking.offline.queue import OfflineQueue, _read_operation, list_queues
from sentiment.tracking.run_logger import Dataset
from sentiment.training import checkpoint
from sentiment.training.job import TrainingJob
from sentiment.training.results import read_rounds
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import TEXTS, tiny_bundle

MAX_SECONDS = 5  # for one forged file, on a machine that has other work
HOSTILE = [
    None, True, False, 0, -1, 1, 2, 3.5, -0.0, 1e308, 5e-324, 10**9, 10**18, 10**400, -(10**400),
    math.nan, math.inf, -math.inf, "", "x", "0", "nan", "\n", "a\nb", "\x1b[2J", "\0", "\u202e",
    "../../etc", "/etc/passwd", ".", "..", "x" * 5000, [], [None], [[]], [1, "a"], {}, {"": None},
    {"a": {"b": []}}, json.loads("[" * 200 + "]" * 200),
]  # fmt: skip


def places(content, path=()):
    """Yield the path of every value in JSON, the whole included."""
    yield path
    items = (
        content.items() if isinstance(content, dict)
        else enumerate(content) if isinstance(content, list) else ()
    )  # fmt: skip
    for key, value in items:
        yield from places(value, (*path, key))


def forge(content, draw):
    """Return a copy of JSON with one value replaced, or one key removed, added or renamed."""
    content = copy.deepcopy(content)
    path = draw.choice(list(places(content)))
    if not path:
        return draw.choice(HOSTILE)
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    kind = draw.random()
    if kind < 0.8 or isinstance(parent, list):
        parent[path[-1]] = draw.choice(HOSTILE)
    elif kind < 0.9:
        del parent[path[-1]]
    else:
        parent[draw.choice(["", "x", "__class__", "folder", "../x", "\n"])] = draw.choice(HOSTILE)
    return content


def forge_json(path, draw):
    """Forge a file of JSON, and its own digest if it has one."""
    content = json.loads(path.read_text("utf-8"))
    digest = content.pop("digest", None)
    forged = forge(content, draw)
    if digest is not None and isinstance(forged, dict):
        forged = files.add_checksum(forged)
    path.write_text(json.dumps(forged), "utf-8")


def forged_array(array, draw):
    """Return another array in the place of one, or bytes that are none."""
    flat = np.array(array)
    kinds = {
        "type": lambda: flat.astype(draw.choice(["f8", "i1", "c16", "U3", "M8[s]", "?", "u8"])),
        "order": lambda: np.asfortranarray(flat),
        "big endian": lambda: flat.astype(flat.dtype.newbyteorder(">")),
        "shape": lambda: flat.reshape(draw.choice([(-1,), (1, -1), (-1, 1)])),
        "longer": lambda: np.concatenate([flat, flat]) if flat.ndim else flat,
        "empty": lambda: flat[:0] if flat.ndim else flat,
        "a number": lambda: np.array(7),
        "records": lambda: np.zeros(3, [("a", "f4"), ("b", "i8")]),
        "reversed": lambda: flat[::-1].copy() if flat.ndim else flat,
        "filled": lambda: np.full(flat.shape, draw.choice([-1, 1, 120, 0])).astype(flat.dtype),
        "not numbers": lambda: np.full(flat.shape, np.nan, "f4"),
        "huge": lambda: np.full(flat.shape, 3e38, "f4"),
        "extreme": lambda: np.full(flat.shape, np.iinfo("i8").min, "i8"),
        "far": lambda: np.full(flat.shape, np.iinfo("i8").max, "i8"),
    }
    return kinds[draw.choice(list(kinds))]()


def forge_file(path, draw):
    """Forge a file of words or arrays."""
    if path.suffix == ".npy":
        if draw.random() < 0.1:
            np.savez(path.with_suffix(".npz"), a=np.zeros(3))
            path.with_suffix(".npz").replace(path)
            return
        array = forged_array(np.load(path), draw)
        np.save(path, array, allow_pickle=False)
    elif path.suffix == ".npz":
        with np.load(path) as archive:
            arrays = dict(archive)
        name = draw.choice(sorted(arrays))
        kind = draw.random()
        if kind < 0.7:
            arrays[name] = forged_array(arrays[name], draw)
        elif kind < 0.8:
            del arrays[name]
        elif kind < 0.9:
            arrays["../" + name] = arrays[name]
        np.savez(path, **arrays)
        if kind >= 0.9:
            content = io.BytesIO()
            np.save(content, arrays[name])
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(f"{name}.npy", content.getvalue())
    else:
        lines = path.read_text("utf-8").splitlines()
        row = draw.randrange(len(lines))
        lines[row] = draw.choice(["", lines[0], "x" * 100_000, "a b", "\x1b[2J", "A", "é" * 9])
        path.write_text("\n".join(lines), "utf-8")


def forge_folder(folder, manifest, draw):
    """Forge one file of a folder whose manifest has the digests of the others."""
    names = sorted(path.name for path in folder.iterdir() if path.name != manifest)
    if draw.random() < 0.5:
        forge_json(folder / manifest, draw)
        return
    name = draw.choice(names)
    (forge_json if name.endswith(".json") else forge_file)(folder / name, draw)
    content = json.loads((folder / manifest).read_text("utf-8"))
    content.pop("digest", None)
    content["files"][name] = files.checksums(folder)[name]
    files.write_json(folder / manifest, files.add_checksum(content))


class ModelFiles:
    """A bundle, which classifies a text."""

    def make(self, folder):
        tiny_bundle(folder / "model")

    def forge(self, folder, draw):
        forge_folder(folder / "model", "bundle.json", draw)

    def use(self, folder):
        opened = bundle.read(folder / "model")
        assert opened.name.isprintable()
        probabilities = Classifier(opened).predict([*TEXTS, "unheard", ""])
        assert np.isfinite(probabilities).all()
        resolve.default_folder(ProjectPaths(folder))


class CheckpointFiles:
    """A checkpoint, as far as it is read before a network exists."""

    def make(self, folder):
        paths = ProjectPaths(folder)
        data = prepare(PrepareSettings(dataset="sample"), paths)[0]
        job = TrainingJob.create(
            data, ModelSettings(units=2), TrainSettings(), name="run", experiment="e",
            recipe="default", track=True, snapshots="1", workers=1,
        )  # fmt: skip
        metrics = {
            "epoch": 1, "epochs": 2, "seconds": 0.1, "reviews_per_second": 3.0, "train_loss": 0.5,
            "train_accuracy": 0.75, "validation_loss": 0.25, "validation_accuracy": 0.9,
            "best": True,
        }  # fmt: skip
        arrays = {
            "round_0.embedding": np.ones((4, 2), "f4"), "round_0.logits": np.ones(3, "f4"),
            "round_0.weights.classifier.bias": np.zeros(1, "f4"), "labels": np.empty(0, "f4"),
        }  # fmt: skip
        with checkpoint.open_writer(folder / "run") as writer:
            state = {"job": job.as_json(), "rounds": [[metrics]]}
            writer.write(1, state, arrays)

    def forge(self, folder, draw):
        forge_folder(folder / "run" / "epoch-0001", "checkpoint.json", draw)

    def use(self, folder):
        opened = checkpoint.newest(folder / "run", lambda text: None)
        job = TrainingJob.from_checkpoint(opened)
        assert (folder / job.name).parent == folder
        assert read_rounds(opened.state.get("rounds"), opened.arrays)


class QueueFiles:
    """A queue of operations, as far as they are read before they are sent."""

    PAYLOADS = (
        operations.Start("an experiment", {"model": "run"}),
        operations.Begin({"units": "4"}, [Dataset("d", "training", "0", {"name": "d"})]),
        operations.Epoch({"loss": 0.5, "accuracy": 0.1}, 3, True),
        operations.Best("3", {"best/epoch": 3.0}, 3),
        operations.Arrays("a/b.npz"),
        operations.Image("projection", 2),
        operations.Table({"a": [1, "b"]}, "table.json"),
        operations.Text("a text", "a.txt"),
        operations.Tag("name", "text"),
        operations.Evaluation(
            {"test/loss": 0.5}, {"text": ["a"]}, Dataset("d", "testing", "0", {"name": "d"})
        ),
        operations.End("KILLED"),
    )

    def make(self, folder):
        queue = OfflineQueue.create(ProjectPaths(folder), uri="http://x", name="run", run_id="1")
        for payload in self.PAYLOADS:
            queue.append(payload, arrays={"0": np.ones(3), "pixels": np.ones((2, 2), "u1")})

    def forge(self, folder, draw):
        [queue] = (folder / "data" / "spool").glob("[!.]*")
        path = draw.choice(sorted(path for path in queue.rglob("*") if path.is_file()))
        (forge_json if path.suffix == ".json" else forge_file)(path, draw)

    def use(self, folder):
        for queue in list_queues(ProjectPaths(folder)):
            assert isinstance(queue.header.name, str) and isinstance(queue.run_id, str)
            for number, path in sorted(queue._folders()):
                operation = _read_operation(number, path)
                operation.arrays()
                operations.payload_to_json(operation.payload, operation.time)


class SweepFiles:
    """The plan of a sweep, its recipe and its search space."""

    def make(self, folder):
        space = search_space.load_space("default")
        sweep_plan.create_plan(
            ProjectPaths(folder), load_recipe("default"), space, name="s", trials=3, seed=1,
            experiment="e", track=True,
        )  # fmt: skip

    def forge(self, folder, draw):
        path = draw.choice(sorted((folder / "data" / "sweeps" / "s").iterdir()))
        if path.suffix == ".json":
            forge_json(path, draw)
            return
        lines = path.read_text("utf-8").splitlines()
        row = draw.randrange(len(lines))
        value = draw.choice(
            ["1e999", "-1", "nan", '"x"', "[]", "{}", "99999999999999999999", "'\0'"]
        )
        name = lines[row].partition("=")[0].strip() or "x"
        lines[row] = draw.choice([f"{name} = {value}", "", "[x]", "]", name, "a.b.c = 1"])
        path.write_text("\n".join(lines), "utf-8")

    def use(self, folder):
        plan = sweep_plan.find_plan(ProjectPaths(folder), "s")
        plan.space.check(plan.recipe)
        assert plan.folder == folder / "data" / "sweeps" / "s"


class PreparedFiles:
    """A prepared dataset, whose reviews are read."""

    def make(self, folder):
        prepare(PrepareSettings(dataset="sample"), ProjectPaths(folder))

    def forge(self, folder, draw):
        [data] = (folder / "data" / "prepared").glob("[!.]*")
        forge_folder(data, "manifest.json", draw)

    def use(self, folder):
        [path] = (folder / "data" / "prepared").glob("[!.]*")
        data = prepared.open_dataset(path)
        assert all(isinstance(line, str) for line in data.describe())
        assert data.tokenizer.encode(["a good film"]).tokens.dtype == np.int32
        for name in ("train", "test", "unsupervised"):
            split = data.split(name)
            for row in range(min(3, len(split))):
                assert isinstance(split.text(row), str)
                encoded = split.encoded
                encoded.tokens[encoded.offsets[row] : encoded.offsets[row + 1]].sum()


class PartFiles:
    """The record of an interrupted job."""

    def make(self, folder):
        part = PartialFile(folder / "out.csv", {"the input file": ["in.csv", 7, 9]})
        folder.mkdir()
        part.path.write_bytes(b"text\n")
        content = {
            "stated": {"the input file": ["in.csv", 7, 9]},
            "state": {"offset": 5, "line": 1, "tally": {"rows": 1}}, "bytes": 5,
        }  # fmt: skip
        files.write_json(part.path.with_name(f"{part.path.name}.json"), content)

    def forge(self, folder, draw):
        forge_json(next(folder.glob(".*.json")), draw)

    def use(self, folder):
        part = PartialFile(folder / "out.csv", {"the input file": ["in.csv", 7, 9]})
        state = part.state()
        if state is not None:
            part.reopen(state["bytes"]).close()
            read_progress(state)[2].add_bad_row("x", 1)


KINDS = [
    ModelFiles(), CheckpointFiles(), QueueFiles(), SweepFiles(), PreparedFiles(), PartFiles(),
]  # fmt: skip


def rounds(request):
    """Return how many forged files of a kind there are."""
    return 1700 if request.config.getoption("--slow") else 60


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
def test_a_forged_file_is_refused_by_name_or_harmless(kind, tmp_path, request):
    original, folder = tmp_path / "original", tmp_path / "forged"
    kind.make(original)
    kind.use(original)
    refused, errors = 0, {}
    for seed in range(rounds(request)):
        shutil.copytree(original, folder)
        kind.forge(folder, random.Random(seed))
        started = time.monotonic()
        try:
            kind.use(folder)
        except SentimentError as error:
            refused += 1
            assert error.fact
        except Exception as error:
            errors.setdefault(f"{type(error).__name__}: {error}"[:150], seed)
        assert time.monotonic() - started < MAX_SECONDS
        shutil.rmtree(folder)
    assert not errors
    assert refused > rounds(request) / 5
