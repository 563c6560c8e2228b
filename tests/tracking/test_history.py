"""Runs read back from a real store, and stale ones ended."""

import dataclasses
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sentiment.errors import DamagedFileError, InputError, MissingFileError, UnavailableError
from sentiment.tracking import history, process, stale, store, tags
from sentiment.utils.paths import ProjectPaths
from tests.helpers.stored import (
    LABELS,
    add_evaluation,
    add_run,
    log_arrays,
    make_probabilities,
)


@pytest.fixture(scope="module", autouse=True)
def local_store():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="module")
def ids(paths):
    points = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
    return {
        "first": add_run(paths, "first", settings={"units": 16}, losses=(0.5, 0.3, 0.4)),
        "second": add_run(
            paths,
            "second",
            settings={"units": 32},
            losses=[0.5] * 10,
            right="+++++++-",
            snapshot={"ids": np.array(["a", "b"]), "points": points},
        ),
        "broken": add_run(paths, "second-broken", status="FAILED"),
    }


@pytest.fixture(scope="module")
def found(paths, ids):
    return {run.bare_name: run for run in history.list_runs(paths)}


def test_a_run_has_the_metrics_of_the_epoch_whose_model_stays():
    latest = {"validation/loss": 0.5, "validation/accuracy": 0.8, "train/loss": 0.1}
    best = {"best/epoch": 2.0, "best/validation/loss": 0.3, "best/validation/accuracy": 0.9}
    shown = history._of_best_epoch(latest | best)
    assert shown["validation/loss"] == 0.3 and shown["validation/accuracy"] == 0.9
    assert shown["train/loss"] == 0.1 and "epoch" not in shown
    assert history._of_best_epoch(latest) == latest


def test_a_run_is_read_back_as_it_was_written(found, ids):
    run = found["second"]
    assert (run.id, run.name, run.status) == (ids["second"], "87.50% second", "FINISHED")
    assert run.parameters == {"units": "32"}
    assert run.metrics["test/accuracy"] == 0.875 and run.metrics["validation/loss"] == 0.5
    assert run.tags["model"] == "second"
    assert run.reviews == {"test": "0123456789abcdef"}
    assert timedelta(0) <= datetime.now(UTC) - run.started
    assert 0 <= run.seconds <= (datetime.now(UTC) - run.started).total_seconds()


def test_runs_come_newest_first_and_from_every_page(paths, ids, monkeypatch):
    monkeypatch.setattr(history, "_PAGE", 1)
    names = [run.bare_name for run in history.list_runs(paths)]
    assert names == ["second-broken", "second", "first"]


def test_a_curve_has_a_value_for_each_step_and_the_later_of_two(paths, found):
    assert history.metric_curve(paths, found["first"], "validation/loss") == [
        (1, 0.5), (2, 0.3), (3, 0.4),
    ]  # fmt: skip
    client = store.connect(paths)
    client.log_metric(found["first"].id, "twice", 2.0, step=1, timestamp=2000)
    client.log_metric(found["first"].id, "twice", 1.0, step=1, timestamp=1000)
    assert history.metric_curve(paths, found["first"], "twice") == [(1, 2.0)]
    assert history.metric_curve(paths, found["first"], "no such metric") == []


def test_infinity_is_read_back_though_the_store_has_none(paths):
    run_id = add_run(paths, "diverged", experiment="infinite", losses=(1.0, float("inf")))
    run = history.get_run(paths, run_id)
    assert history.metric_curve(paths, run, "validation/loss") == [(1, 1.0), (2, float("inf"))]
    assert run.metrics["validation/accuracy"] == float("-inf")


def test_predictions_come_with_the_digest_of_their_reviews(paths, found):
    probabilities, labels, digest = history.load_predictions(paths, found["second"])
    np.testing.assert_array_equal(probabilities, make_probabilities("+++++++-"))
    np.testing.assert_array_equal(labels, LABELS)
    assert probabilities.dtype == np.float32 and labels.dtype == np.int8
    assert digest == "0123456789abcdef"
    assert history.load_predictions(paths, found["first"]) is None
    assert history.load_predictions(paths, found["second"], "others") is None


