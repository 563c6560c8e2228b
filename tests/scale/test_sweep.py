"""Settings tried side by side: every trial once, whatever is killed, and the best one's recipe."""

import os
import signal
import time
import tomllib
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sentiment import recipe
from sentiment.experiments import search_space, study, sweep_plan
from sentiment.tracking import store
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import EpochMetrics
from tests.helpers.commands import interrupt, start
from tests.helpers.executors import executors, with_children

SPACE = """
[model]
units = [2, 4]
dropout = { low = 0.0, high = 0.9 }
[train]
learning_rate = { low = 0.0001, high = 0.05, log = true }
"""
RECIPE = """
[prepare]
dataset = "sample"
[model]
units = 4
embedding = 4
bidirectional = false
[train]
epochs = 6
own_labels = 0
"""


def sweep(home, *words, **environment):
    (home / "space.toml").write_text(SPACE)
    (home / "recipe.toml").write_text(RECIPE)
    given = ["--space", home / "space.toml", "--recipe", home / "recipe.toml", "--name", "s"]
    return start("sweep", *map(str, given), *words, home=home, **environment)


def ended(process, status=0):
    said, errors = process.communicate(timeout=300)
    assert process.returncode == status, errors
    assert "Traceback" not in errors, errors
    return said + errors


def trials(home):
    found = sweep_plan.find_plan(ProjectPaths(home), "s")
    return study.open_study(found.journal, found.space, 0).trials()


def runs(home):
    """Return the run of the sweep and those of its trials, by number."""
    client = MlflowClient(store.tracking_uri(ProjectPaths(home)))
    number = client.get_experiment_by_name("sentiment-sweeps").experiment_id
    found = client.search_runs([number])
    (parent,) = (run for run in found if "mlflow.parentRunId" not in run.data.tags)
    rest = [run for run in found if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in rest} == {parent.info.run_id}
    return client, parent, {int(run.data.tags["trial"]): run for run in rest}


def workers(process):
    """Return the process ids of those who run trials."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            words = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == process.pid and b"spawn_main" in words:
            found.append(int(path.parent.name))
    return found


def until(process, what):
    """Read what a process says up to a line with `what`."""
    for line in process.stdout:
        if what in line:
            return
    pytest.fail(process.communicate()[1])


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of nine trials by two processes, of which one is killed in mid-work."""
    home = tmp_path_factory.mktemp("swept")
    process = sweep(home, "--trials", "9", "--jobs", "2")
    until(process, "trial ")
    os.kill(workers(process)[0], signal.SIGKILL)
    return home, ended(process)


def test_a_trial_whose_process_is_killed_is_tried_again(swept):
    home, said = swept
    assert said.count("its process has ended; its settings are tried again") == 1
    found = trials(home)
    (lost,) = (trial for trial in found if trial.state == study.FAILED)
    again = [trial for trial in found if trial.values == lost.values and trial is not lost]
    assert len(again) == 1 and again[0].state in (study.COMPLETE, study.PRUNED)
    assert len(found) == 9 + 1  # exactly: the one that was lost does not count


def test_the_settings_that_the_recipe_has_are_tried_first(swept):
    own = {"units": 4, "dropout": recipe.Recipe().model.dropout}
    first = trials(swept[0])[0].values
    assert {name: first[name] for name in own} == own


def test_every_trial_is_a_run_nested_in_that_of_the_sweep(swept):
    client, parent, found = runs(swept[0])
    told = trials(swept[0])
    assert found.keys() == {trial.number for trial in told}
    assert parent.info.status == "FINISHED"
    for trial in told:
        run = found[trial.number]
        lost = trial.state == study.FAILED
        assert run.info.status == ("KILLED" if lost else "FINISHED")  # pruned is not FAILED
        assert ("pruned" in run.data.tags) == (trial.state == study.PRUNED)
        assert {name: str(value) for name, value in trial.values.items()} == {
            name: run.data.params[name] for name in trial.values
        }
        losses = client.get_metric_history(run.info.run_id, "validation/loss")
        assert {point.step: point.value for point in losses} == pytest.approx(trial.losses)


