"""Every field of every file takes hostile values: a SentimentError, or a correct use.

A few hundred forged files in every run; with --slow ten thousand. Digests fit each forged file.
"""

import copy
import io
import json
import random
import time
import tomllib
from contextlib import suppress
from dataclasses import asdict

import numpy as np
import pytest

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data import prepared
from sentiment.data.prepare import prepare
from sentiment.errors import SentimentError
from sentiment.experiments import search_space, sweep_plan
from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.partial_file import PartialFile
from sentiment.inference.scoring import _Progress
from sentiment.recipe import Recipe, load_recipe, to_toml
from sentiment.reports import comparison, run_comparison
from sentiment.tracking import history
from sentiment.tracking.offline.operations import Arrays, Begin, Epoch, Evaluation, Start
from sentiment.tracking.offline.queue import OfflineQueue, list_queues
from sentiment.tracking.offline.stored_operation import read_operation
from sentiment.tracking.run_logger import Dataset
from sentiment.training import checkpoint
from sentiment.training.job import TrainingJob
from sentiment.training.results import RoundResult
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.typed_json import typed
from tests.helpers.build import tiny_bundle
from tests.helpers.slow import SLOW
from tests.helpers.stored import add_run

COUNT = 10_000 if SLOW else 500
SECONDS = 2.0  # for one file; most take milliseconds


def nested(depth):
    return [nested(depth - 1)] if depth else []


HOSTILE = [
    None, True, False, 0, -1, 1, 10**9, 10**18, 2**63, 10**400, -(10**400), 5e-324, 1e308, 0.5,
    float("nan"), float("inf"), "", "x", "\0", "a\nb", "\ud800", "../../x", "/etc/passwd", "..",
    "x" * 10_000, "\u202e", [], {}, [[]], {"": None}, [1, 2], {"a": {"b": [None]}}, nested(40),
    nested(400), "1e999", "nan",
]  # fmt: skip


def places(content, path=()):
    """Return the path to each value in JSON, objects and lists included."""
    found = [path] if path else []
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        for key, item in items:
            found += places(item, (*path, key))
    return found


def forged(content, rng):
    """Return JSON with a value replaced, removed or under another name."""
    content = copy.deepcopy(content)
    *above, key = rng.choice(places(content))
    table = content
    for step in above:
        table = table[step]
    kind = rng.random()
    if kind < 0.8 or isinstance(table, list):
        table[key] = copy.deepcopy(rng.choice(HOSTILE))
    elif kind < 0.9:
        del table[key]
    else:
        table[rng.choice(["x", "", "\0", "../x", "a\nb", "other"])] = table.pop(key)
    return content


def forged_array(array, rng):
    """Return an array of another type, shape or content."""
    return rng.choice(
        [
            lambda: array[:0],
            lambda: array[None],
            lambda: np.array(rng.choice([0, 1.5, "x"])),
            lambda: array[::-1],
            lambda: np.asfortranarray(np.stack([array, array])),
            lambda: array.astype(rng.choice(["f8", "i8", ">f4", "U8", "c16", "?", "i1"])),
            lambda: np.full(array.shape, rng.choice([0, -1, 127])).astype(array.dtype),
            lambda: np.concatenate([array, array]),
            lambda: array.astype("f4") * np.float32(rng.choice([np.nan, np.inf, 3e38])),
        ]
    )()


def write(path, content):
    path.write_text(json.dumps(content), "utf-8")


def sealed(folder, record, content):
    """Write the record of a folder, with the digests that its files have now."""
    if isinstance(content.get("files"), dict):
        actual = files.checksums(folder)
        content["files"] = {
            name: actual.get(name, entry) if isinstance(entry, dict) else entry
            for name, entry in content["files"].items()
        }
    if "digest" in content:
        with suppress(RecursionError, ValueError):
            content = files.add_checksum(content)
    write(folder / record, content)


class Folder:
    """A folder of files whose record is JSON. Each try forges the record or an array."""

    def __init__(self, folder, record, use):
        self.folder, self.record, self._use = folder, record, use
        self.before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def try_one(self, rng):
        arrays = [path for path in self.before if path.suffix in (".npy", ".npz")]
        others = [p for p in self.before if p.suffix == ".json" and p.name != self.record]
        record = json.loads(self.before[self.folder / self.record])
        kind = rng.random()
        try:
            if arrays and kind < 0.3:
                self._forge_arrays(rng.choice(sorted(arrays)), rng)
            elif others and kind < 0.6:
                path = rng.choice(sorted(others))
                write(path, forged(json.loads(self.before[path]), rng))
            else:
                record = forged(record, rng)
            sealed(self.folder, self.record, record)
            self._use(self.folder)
        finally:
            for path, content in self.before.items():
                path.write_bytes(content)

    def _forge_arrays(self, path, rng):
        loaded = np.load(io.BytesIO(self.before[path]), allow_pickle=False)
        with suppress(ValueError, TypeError):
            if path.suffix == ".npy":
                np.save(path, forged_array(loaded, rng), allow_pickle=False)
                return
            stored = dict(loaded)
            name = rng.choice(sorted(stored))
            stored[name] = forged_array(stored[name], rng)
            np.savez(path, **stored)