def test_different_reviews_of_one_name_have_no_digest(paths, ids):
    run_id = add_run(paths, "twice", experiment="other reviews", right="++++++++")
    add_evaluation(store.connect(paths), run_id, "++++++++", LABELS, "another digest")
    assert history.load_predictions(paths, history.get_run(paths, run_id)).digest == ""


@pytest.mark.parametrize(
    "arrays", [{}, {"probabilities": make_probabilities("++++++++"), "labels": LABELS[:3]}]
)
def test_incomplete_predictions_are_refused(paths, arrays):
    run_id = add_run(paths, "damaged", experiment="damaged")
    client = store.connect(paths)
    log_arrays(client, run_id, "evaluation/test_predictions.npz", arrays)
    with pytest.raises(DamagedFileError, match="of the run damaged") as caught:
        history.load_predictions(paths, history.get_run(paths, run_id))
    assert caught.value.hint == "sentiment evaluate --model damaged"


def test_a_file_that_was_cut_short_is_damaged(paths, ids, tmp_path):
    run_id = add_run(paths, "cut", experiment="damaged")
    (tmp_path / "test_predictions.npz").write_bytes(b"PK\x03\x04 and nothing after it")
    path = str(tmp_path / "test_predictions.npz")
    store.connect(paths).log_artifact(run_id, path, "evaluation")
    with pytest.raises(DamagedFileError, match="of the run cut can't be read"):
        history.load_predictions(paths, history.get_run(paths, run_id))


def test_the_last_snapshot_is_that_of_the_highest_epoch(paths, found, tmp_path):
    # As text, epoch_9 would come after epoch_10.
    client = store.connect(paths)
    for epoch in (9, 100):
        arrays = {"ids": np.array([str(epoch)])}
        log_arrays(client, found["second"].id, f"hidden_states/epoch_{epoch:02d}.npz", arrays)
    log_arrays(client, found["second"].id, "hidden_states/batch_000999.npz", {"ids": np.array([])})
    assert history.load_last_snapshot(paths, found["second"])["ids"].tolist() == ["100"]
    assert history.load_last_snapshot(paths, found["first"]) is None


@pytest.mark.parametrize("named", ["first", "{id}", "{start}"])
def test_a_run_is_found_by_name_id_and_the_start_of_its_id(paths, ids, named):
    expected = ids["first"]
    named = named.format(id=expected, start=expected[:20])
    assert history.find_run(paths, "sentiment", named).id == expected


def test_a_run_is_found_with_and_without_its_accuracy(paths, ids):
    for named in ("second", "87.50% second"):
        assert history.find_run(paths, "sentiment", named).id == ids["second"]


def test_a_run_is_found_by_its_model(found):
    renamed = dataclasses.replace(found["first"], name="another name")
    assert history.match_run([renamed, found["second"]], "first") is renamed


def test_without_a_name_the_newest_finished_run_is_found(paths, ids):
    assert history.find_run(paths, "sentiment", None).id == ids["second"]


def test_a_name_of_several_runs_or_of_none_is_refused(paths, found):
    twins = [found["first"], dataclasses.replace(found["first"], id="f" * 32)]
    with pytest.raises(InputError, match="2 runs are called 'first'") as caught:
        history.match_run(twins, "first")
    assert "sentiment runs" in caught.value.hint
    with pytest.raises(InputError, match="no run is called 'frist'; is it first"):
        history.find_run(paths, "sentiment", "frist")
    with pytest.raises(InputError, match="no run is called ''"):
        history.find_run(paths, "sentiment", "")


def test_a_run_of_any_experiment_is_found_by_its_id(paths, ids):
    assert history.get_run(paths, ids["first"]).name == "first"
    assert history.get_run(paths, "0" * 32) is None


def test_reading_creates_no_store(tmp_path):
    with pytest.raises(MissingFileError, match="no runs yet") as caught:
        history.list_runs(ProjectPaths(tmp_path))
    assert caught.value.hint == "sentiment train"
    assert not list(tmp_path.iterdir())


