"""Sweeps: trials in several processes, killed processes, resuming, and the best recipe."""

import os
import signal
import time
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sentiment.experiments import search_space, study, sweep_plan
from sentiment.recipe import Recipe
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
KILLED = "its process was killed, perhaps because memory ran out"
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
teacher = "off"
members = 1
sentence_members = 0
"""


def sweep(home, *words, **environment):
    (home / "space.toml").write_text(SPACE)
    (home / "recipe.toml").write_text(RECIPE)
    given = ["--space", home / "space.toml", "--recipe", home / "recipe.toml", "--name", "s"]
    return start("sweep", *map(str, given), *words, home=home, **environment)


def wait(process, status=0):
    """Wait until a process exits with `status`; return its output."""
    output, errors = process.communicate(timeout=300)
    assert process.returncode == status, errors
    assert "Traceback" not in errors, errors
    return output + errors


def read_trials(home):
    plan = sweep_plan.find_plan(ProjectPaths(home), "s")
    return study.open_study(plan.journal, plan.space, 0).trials()


def read_runs(home):
    """Return a client, the run of the sweep, and those of its trials by number."""
    client = MlflowClient(store.tracking_uri(ProjectPaths(home)))
    experiment = client.get_experiment_by_name("sentiment-sweeps")
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    nested = [run for run in runs if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in nested} == {parent.info.run_id}
    return client, parent, {int(run.data.tags["trial"]): run for run in nested}


def workers(process):
    """Return the ids of the processes that run trials."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            command = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == process.pid and b"spawn_main" in command:
            pids.append(int(path.parent.name))
    return pids


