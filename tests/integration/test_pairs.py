"""Two processes at once in one project: both finish, and nothing is lost or half written."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data import prepared
from sentiment.data.prepare import prepare
from sentiment.errors import InputError, MissingFileError
from sentiment.inference import bundle, resolve
from sentiment.inference.trained_models import newest_model
from sentiment.recipe import default_recipe
from sentiment.tracking import store
from sentiment.training import checkpoint, run_name
from sentiment.training.train import train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress
from tests.helpers.build import tiny_bundle
from tests.helpers.commands import ALONE, start

SMALL = ModelSettings(units=3, embedding=4, ngrams=2, longest_review=16)
SETTINGS = TrainSettings(epochs=2, own_labels=0)
WORDS = [*ALONE, "--dataset", "sample", "--own-labels", "0"]
WORDS += ["--units", "4", "--longest-review", "32"]


def start_python(code, *arguments):
    """Start Python with `code`, its streams connected to pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("options", [[], ["--again"]])
def test_two_processes_that_prepare_the_same_dataset_write_one(tmp_path, options):
    source = tmp_path / "many.csv"
    rows = (f"what a {'good' if n % 2 else 'bad'} film number {n},{n % 2}\n" for n in range(9_000))
    source.write_text("text,label\n" + "".join(rows))
    words = ["prepare", "--dataset", str(source), *options]
    processes = [start(*words, home=tmp_path) for _ in range(2)]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    (folder,) = (tmp_path / "data" / "prepared").iterdir()  # and no temporary files
    dataset = prepared.open_dataset(folder)
    assert sum(len(dataset.split(name)) for name in dataset.splits) == 9_000


class PreparedMeanwhile(Progress):
    """Prepares the same dataset while it is being prepared."""

    def __init__(self, paths):
        self._paths = paths

    def track(self, items, what, total):
        if what == "encoding test":
            self.other = prepare(PrepareSettings(dataset="sample"), self._paths)[0]
            self.inode = self.other.folder.stat().st_ino
        return iter(items)


@pytest.mark.parametrize("again", [False, True])
def test_a_dataset_that_appears_meanwhile_stays_unless_a_new_one_is_requested(tmp_path, again):
    paths = ProjectPaths(tmp_path)
    progress = PreparedMeanwhile(paths)
    settings = PrepareSettings(dataset="sample")
    dataset, is_new = prepare(settings, paths, again=again, progress=progress)
    assert is_new and dataset.manifest == progress.other.manifest
    assert list(paths.prepared.iterdir()) == [dataset.folder]
    assert (dataset.folder.stat().st_ino == progress.inode) is not again