def test_an_unfinished_run_is_not_taken_for_the_newest(paths):
    for status in ("RUNNING", "FAILED"):
        add_run(paths, "started", experiment="unfinished", status=status)
    with pytest.raises(MissingFileError) as caught:
        history.find_run(paths, "unfinished", None)
    assert caught.value.fact == "no run of the experiment 'unfinished' has finished"
    assert caught.value.hint == "sentiment runs"


def test_the_command_that_evaluates_a_run_names_its_model(paths, found):
    run = dataclasses.replace(found["first"], tags={"model": "first", tags.BEST_MODEL: "m-1"})
    assert history.evaluate_command(paths, run) == "sentiment evaluate --model models:/m-1"
    (paths.models / "first").mkdir(parents=True)
    assert history.evaluate_command(paths, run) == "sentiment evaluate --model first"


def test_a_deleted_experiment_is_reported_with_the_command_that_restores_it(paths):
    add_run(paths, "one", experiment="deleted")
    client = store.connect(paths)
    number = client.get_experiment_by_name("deleted").experiment_id
    client.delete_experiment(number)
    with pytest.raises(UnavailableError, match="'deleted' has been deleted") as caught:
        history.list_runs(paths, "deleted")
    assert f"mlflow experiments restore --experiment-id {number}" in caught.value.hint


def test_an_experiment_without_runs_is_reported_with_the_existing_ones(paths, ids):
    with pytest.raises(MissingFileError, match=r"experiment 'sentimnet'; there are .*sentiment"):
        history.list_runs(paths, "sentimnet")
    store.open_experiment(paths, "empty")
    with pytest.raises(MissingFileError, match="no runs yet in the experiment 'empty'"):
        history.find_run(paths, "empty", None)


@pytest.fixture
def writer():
    """Start a process that prints its tags and waits."""
    code = (
        "import json, time; from sentiment.tracking import process;"
        "print(json.dumps(process.process_tags()), flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as started:
        yield started
        started.kill()


def test_a_run_whose_process_was_killed_is_ended(tmp_path, writer):
    paths = ProjectPaths(tmp_path)
    tags = json.loads(writer.stdout.readline())
    run_id = add_run(paths, "killed", losses=(0.5, 0.4), tags=tags, status="RUNNING")
    ended = stale.end_stale_runs(paths)
    assert (ended.ended, ended.unknown) == ([], [])
    assert history.get_run(paths, run_id).status == "RUNNING"

    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert [run.id for run in stale.end_stale_runs(paths).ended] == [run_id]
    run = history.get_run(paths, run_id)
    assert run.status == "KILLED"
    assert run.tags["failure"] == "its process is gone: ended by sentiment runs --stale"
    last = store.connect(paths).get_metric_history(run_id, "validation/loss")[-1].timestamp
    assert run.seconds == pytest.approx(last / 1000 - run.started.timestamp(), abs=0.5)
    assert stale.end_stale_runs(paths).ended == []


def test_a_run_whose_process_can_not_be_checked_is_ended_only_when_it_is_old(paths, ids):
    tags = {"host": "another.machine"}
    run_id = add_run(paths, "far", experiment="far", tags=tags, status="RUNNING")
    result = stale.end_stale_runs(paths, "far")
    assert [run.id for run in result.unknown] == [run_id] and not result.ended
    assert not stale.end_stale_runs(paths, "far", older_than=1).ended
    assert [run.id for run in stale.end_stale_runs(paths, "far", older_than=0).ended] == [run_id]
    run = history.get_run(paths, run_id)
    assert run.status == "KILLED" and "can't be checked" in run.tags["failure"]


def test_a_run_of_a_live_process_is_never_ended(paths, ids):
    tags = process.process_tags()
    run_id = add_run(paths, "alive", experiment="alive", tags=tags, status="RUNNING")
    assert stale.end_stale_runs(paths, "alive", older_than=0) == stale.StaleRuns([], [])
    assert history.get_run(paths, run_id).status == "RUNNING"
