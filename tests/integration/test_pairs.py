"""Two processes at once in one folder: both come to their end, and nothing is lost or torn."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data import prepared
from sentiment.data.prepare import prepare
from sentiment.errors import InputError, MissingFileError
from sentiment.inference import bundle, resolve
from sentiment.tracking import store
from sentiment.training import checkpoint, run_name
from sentiment.training.train import train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress
from tests.helpers.build import tiny_bundle
from tests.helpers.commands import start

SMALL = ModelSettings(units=3, embedding=4, ngrams=2, longest_review=16)
SETTINGS = TrainSettings(epochs=2, own_labels=0)
WORDS = ["--dataset", "sample", "--own-labels", "0", "--units", "4", "--longest-review", "32"]


def python(code, *words):
    """Start Python, which prints a line when it is ready."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("more", [[], ["--again"]])
def test_two_that_prepare_the_same_make_one_set(tmp_path, more):
    source = tmp_path / "many.csv"
    rows = (f"what a {'good' if n % 2 else 'bad'} film number {n},{n % 2}\n" for n in range(9_000))
    source.write_text("text,label\n" + "".join(rows))
    both = [start("prepare", "--dataset", str(source), *more, home=tmp_path) for _ in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    (folder,) = (tmp_path / "data" / "prepared").iterdir()  # and nothing aside
    found = prepared.open_dataset(folder)
    assert sum(len(found.split(name)) for name in found.splits) == 9_000


class Overtaken(Progress):
    """Lets another prepare the same while this one does."""

    def __init__(self, folders):
        self._folders = folders

    def track(self, items, what, total):
        if what == "encoding test":
            self.made = prepare(PrepareSettings(dataset="sample"), self._folders)[0]
            self.place = self.made.folder.stat().st_ino
        return items


@pytest.mark.parametrize("again", [False, True])
def test_a_set_that_may_be_read_already_stays_unless_another_is_asked_for(tmp_path, again):
    folders = ProjectPaths(tmp_path)
    progress = Overtaken(folders)
    made, new = prepare(PrepareSettings(dataset="sample"), folders, again=again, progress=progress)
    assert new and made.manifest == progress.made.manifest
    assert list(folders.prepared.iterdir()) == [made.folder]
    assert (made.folder.stat().st_ino == progress.place) is not again


def histories(folders):
    """Return for each run by its model its status and the steps of its metrics."""
    client = MlflowClient(store.tracking_uri(folders))
    found = {}
    for run in client.search_runs(["1"]):
        steps = {
            name: [point.step for point in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics
        }
        found[run.data.tags["model"]] = (run.info.status, steps)
    return found


def test_two_trainings_and_those_who_ask_them_meanwhile(tmp_path):
    # Nothing is there yet: both prepare the reviews, make the store and choose a name.
    folders = ProjectPaths(tmp_path)
    words = [*WORDS, "--no-evaluate", "--snapshots", "off"]
    both = [start("train", *words, home=tmp_path) for _ in range(2)]
    spoken = set()
    while any(process.poll() is None for process in both):
        name = resolve.resolve_model(None, folders).name
        if name not in spoken:
            spoken.add(name)
            asked = start("predict", "--quiet", "a good film", home=tmp_path)
            assert asked.communicate()[0].startswith(("positive", "negative"))
            assert asked.returncode == 0
        time.sleep(0.02)
    told = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    models = {path.name: bundle.read(path) for path in folders.models.iterdir()}
    assert len(models) == 2
    assert len(list(folders.prepared.iterdir())) == 1
    assert not [path for path in folders.checkpoints.iterdir() if path.name[0] != "."]
    found = histories(folders)
    assert found.keys() == models.keys()
    for status, steps in found.values():
        assert status == "FINISHED"
        assert steps["validation/loss"] == [1, 2] and set(map(tuple, steps.values())) == {(1, 2)}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return prepare(
        PrepareSettings(dataset="sample"), ProjectPaths(tmp_path_factory.mktemp("data"))
    )[0]


def test_a_name_that_another_trains_is_refused_until_that_one_is_dead(sample, tmp_path):
    folders = ProjectPaths(tmp_path)
    code = """
import sys
from pathlib import Path
from sentiment.training.checkpoint import open_writer
with open_writer(Path(sys.argv[1])):
    print("training", flush=True)
    sys.stdin.read()
"""
    other = python(code, folders.checkpoints / "mine")
    assert other.stdout.readline() == "training\n"
    refused = f"process {other.pid} is already training mine"
    with pytest.raises(InputError, match=refused) as raised:
        train(sample, SMALL, SETTINGS, folders, name="mine", track=False)
    assert raised.value.hint == f"wait for it, or end it: kill {other.pid}"
    other.kill()
    other.communicate()
    with checkpoint.open_writer(folders.checkpoints / "mine"):
        pass
    assert not list(folders.checkpoints.iterdir())


def test_a_name_that_another_has_finished_meanwhile_is_refused(sample, tmp_path, monkeypatch):
    folders, check, checked = ProjectPaths(tmp_path), run_name.check_run_name, []

    def finished(folders, name):
        check(folders, name)
        if not checked:
            checked.append(tiny_bundle(folders.models / name))

    monkeypatch.setattr(run_name, "check_run_name", finished)
    with pytest.raises(InputError, match="mine already exists"):
        train(sample, SMALL, SETTINGS, folders, name="mine", track=False)
    assert bundle.read(folders.models / "mine").manifest == checked[0].manifest


def test_two_names_made_in_one_second_differ(sample, tmp_path):
    code = """
import sys
from pathlib import Path
from sentiment.training import run_name as naming
from sentiment.config import ModelSettings, TrainSettings
from sentiment.utils.paths import ProjectPaths
home = ProjectPaths(Path(sys.argv[1]))
for _ in range(50):
    print(naming.claim_run_name(home, "r", "d", ModelSettings(), TrainSettings()))
"""
    racers = [python(code, tmp_path) for _ in range(3)]
    names = [name for racer in racers for name in racer.communicate()[0].split()]
    assert len(names) == len(set(names)) == 150


class Meanwhile(Progress):
    """Does something once the first epoch is over."""

    def __init__(self, act):
        self._act = act

    def epoch(self, report):
        if report.epoch == 1:
            self._act()


def test_a_training_goes_on_while_its_data_is_prepared_again(tmp_path):
    folders = ProjectPaths(tmp_path)
    data, _ = prepare(PrepareSettings(dataset="sample"), folders)
    before = data.folder.stat().st_ino

    def again():
        words = ["prepare", "--dataset", "sample", "--again"]
        assert start(*words, home=tmp_path).wait(timeout=60) == 0
        assert data.folder.stat().st_ino != before

    # With a round that is to come, which reads what has taken the place of the data.
    settings = TrainSettings(epochs=1, own_labels=1)
    made = train(data, SMALL, settings, folders, track=False, progress=Meanwhile(again))
    assert len(made.epochs) == 2 and bundle.read(made.folder).name == made.name


REPLACE = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tests.helpers.build import tiny_bundle
print("ready", flush=True)
for number in range(1, 100):
    tiny_bundle(Path(sys.argv[1]), seed=number % 2)
"""


def test_who_reads_a_model_that_is_replaced_gets_the_one_or_the_other(tmp_path):
    # As a training does that goes on after Ctrl-C, when the model of before it is there.
    whole = {}
    for seed in range(2):
        made = tiny_bundle(tmp_path / "of" / f"{seed}", seed=seed)
        whole[made.manifest.created] = (made.embedding.tobytes(), made.weights)
    place = tmp_path / "models" / "model"
    tiny_bundle(place)
    writer, read = python(REPLACE, place, Path(__file__).parents[2]), 0
    assert writer.stdout.readline() == "ready\n"
    while writer.poll() is None:
        try:
            opened = bundle.read(place)
        except MissingFileError:
            continue  # the instant between two renames
        embedding, weights = whole[opened.manifest.created]
        assert opened.embedding.tobytes() == embedding
        assert all((opened.weights[name] == array).all() for name, array in weights.items())
        read += 1
    assert writer.returncode == 0, writer.stderr.read()
    assert read > 50


LOG = """
import sys
from pathlib import Path
from sentiment.utils.paths import ProjectPaths
from sentiment.tracking.offline import logging as delivery
from sentiment.tracking import run as runs
home, model, number = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
used = [runs.Dataset(f"the same {n}", "training", "0" * 64, {}) for n in range(20)]
begins = delivery.RunStart("many", number, {"seed": number}, used)
with delivery.track_run(ProjectPaths(Path(home)), begins, print) as run:
    for step in range(1, 6):
        values = {f"validation/{n}": int(number) + step + n / 100 for n in range(40)}
        run.log_epoch(values, step, Path(model))
"""


def test_of_four_that_log_at_once_none_loses_a_metric(tmp_path):
    model = tiny_bundle(tmp_path / "bundle").folder
    four = [python(LOG, tmp_path, model, 1000 * number) for number in range(1, 5)]
    for process in four:
        assert process.stdout.readline() == "ready\n"
    # All at once, into a store that is not there yet.
    for process in four:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=300)[1] for process in four]
    assert [process.returncode for process in four] == [0, 0, 0, 0], told
    client = MlflowClient(store.tracking_uri(ProjectPaths(tmp_path)))
    (experiment,) = client.search_experiments(filter_string="name = 'many'")
    found = client.search_runs([experiment.experiment_id])
    assert sorted(run.data.params["seed"] for run in found) == ["1000", "2000", "3000", "4000"]
    for run in found:
        assert run.info.status == "FINISHED" and len(run.data.metrics) == 40
        begin = int(run.data.params["seed"])
        for n in range(40):
            points = client.get_metric_history(run.info.run_id, f"validation/{n}")
            values = [(point.step, point.value) for point in points]
            assert values == [(step, begin + step + n / 100) for step in range(1, 6)]


@pytest.mark.slow  # two starts of TensorFlow
def test_of_two_trainings_of_one_name_one_is_refused(tmp_path):
    both = [start("train", *WORDS, "--name", "same", home=tmp_path) for _ in range(2)]
    told = [process.communicate(timeout=300) for process in both]
    assert sorted(process.returncode for process in both) == [0, 1], told
    refused = next(told[n][1] for n, process in enumerate(both) if process.returncode)
    assert refused.startswith("Error: ")
    assert "is already training same" in refused or "the training same has started" in refused
    assert refused.count("Error: ") == 1 and "Try: " in refused
    assert bundle.read(tmp_path / "data" / "models" / "same").name == "same"
    assert not checkpoint.exists(tmp_path / "data" / "checkpoints" / "same")
    (status, _) = histories(ProjectPaths(tmp_path))["same"]
    assert status == "FINISHED"


@pytest.mark.slow  # a start of MLflow a second
def test_promoting_and_asking_while_a_training_ends(tmp_path):
    assert start("train", *WORDS, "--name", "first", home=tmp_path).wait() == 0
    second = start("train", *WORDS, "--name", "second", home=tmp_path)
    told = []
    while second.poll() is None:
        promoted = start("promote", home=tmp_path)
        asked = start("predict", "--model", "models:/sentiment@champion", "good", home=tmp_path)
        for process in (promoted, asked):
            told.append(process.communicate(timeout=120)[1])
            assert "Traceback" not in told[-1]
            assert process.returncode == 0 or "\nTry: " in told[-1], told[-1]
    assert second.returncode == 0, second.communicate()
    assert len(told) > 2
    assert start("promote", "second", home=tmp_path).wait() == 0