def logged_runs(paths):
    """Return the status of each run and the steps of its metrics, by the name of its model."""
    client = MlflowClient(store.tracking_uri(paths))
    runs = {}
    for run in client.search_runs(["1"]):
        steps = {
            name: [point.step for point in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics
        }
        runs[run.data.tags["model"]] = (run.info.status, steps)
    return runs


def test_two_trainings_at_once_and_predictions_meanwhile(tmp_path):
    # The project is empty: both prepare the reviews, create the store and choose a name.
    paths = ProjectPaths(tmp_path)
    words = [*WORDS, "--no-evaluate", "--snapshots", "off"]
    trainings = [start("train", *words, home=tmp_path) for _ in range(2)]
    used = set()
    while any(process.poll() is None for process in trainings):
        newest = newest_model(paths.models, small=True)
        name = resolve.resolve_model(newest and newest.folder.name, paths).name
        if name not in used:
            used.add(name)
            predicting = start("predict", "--quiet", "--model", name, "a good film", home=tmp_path)
            assert predicting.communicate()[0].startswith(("positive", "negative"))
            assert predicting.returncode == 0
        time.sleep(0.02)
    outputs = [process.communicate() for process in trainings]
    assert [process.returncode for process in trainings] == [0, 0], outputs
    models = {path.name: bundle.read(path) for path in paths.models.iterdir()}
    assert len(models) == 2
    assert len(list(paths.prepared.iterdir())) == 1
    assert not [path for path in paths.checkpoints.iterdir() if path.name[0] != "."]
    runs = logged_runs(paths)
    assert runs.keys() == models.keys()
    for status, steps in runs.values():
        assert status == "FINISHED"
        assert steps["validation/loss"] == [1, 2] and all(
            logged == [1, 2] for name, logged in steps.items() if not name.startswith("best/")
        )


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    paths = ProjectPaths(tmp_path_factory.mktemp("data"))
    return prepare(PrepareSettings(dataset="sample"), paths)[0]


def test_a_name_that_another_process_trains_is_refused_until_that_process_ends(sample, tmp_path):
    paths = ProjectPaths(tmp_path)
    code = """
import sys
from pathlib import Path
from sentiment.training.checkpoint import open_writer
with open_writer(Path(sys.argv[1])):
    print("training", flush=True)
    sys.stdin.read()
"""
    other = start_python(code, paths.checkpoints / "mine")
    assert other.stdout.readline() == "training\n"
    with pytest.raises(InputError, match=f"process {other.pid} is already training mine") as caught:
        train(sample, SMALL, SETTINGS, paths, name="mine", track=False)
    assert caught.value.hint == f"wait for it, or end it: kill {other.pid}"
    other.kill()
    other.communicate()
    with checkpoint.open_writer(paths.checkpoints / "mine"):
        pass
    assert not list(paths.checkpoints.iterdir())


def test_a_name_that_another_process_finishes_meanwhile_is_refused(sample, tmp_path, monkeypatch):
    paths, check, finished = ProjectPaths(tmp_path), run_name.check_run_name, []

    def check_and_finish(paths, name):
        """Check a name, and write its model right after the first check."""
        check(paths, name)
        if not finished:
            finished.append(tiny_bundle(paths.models / name))

    monkeypatch.setattr(run_name, "check_run_name", check_and_finish)
    with pytest.raises(InputError, match="mine already exists"):
        train(sample, SMALL, SETTINGS, paths, name="mine", track=False)
    assert bundle.read(paths.models / "mine").manifest == finished[0].manifest


def test_names_chosen_at_once_differ(sample, tmp_path):
    code = """
import sys
from pathlib import Path
from sentiment.config import ModelSettings, TrainSettings
from sentiment.training.run_name import claim_run_name
from sentiment.utils.paths import ProjectPaths
paths = ProjectPaths(Path(sys.argv[1]))
for _ in range(50):
    print(claim_run_name(paths, "r", "d", ModelSettings(), TrainSettings()))
"""
    processes = [start_python(code, tmp_path) for _ in range(3)]
    names = [name for process in processes for name in process.communicate()[0].split()]
    assert len(names) == len(set(names)) == 150


class AfterFirstEpoch(Progress):
    """Calls a function after the first epoch."""

    def __init__(self, function):
        self._function = function

    def epoch(self, report):
        if report.epoch == 1:
            self._function()


def test_a_training_goes_on_while_its_data_is_prepared_again(tmp_path):
    paths = ProjectPaths(tmp_path)
    # As the command prepares it: other settings would give another folder.
    data, _ = prepare(replace(default_recipe().prepare, dataset="sample"), paths)
    before = data.folder.stat().st_ino

    def prepare_again():
        assert start("prepare", "--dataset", "sample", "--again", home=tmp_path).wait() == 0
        assert data.folder.stat().st_ino != before

    # The second round reads the new files.
    settings = TrainSettings(epochs=1, own_labels=1)
    progress = AfterFirstEpoch(prepare_again)
    trained = train(data, SMALL, settings, paths, track=False, progress=progress)
    assert len(trained.epochs) == 2 and bundle.read(trained.folder).name == trained.name


REPLACE = """
import itertools
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tests.helpers.build import tiny_bundle
print("ready", flush=True)
for number in itertools.count(1):
    tiny_bundle(Path(sys.argv[1]), seed=number % 2)
"""


def test_a_model_that_is_replaced_while_it_is_read_is_the_old_or_the_new_one(tmp_path):
    # A resumed training replaces the model that was saved at the interruption.
    expected = {}
    for seed in range(2):
        model = tiny_bundle(tmp_path / "expected" / f"{seed}", seed=seed)
        expected[model.manifest.created] = (model.embedding.tobytes(), model.weights)
    path = tmp_path / "models" / "model"
    tiny_bundle(path)
    writer = start_python(REPLACE, path, Path(__file__).parents[2])
    assert writer.stdout.readline() == "ready\n"
    read = []
    while len(read) < 60 or len(set(read)) < 2:
        assert writer.poll() is None, writer.stderr.read()
        try:
            model = bundle.read(path)
        except MissingFileError:
            continue  # the moment between two renames
        embedding, weights = expected[model.manifest.created]
        assert model.embedding.tobytes() == embedding
        assert all((model.weights[name] == array).all() for name, array in weights.items())
        read.append(model.manifest.created)
    writer.kill()
    writer.communicate()


LOG = """
import sys
from pathlib import Path
from sentiment.tracking.offline import tracker
from sentiment.tracking.run_logger import Dataset
from sentiment.utils.paths import ProjectPaths
home, model, number = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
datasets = [Dataset(f"the same {n}", "training", "0" * 64, {}) for n in range(20)]
start = tracker.RunStart("many", number, {"seed": number}, datasets)
with tracker.track_run(ProjectPaths(Path(home)), start, print) as run:
    for step in range(1, 6):
        values = {f"validation/{n}": int(number) + step + n / 100 for n in range(40)}
        run.log_epoch(values, step, Path(model))
"""


def test_four_processes_that_log_at_once_lose_no_metric(tmp_path):
    model = tiny_bundle(tmp_path / "bundle").folder
    processes = [start_python(LOG, tmp_path, model, 1000 * number) for number in range(1, 5)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    # All at once, and the store does not exist yet.
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], errors
    client = MlflowClient(store.tracking_uri(ProjectPaths(tmp_path)))
    (experiment,) = client.search_experiments(filter_string="name = 'many'")
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.data.params["seed"] for run in runs) == ["1000", "2000", "3000", "4000"]
    for run in runs:
        assert run.info.status == "FINISHED" and len(run.data.metrics) == 40
        seed = int(run.data.params["seed"])
        for n in range(40):
            points = client.get_metric_history(run.info.run_id, f"validation/{n}")
            values = [(point.step, point.value) for point in points]
            assert values == [(step, seed + step + n / 100) for step in range(1, 6)]