def use_bundle(folder):
    found = Classifier(bundle.read(folder)).predict(["a good film", "", "bad bad heart"])
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1


def use_prepared(folder):
    data = prepared.open_dataset(folder)
    data.describe()
    for name in ("train", "test"):
        split = data.split(name)
        assert all(isinstance(split.text(row), str) for row in range(min(3, len(split))))


def use_checkpoint(folder):
    found = checkpoint.read(folder)
    job = TrainingJob.from_checkpoint(found)
    assert job.name.isprintable() and "/" not in job.name + job.folder


def use_plan(folder):
    plan = sweep_plan.find_plan(ProjectPaths(folder.parents[2]), folder.name)
    assert plan.trials > 0 and plan.experiment.isprintable()


def use_queue(folder):
    for queue in list_queues(ProjectPaths(folder.parents[2])):
        header = queue.header
        assert header.name.isprintable() and queue.run_id.isprintable()
        for number, path in queue._folders():
            operation = read_operation(number, path)
            if (path / "arrays.npz").exists():
                operation.arrays()
        queue.bundles()


def use_part(folder):
    part = PartialFile(folder / "out.csv", {"the model": "x"})
    if (state := part.state()) is not None:
        assert state["bytes"] >= 0
        with files.read_errors(part.record, hint="x"):
            typed(_Progress, state, "state")


def make_checkpoint(root):
    folder = root / "data" / "checkpoints" / "run"
    job = TrainingJob(
        "run", "sentiment", "default", True, "epoch", 1, "2026-01-01", {"dataset": "sample"},
        ModelSettings(), TrainSettings(), "sample", "sample-0000", {"train": "0"}, 300, "0123",
    )  # fmt: skip
    with checkpoint.open_writer(folder) as writer:
        writer.write(1, {"job": job.as_json(), "rounds": [[]]}, {"a": np.arange(3.0)})
    return folder / "epoch-0001"


def make_queue(root):
    queue = OfflineQueue.create(ProjectPaths(root), uri="http://x", name="run", run_id="0123")
    data = Dataset("test", "testing", "0", {"a": 1})
    queue.append(Start("sentiment", {"a": "b"}))
    queue.append(Begin({"units": "16"}, [data]))
    queue.append(Epoch({"loss": 0.5}, 1, False))
    queue.append(Arrays("a.npz"), arrays={"a": np.arange(3)})
    queue.append(Evaluation({"accuracy": 0.5}, {"text": ["a"]}, data), arrays={"p": np.ones(2)})
    return queue.folder


def make_part(root):
    folder = root / "part"
    folder.mkdir()
    (folder / ".out.csv.part").write_bytes(b"x" * 100)
    counts = {"rows": 1, "bad": 0, "named": ["a"], "blank": 0, "doubtful": 0, "doubts": []}
    counts |= {"warnings": {"short": 1}, "warned": [[1, "short"]]}
    state = {"offset": 10, "line": 2, "tally": counts}
    record = {"stated": {"the model": "x"}, "state": state, "bytes": 50}
    write(folder / ".out.csv.part.json", record)
    return folder


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    root = tmp_path_factory.mktemp("forged")
    paths = ProjectPaths(root)
    data = prepare(PrepareSettings(dataset="sample"), paths)[0]
    plan = sweep_plan.create_plan(
        paths, Recipe(), search_space.load_space("default"), name="first", trials=3, seed=0,
        experiment="sweeps", track=False,
    )  # fmt: skip
    return [
        Folder(tiny_bundle(root / "tiny").folder, "bundle.json", use_bundle),
        Folder(data.folder, "manifest.json", use_prepared),
        Folder(make_checkpoint(root), "checkpoint.json", use_checkpoint),
        Folder(plan.folder, "sweep.json", use_plan),
        Folder(make_queue(root), "spool.json", use_queue),
        Folder(make_part(root), ".out.csv.part.json", use_part),
    ]


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_any_field_of_any_file_may_be_forged(targets):
    refused, slowest, rng = 0, 0.0, random.Random(0)
    for number in range(COUNT):
        target, started = targets[number % len(targets)], time.process_time()
        try:
            target.try_one(rng)
        except SentimentError as error:
            refused += 1
            assert "\n" not in error.fact and len(error.fact) < 3000
        slowest = max(slowest, time.process_time() - started)
    print(f"{COUNT:,} forged, {refused:,} refused, the slowest took {slowest:.2f} s")
    assert slowest < SECONDS
    # Fields such as a metric's value may hold anything of their type.
    assert COUNT / 3 < refused < COUNT