def read_until(process, text):
    """Read the output of a process up to a line with `text`."""
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(process.communicate()[1])


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of nine trials by two processes, one of which is killed during a trial."""
    home = tmp_path_factory.mktemp("swept")
    process = sweep(home, "--trials", "9", "--jobs", "2")
    read_until(process, "trial ")
    os.kill(workers(process)[0], signal.SIGKILL)
    return home, wait(process)


def test_a_trial_whose_process_is_killed_is_retried(swept):
    home, output = swept
    assert output.count(f"{KILLED}; its settings will be retried") == 1
    trials = read_trials(home)
    (lost,) = (trial for trial in trials if trial.state == study.FAILED)
    retries = [trial for trial in trials if trial.values == lost.values and trial is not lost]
    assert len(retries) == 1 and retries[0].state in (study.COMPLETE, study.PRUNED)
    assert len(trials) == 9 + 1  # the lost trial does not count


def test_a_sweep_whose_processes_are_all_killed_ends_and_can_resume(tmp_path):
    process, killed = sweep(tmp_path, "--trials", "2", "--jobs", "2"), set()
    while process.poll() is None:
        for pid in set(workers(process)) - killed:
            time.sleep(0.5)  # it may have a trial by now
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        time.sleep(0.02)
    output = wait(process, status=1)
    assert output.count(f"{KILLED}; its settings will be retried") == 2
    assert output.count(f"{KILLED}; this was its second attempt") == 2
    words = ["sweep", "--resume", "s", "--trials", "4", "--jobs", "1"]
    assert output.endswith(
        "Error: none of the 4 trials of s has finished.\n"
        f"Try: sentiment {' '.join(words)}, which tries other settings\n"
    )
    assert read_runs(tmp_path)[1].info.status == "FINISHED"
    assert "Best trial" in wait(start(*words, home=tmp_path))


def test_the_settings_of_the_recipe_are_tried_first(swept):
    expected = {"units": 4, "dropout": Recipe().model.dropout}
    first = read_trials(swept[0])[0].values
    assert {name: first[name] for name in expected} == expected


def test_every_trial_is_a_run_nested_in_that_of_the_sweep(swept):
    client, parent, runs = read_runs(swept[0])
    trials = read_trials(swept[0])
    assert runs.keys() == {trial.number for trial in trials}
    assert parent.info.status == "FINISHED"
    for trial in trials:
        run = runs[trial.number]
        lost = trial.state == study.FAILED
        assert run.info.status == ("KILLED" if lost else "FINISHED")  # pruned is not FAILED
        assert ("pruned" in run.data.tags) == (trial.state == study.PRUNED)
        assert {name: str(value) for name, value in trial.values.items()} == {
            name: run.data.params[name] for name in trial.values
        }
        losses = client.get_metric_history(run.info.run_id, "validation/loss")
        assert {point.step: point.value for point in losses} == pytest.approx(trial.losses)


def test_the_best_trial_is_a_recipe_for_training(swept):
    home, output = swept
    complete = [trial for trial in read_trials(home) if trial.loss is not None]
    best = min(complete, key=lambda trial: trial.loss)
    path = home / "data" / "sweeps" / "s" / "s.toml"
    content = tomllib.loads(path.read_text())
    for table, name in search_space.parse(SPACE, "").settings:
        assert content[table][name] == best.values[name]
    assert content["train"]["epochs"] == 6
    assert f"sentiment train --recipe {path}" in output
    wait(start("train", "--recipe", str(path), "--no-track", "--no-evaluate", home=home))
    client, parent, _ = read_runs(home)
    artifacts = [item.path for item in client.list_artifacts(parent.info.run_id)]
    assert "s.toml" in artifacts and parent.data.tags["best_trial"] == str(best.number)
    images = {item.path for item in client.list_artifacts(parent.info.run_id, "images")}
    for name in ("history", "parallel_coordinates", "importance"):
        assert any(f"images/{name}+" in path for path in images), images
    shares = [value for name, value in parent.data.metrics.items() if name[:11] == "importance/"]
    assert len(shares) == 3 and sum(shares) == pytest.approx(1)


def test_an_interrupted_sweep_resumes_in_its_run_up_to_its_number_of_trials(tmp_path):
    process = sweep(tmp_path, "--trials", "5")
    read_until(process, "trial 1:")
    output, errors = interrupt(process)
    assert process.returncode == 130 and "Traceback" not in errors
    assert "Try: sentiment sweep --resume s" in output + errors
    assert not workers(process)
    assert read_runs(tmp_path)[1].info.status == "KILLED"
    wait(start("sweep", "--resume", "s", home=tmp_path))
    trials = read_trials(tmp_path)
    finished = [trial for trial in trials if trial.state != study.FAILED]
    assert len(finished) == 5
    assert len({tuple(trial.values.items()) for trial in finished}) == 5  # none is drawn again
    _, parent, nested = read_runs(tmp_path)
    assert parent.info.status == "FINISHED" and len(nested) == len(trials)
    assert not [run for run in nested.values() if run.info.status == "RUNNING"]


def test_a_resumed_study_draws_other_settings_than_before(tmp_path):
    space = search_space.parse(SPACE, "")
    drawn = []
    for part in range(4):
        opened = study.open_study(tmp_path / "journal", space, seed=7)
        for _ in range(2):
            trial = opened.ask()
            drawn.append(trial.values)
            opened.tell(trial.number, study.COMPLETE, 0.5 + part)
    assert len({tuple(values.items()) for values in drawn}) == len(drawn) == 8
    assert opened.ask().number == 8  # no trial had to be dropped
    again = study.open_study(tmp_path / "other", space, seed=7)
    assert again.ask().values == drawn[0]  # the seed still decides


def test_settings_that_were_tried_are_drawn_anew_while_there_are_others(tmp_path):
    space = search_space.parse("[model]\nunits = [2, 4]\nlayers = [1, 2, 3]", "")
    opened = study.open_study(tmp_path / "journal", space, seed=0)
    opened.enqueue({"units": 2, "layers": 2})
    trials = []
    for _ in range(6):
        trials.append(opened.ask())
        opened.tell(trials[-1].number, study.COMPLETE, 0.5)
    assert len({tuple(trial.values.items()) for trial in trials}) == 6
    assert [trial.same_as for trial in trials] == [None] * 6
    assert [trial.values for trial in opened.trials()] == [trial.values for trial in trials]
    assert opened.needs_trial(7) and not opened.needs_trial(6)
    repeated = opened.ask()
    (first,) = (trial for trial in trials if trial.values == repeated.values)
    assert repeated.same_as == first.number
    assert opened.running() == [repeated.number]


def test_a_trial_says_that_it_repeats_the_settings_of_another(tmp_path):
    (tmp_path / "few.toml").write_text("[model]\nunits = [2]")
    (tmp_path / "recipe.toml").write_text(RECIPE.replace("epochs = 6", "epochs = 1"))
    files = ["--space", str(tmp_path / "few.toml"), "--recipe", str(tmp_path / "recipe.toml")]
    output = wait(start("sweep", *files, "--trials", "2", "--no-track", home=tmp_path))
    assert output.count("repeats the settings of trial") == 1


def test_a_killed_sweep_leaves_no_process_behind(tmp_path):
    process = sweep(tmp_path, "--trials", "50", "--no-track")
    read_until(process, "trial 0")
    pids = workers(process)
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    wait(start("sweep", "--resume", "last", "--trials", "2", home=tmp_path))
    assert len([trial for trial in read_trials(tmp_path) if trial.state != study.FAILED]) >= 2


def test_no_trial_starts_after_the_time_and_a_name_is_used_once(tmp_path):
    output = wait(sweep(tmp_path, "--minutes", "0", "--no-track"))
    assert "No trial has finished" in output
    assert "s already exists" in wait(sweep(tmp_path), status=1)


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
def test_an_invalid_space_is_one_message(text, fault, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    output = wait(start("sweep", "--space", str(path), home=tmp_path), status=1)
    assert fault in output and "Try: sentiment sweep --show-space" in output


def test_without_optuna_one_message_says_what_to_install(tmp_path):
    (tmp_path / "optuna.py").write_text("raise ImportError")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    output = wait(start("sweep", home=tmp_path, PYTHONPATH=paths), status=1)
    assert 'Try: pip install "sentiment-rnn[sweep]"' in output


def test_settings_that_end_their_process_twice_are_not_retried(tmp_path):
    opened = study.open_study(tmp_path / "journal", search_space.parse(SPACE, ""), 0)
    first = opened.ask()
    assert opened.retry_lost(first.number) and opened.waiting == 1
    second = opened.ask()
    assert second.values == first.values and opened.running() == [second.number]
    assert not opened.retry_lost(second.number) and opened.waiting == 0


def test_an_objective_reports_each_epoch_and_ends_a_pruned_trial(tmp_path):
    optuna = study.import_optuna()
    sampler = study.sampler(0, constant_liar=False)
    optuna_study = optuna.create_study(sampler=sampler, pruner=study.pruner())
    received = []

    def train(values, should_prune):
        received.append(values)
        # Each trial is worse than all trials before it.
        loss = float(len(received))
        for epoch in (1, 2, 3):
            metrics = EpochMetrics(epoch, 3, 1.0, 1.0, 0.0, 0.0, loss, 0.0, best=False)
            if should_prune(metrics):
                return None
        return loss

    space = search_space.parse(SPACE, "")
    optuna_study.optimize(study.objective(space, train), n_trials=8)
    trials = study.Study(optuna_study, space).trials()
    assert [trial.values for trial in trials] == received
    assert {trial.state for trial in trials[:5]} == {study.COMPLETE}
    assert {trial.state for trial in trials[5:]} == {study.PRUNED}
    assert all(list(trial.losses.values()) == [trial.loss] * 3 for trial in trials[:5])


def test_trials_on_a_cluster_are_runs_of_the_sweep(tmp_path):
    process = sweep(tmp_path, "--trials", "4", "--jobs", "2", "--master", "local-cluster[2,1,1024]")
    output = wait(process)
    client = MlflowClient(store.tracking_uri(ProjectPaths(tmp_path)))
    experiment = client.get_experiment_by_name("sentiment-sweeps")
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    nested = [run for run in runs if run is not parent]
    assert len(nested) == 4 and parent.info.status == "FINISHED"
    assert {run.data.tags["mlflow.parentRunId"] for run in nested} == {parent.info.run_id}
    assert {run.info.status for run in nested} <= {"FINISHED", "KILLED"}
    losses = [run.data.metrics["value"] for run in nested if run.info.status == "FINISHED"]
    assert parent.data.metrics["validation/lowest_loss"] == pytest.approx(min(losses))
    path = tmp_path / "data" / "sweeps" / "s" / "s.toml"
    assert f"validation loss {min(losses):.4f}" in path.read_text()
    assert f"sentiment train --recipe {path}" in output


def test_a_sweep_on_a_cluster_survives_the_loss_of_an_executor(tmp_path):
    before, client = set(executors()), MlflowClient(store.tracking_uri(ProjectPaths(tmp_path)))
    process = sweep(tmp_path, "--trials", "3", "--jobs", "2", "--master", "local-cluster[2,1,1024]")

    def nested():
        experiment = client.get_experiment_by_name("sentiment-sweeps")
        runs = client.search_runs([experiment.experiment_id]) if experiment else []
        return [run for run in runs if "mlflow.parentRunId" in run.data.tags]

    # The first trial runs alone. The executor that is killed has started a later one.
    while not [run for run in nested() if run.info.status == "RUNNING" and len(nested()) > 1]:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    for pid in with_children(sorted(set(executors()) - before)[0]):
        os.kill(pid, signal.SIGKILL)
    wait(process)
    statuses = [run.info.status for run in nested()]
    assert sum(status in ("FINISHED", "KILLED") for status in statuses) >= 3  # pruned ones too
    assert set(statuses) <= {"FINISHED", "KILLED", "FAILED"}