def test_the_best_trial_is_a_recipe_that_training_takes(swept):
    home, said = swept
    best = min(
        (trial for trial in trials(home) if trial.loss is not None), key=lambda trial: trial.loss
    )
    path = home / "data" / "sweeps" / "s" / "s.toml"
    stated = tomllib.loads(path.read_text())
    for (table, name), _ in search_space.parse(SPACE, "").settings.items():
        assert stated[table][name] == best.values[name]
    assert stated["train"]["epochs"] == 6
    assert f"sentiment train --recipe {path}" in said
    trained = start("train", "--recipe", str(path), "--no-track", "--no-evaluate", home=home)
    ended(trained)
    client, parent, _ = runs(home)
    kept = [item.path for item in client.list_artifacts(parent.info.run_id)]
    assert "s.toml" in kept and parent.data.tags["best_trial"] == str(best.number)
    images = {item.path for item in client.list_artifacts(parent.info.run_id, "images")}
    for picture in ("history", "parallel_coordinates", "importance"):
        assert any(f"images/{picture}+" in path for path in images), images
    shares = [value for name, value in parent.data.metrics.items() if name[:11] == "importance/"]
    assert len(shares) == 3 and sum(shares) == pytest.approx(1)


def test_an_interrupted_sweep_goes_on_in_its_run_to_the_number_of_trials(tmp_path):
    process = sweep(tmp_path, "--trials", "4")
    until(process, "trial 0")
    said, errors = interrupt(process)
    assert process.returncode == 130 and "Traceback" not in errors
    assert "Try: sentiment sweep --resume s" in said + errors
    assert not workers(process)
    assert runs(tmp_path)[1].info.status == "KILLED"
    ended(start("sweep", "--resume", "s", home=tmp_path))
    found = trials(tmp_path)
    assert len([trial for trial in found if trial.state != study.FAILED]) == 4
    _, parent, nested = runs(tmp_path)
    assert parent.info.status == "FINISHED" and len(nested) == len(found)
    assert not [run for run in nested.values() if run.info.status == "RUNNING"]


def test_a_sweep_that_is_killed_leaves_nothing_behind_that_runs(tmp_path):
    process = sweep(tmp_path, "--trials", "50", "--no-track")
    until(process, "trial 0")
    mine = workers(process)
    process.kill()
    process.communicate(timeout=60)
    end = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in mine):
        assert time.monotonic() < end
        time.sleep(0.2)
    ended(start("sweep", "--resume", "last", "--trials", "2", home=tmp_path))
    assert len([trial for trial in trials(tmp_path) if trial.state != study.FAILED]) >= 2