def test_the_unforged_files_are_of_use(targets):
    for target in targets:
        sealed(
            target.folder, target.record, json.loads(target.before[target.folder / target.record])
        )
        target._use(target.folder)


SNAPSHOT = {
    "ids": np.array(["negation", "b"]),
    "labels": np.array([1, 0], np.int8),
    "states": np.ones((2, 3), np.float32),
    "probabilities": np.full(2, 0.5, np.float32),
    "points": np.array([[0.1, 0.2], [0.3, 0.4]], np.float32),
    "negation/words": np.array(["not", "good"]),
    "negation/points": np.ones((2, 2), np.float32),
}


def forge_snapshot(path, rng):
    """Write a snapshot with a forged array, an array under another name, or changed bytes."""
    content, arrays, name = bytearray(path.read_bytes()), dict(SNAPSHOT), rng.choice([*SNAPSHOT])
    kind = rng.random()
    if kind < 0.5:
        arrays[name] = forged_array(arrays[name], rng)
    elif kind < 0.7:
        arrays[rng.choice(["ids", "points", "../x", "a\nb"])] = arrays.pop(name)
    else:
        for _ in range(rng.randrange(1, 9)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content[: rng.randrange(len(content))] if kind > 0.9 else content)
        return
    np.savez_compressed(path, **arrays)


@pytest.fixture
def snapshot(tmp_path, monkeypatch):
    """Return a project, a run with hidden states in its store, and the file that has them."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    paths = ProjectPaths(tmp_path)
    run_id = add_run(paths, "run", losses=(0.5,), snapshot=SNAPSHOT)
    (file,) = paths.mlruns.rglob("epoch_01.npz")
    # Only the file is forged here; the curves would take most of the time.
    monkeypatch.setattr(run_comparison, "_CURVES", ())
    return paths, history.get_run(paths, run_id), file


def draw(paths, run):
    """Return a run's points on the page of `sentiment compare --html`, which must be whole."""
    compared = run_comparison._compared_run(paths, 1, run)
    assert "</html>" in comparison.page("Runs", [compared], [])
    return compared.points


def test_any_hidden_states_of_a_run_may_be_forged(snapshot):
    paths, run, file = snapshot
    assert draw(paths, run).tolist() == SNAPSHOT["points"].tolist()
    before, refused, dropped, rng = file.read_bytes(), 0, 0, random.Random(0)
    for _ in range(COUNT // 20):
        with suppress(ValueError, TypeError):  # no such array can be made
            forge_snapshot(file, rng)
        try:
            dropped += draw(paths, run) is None
        except SentimentError as error:
            refused += 1
            assert "hidden_states/epoch_01.npz of the run run can't be read" in error.fact
        file.write_bytes(before)
    assert refused > 0 and dropped > 0


@pytest.mark.parametrize("seed", range(5 if SLOW else 1))
def test_any_value_in_a_recipe_or_a_search_space_is_used_or_refused(tmp_path, seed):
    rng, path = random.Random(seed), tmp_path / "a.toml"
    recipe = tomllib.loads(to_toml(Recipe()))
    values = [
        value for value in HOSTILE if value is not None and value not in (nested(400), "\ud800")
    ]
    for _ in range(200):
        content = copy.deepcopy(recipe)
        table = rng.choice(sorted(content))
        name = rng.choice([*content[table], "x"])
        content[table][name] = rng.choice(values)
        path.write_text(as_toml(content), "utf-8")
        with suppress(SentimentError):
            assert asdict(load_recipe(str(path)))[table][name] == content[table][name]
        space = {table: {name: rng.choice([*values, [rng.choice(values)]])}}
        if rng.random() < 0.5:
            space = {table: {name: {"low": rng.choice(values), "high": rng.choice(values)}}}
        path.write_text(as_toml(space), "utf-8")
        with suppress(SentimentError):
            search_space.load_space(str(path)).check(Recipe())


def as_toml(content):
    """Return tables as TOML, with inline values."""
    lines = []
    for table, values in content.items():
        lines += [f"[{table}]", *(f"{json.dumps(k)} = {inline(v)}" for k, v in values.items())]
    return "\n".join(lines)


def inline(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=True) if value is not None else '""'


def test_the_epochs_of_a_checkpoint_are_checked():
    with pytest.raises(ValueError, match="epoch"):
        RoundResult.from_json([{"epoch": "1"}], {})