@pytest.mark.slow  # two starts of TensorFlow
def test_of_two_trainings_with_one_name_one_is_refused(tmp_path):
    processes = [start("train", *WORDS, "--name", "same", home=tmp_path) for _ in range(2)]
    outputs = [process.communicate() for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 1], outputs
    errors = next(outputs[n][1] for n, process in enumerate(processes) if process.returncode)
    assert errors.startswith("Error: ")
    assert "is already training same" in errors or "the training same has started" in errors
    assert errors.count("Error: ") == 1 and "Try: " in errors
    assert bundle.read(tmp_path / "data" / "models" / "same").name == "same"
    assert not checkpoint.exists(tmp_path / "data" / "checkpoints" / "same")
    (status, _) = logged_runs(ProjectPaths(tmp_path))["same"]
    assert status == "FINISHED"


@pytest.mark.slow  # a start of MLflow a second
def test_promoting_and_predicting_while_a_training_ends(tmp_path):
    assert start("train", *WORDS, "--name", "first", home=tmp_path).wait() == 0
    second = start("train", *WORDS, "--name", "second", home=tmp_path)
    errors = []
    while second.poll() is None:
        promoting = start("promote", home=tmp_path)
        champion = "models:/sentiment@champion"
        predicting = start("predict", "--model", champion, "good", home=tmp_path)
        for process in (promoting, predicting):
            errors.append(process.communicate()[1])
            assert "Traceback" not in errors[-1]
            assert process.returncode == 0 or "\nTry: " in errors[-1], errors[-1]
    assert second.returncode == 0, second.communicate()
    assert len(errors) > 2
    assert start("promote", "second", home=tmp_path).wait() == 0