def test_the_time_is_bounded_and_a_name_taken_once(tmp_path):
    said = ended(sweep(tmp_path, "--minutes", "0", "--no-track"))
    assert "No trial has finished" in said
    assert "s is there already" in ended(sweep(tmp_path), status=1)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[model]\nunits = 3", "units needs a list of choices"),
        ("[model]\nunit = [3]", "unit is no setting"),
        ("[model]\nunits = [3, -1]", "the search space: "),
        ("[other]\nunits = [3]", "other is none of the tables"),
        ("units", "is not TOML"),
        ("[train]\nlearning_rate = { low = 0, high = 1, log = true }", "low must be above 0"),
    ],
)
def test_a_space_that_makes_no_sense_is_one_message(text, fault, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    said = ended(start("sweep", "--space", str(path), home=tmp_path), status=1)
    assert fault in said and "Try: sentiment sweep --show-space" in said


def test_without_optuna_one_message_says_what_to_install(tmp_path):
    (tmp_path / "optuna.py").write_text("raise ImportError")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    said = ended(start("sweep", home=tmp_path, PYTHONPATH=paths), status=1)
    assert 'Try: pip install "sentiment[sweep]"' in said


def test_settings_that_end_their_process_twice_are_given_up(tmp_path):
    found = study.open_study(tmp_path / "journal", search_space.parse(SPACE, ""), 0)
    first = found.ask()
    assert found.give_back(first.number) and found.waiting == 1
    second = found.ask()
    assert second.values == first.values and found.running() == [second.number]
    assert not found.give_back(second.number) and found.waiting == 0


def test_an_objective_reports_each_epoch_and_ends_where_it_is_hopeless(tmp_path):
    optuna = study.import_optuna()
    kept = optuna.create_study(sampler=study.sampler(0, lie=False), pruner=study.pruner())
    heard = []

    def train(values, hopeless):
        heard.append(values)
        # As good as the others at first, in the last one worse than all of them.
        for epoch in (1, 2, 3):
            report = EpochMetrics(epoch, 3, 1.0, 1.0, 0.0, 0.0, float(len(heard)), 0.0, best=False)
            if hopeless(report):
                return None
        return float(len(heard))

    kept.optimize(study.objective(search_space.parse(SPACE, ""), train), n_trials=8)
    found = study.Study(kept, search_space.parse(SPACE, "")).trials()
    assert [trial.values for trial in found] == heard
    assert {trial.state for trial in found[:5]} == {study.COMPLETE}
    assert {trial.state for trial in found[5:]} == {study.PRUNED}
    assert all(list(trial.losses.values()) == [trial.loss] * 3 for trial in found[:5])


def test_trials_on_a_cluster_are_runs_of_the_sweep(tmp_path):
    process = sweep(tmp_path, "--trials", "4", "--jobs", "2", "--master", "local-cluster[2,1,1024]")
    said = ended(process)
    client = MlflowClient(store.tracking_uri(ProjectPaths(tmp_path)))
    number = client.get_experiment_by_name("sentiment-sweeps").experiment_id
    found = client.search_runs([number])
    (parent,) = (run for run in found if "mlflow.parentRunId" not in run.data.tags)
    nested = [run for run in found if run is not parent]
    assert len(nested) == 4 and parent.info.status == "FINISHED"
    assert {run.data.tags["mlflow.parentRunId"] for run in nested} == {parent.info.run_id}
    assert {run.info.status for run in nested} <= {"FINISHED", "KILLED"}
    losses = [run.data.metrics["value"] for run in nested if run.info.status == "FINISHED"]
    assert parent.data.metrics["validation/lowest_loss"] == pytest.approx(min(losses))
    path = tmp_path / "data" / "sweeps" / "s" / "s.toml"
    assert f"validation loss {min(losses):.4f}" in path.read_text()
    assert f"sentiment train --recipe {path}" in said


def test_a_sweep_on_a_cluster_outlives_an_executor(tmp_path):
    before, client = set(executors()), MlflowClient(store.tracking_uri(ProjectPaths(tmp_path)))
    process = sweep(tmp_path, "--trials", "3", "--jobs", "2", "--master", "local-cluster[2,1,1024]")

    def nested():
        found = client.get_experiment_by_name("sentiment-sweeps")
        runs = client.search_runs([found.experiment_id]) if found else []
        return [run for run in runs if "mlflow.parentRunId" in run.data.tags]

    # The first trial is tried alone. Killed is whoever has begun one after it.
    while not [run for run in nested() if run.info.status == "RUNNING" and len(nested()) > 1]:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    for pid in with_children(sorted(set(executors()) - before)[0]):
        os.kill(pid, signal.SIGKILL)
    ended(process)
    statuses = [run.info.status for run in nested()]
    assert sum(status in ("FINISHED", "KILLED") for status in statuses) >= 3  # those pruned too
    assert set(statuses) <= {"FINISHED", "KILLED", "FAILED"}
