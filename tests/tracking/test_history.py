"""Runs read back from a real store."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from sentiment.errors import DamagedFileError, InputError, MissingFileError, UnavailableError
from sentiment.tracking import history, process, stale, store
from sentiment.utils.paths import ProjectPaths
from tests.helpers.stored import LABELS, add_run, evaluate, log_arrays, said


@pytest.fixture(scope="module", autouse=True)
def own_store():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return ProjectPaths(tmp_path_factory.mktemp("project with spaces"))


@pytest.fixture(scope="module")
def ids(folders):
    points = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
    return {
        "first": add_run(folders, "first", settings={"units": 16}, losses=(0.5, 0.3, 0.4)),
        "second": add_run(
            folders,
            "second",
            settings={"units": 32},
            losses=[0.5] * 10,
            right="+++++++-",
            snapshot={"ids": np.array(["a", "b"]), "points": points},
        ),
        "broken": add_run(folders, "second-broken", status="FAILED"),
    }


@pytest.fixture(scope="module")
def found(folders, ids):
    return {run.bare_name: run for run in history.list_runs(folders)}


def test_a_run_is_read_back_as_it_was_written(found, ids):
    run = found["second"]
    assert (run.id, run.name, run.status) == (ids["second"], "87.50% second", "FINISHED")
    assert run.parameters == {"units": "32"}
    assert run.metrics["test/accuracy"] == 0.875 and run.metrics["validation/loss"] == 0.5
    assert run.tags["model"] == "second"
    assert run.reviews == {"test": "0123456789abcdef"}
    assert timedelta(0) <= datetime.now(UTC) - run.started < timedelta(minutes=10)
    assert 0 <= run.seconds < 600


def test_runs_come_newest_first_and_from_every_page(folders, ids, monkeypatch):
    monkeypatch.setattr(history, "_PAGE", 1)
    names = [run.bare_name for run in history.list_runs(folders)]
    assert names == ["second-broken", "second", "first"]


def test_a_curve_has_a_value_for_each_step_and_the_later_of_two(folders, found):
    assert history.metric_curve(folders, found["first"], "validation/loss") == [
        (1, 0.5), (2, 0.3), (3, 0.4),
    ]  # fmt: skip
    client = store.connect(folders)
    client.log_metric(found["first"].id, "twice", 2.0, step=1, timestamp=2000)
    client.log_metric(found["first"].id, "twice", 1.0, step=1, timestamp=1000)
    assert history.metric_curve(folders, found["first"], "twice") == [(1, 2.0)]
    assert history.metric_curve(folders, found["first"], "none of the kind") == []


def test_infinity_comes_back_though_the_store_has_none(folders):
    run_id = add_run(folders, "away", experiment="infinite", losses=(1.0, float("inf")))
    run = history.get_run(folders, run_id)
    assert history.metric_curve(folders, run, "validation/loss") == [(1, 1.0), (2, float("inf"))]
    assert run.metrics["validation/accuracy"] == float("-inf")


def test_predictions_come_with_the_digest_of_their_reviews(folders, found):
    probabilities, labels, digest = history.load_predictions(folders, found["second"])
    np.testing.assert_array_equal(probabilities, said("+++++++-"))
    np.testing.assert_array_equal(labels, LABELS)
    assert probabilities.dtype == np.float32 and labels.dtype == np.int8
    assert digest == "0123456789abcdef"
    assert history.load_predictions(folders, found["first"]) is None
    assert history.load_predictions(folders, found["second"], "others") is None


def test_different_reviews_of_one_name_have_no_digest(folders, ids):
    run_id = add_run(folders, "twice", experiment="other reviews", right="++++++++")
    evaluate(store.connect(folders), run_id, "++++++++", LABELS, "another digest")
    assert history.load_predictions(folders, history.get_run(folders, run_id)).digest == ""


@pytest.mark.parametrize("arrays", [{}, {"probabilities": said("++++++++"), "labels": LABELS[:3]}])
def test_predictions_that_are_not_whole_are_refused(folders, arrays):
    run_id = add_run(folders, "hurt", experiment="damaged")
    client = store.connect(folders)
    log_arrays(client, run_id, "evaluation/test_predictions.npz", arrays)
    with pytest.raises(DamagedFileError, match="of the run hurt") as caught:
        history.load_predictions(folders, history.get_run(folders, run_id))
    assert caught.value.hint == "sentiment evaluate --model hurt"


def test_a_file_that_was_cut_short_is_damaged(folders, ids, tmp_path):
    run_id = add_run(folders, "cut", experiment="damaged")
    (tmp_path / "test_predictions.npz").write_bytes(b"PK\x03\x04 and no more")
    path = str(tmp_path / "test_predictions.npz")
    store.connect(folders).log_artifact(run_id, path, "evaluation")
    with pytest.raises(DamagedFileError, match="of the run cut can't be read"):
        history.load_predictions(folders, history.get_run(folders, run_id))


def test_the_last_snapshot_is_that_of_the_highest_epoch(folders, found, tmp_path):
    # As text, epoch_9 would come after epoch_10.
    client = store.connect(folders)
    for epoch in (9, 100):
        arrays = {"ids": np.array([str(epoch)])}
        log_arrays(client, found["second"].id, f"hidden_states/epoch_{epoch:02d}.npz", arrays)
    log_arrays(client, found["second"].id, "hidden_states/batch_000999.npz", {"ids": np.array([])})
    assert history.load_last_snapshot(folders, found["second"])["ids"].tolist() == ["100"]
    assert history.load_last_snapshot(folders, found["first"]) is None


@pytest.mark.parametrize("named", ["first", "{id}", "{start}"])
def test_a_run_is_found_by_name_id_and_the_beginning_of_its_id(folders, ids, named):
    wanted = ids["first"]
    named = named.format(id=wanted, start=wanted[:20])
    assert history.find_run(folders, "sentiment", named).id == wanted


def test_a_run_is_found_with_and_without_its_accuracy(folders, ids):
    for named in ("second", "87.50% second"):
        assert history.find_run(folders, "sentiment", named).id == ids["second"]


def test_a_run_is_found_by_its_model(found):
    renamed = dataclasses.replace(found["first"], name="called otherwise")
    assert history.match_run([renamed, found["second"]], "first") is renamed


def test_without_a_name_it_is_the_newest_that_finished(folders, ids):
    assert history.find_run(folders, "sentiment", None).id == ids["second"]


def test_what_fits_several_runs_or_none_is_refused(folders, found):
    twins = [found["first"], dataclasses.replace(found["first"], id="f" * 32)]
    with pytest.raises(InputError, match="2 runs are called 'first'") as caught:
        history.match_run(twins, "first")
    assert "sentiment runs" in caught.value.hint
    with pytest.raises(InputError, match="no run is called 'frist'; is it first"):
        history.find_run(folders, "sentiment", "frist")
    with pytest.raises(InputError, match="no run is called ''"):
        history.find_run(folders, "sentiment", "")


def test_a_run_of_any_experiment_is_had_by_its_id(folders, ids):
    assert history.get_run(folders, ids["first"]).name == "first"
    assert history.get_run(folders, "0" * 32) is None


def test_where_nothing_has_run_nothing_is_made(tmp_path):
    with pytest.raises(MissingFileError, match="no runs yet") as caught:
        history.list_runs(ProjectPaths(tmp_path))
    assert caught.value.hint == "sentiment train"
    assert not list(tmp_path.iterdir())


def test_a_run_that_has_not_finished_is_not_taken_for_the_newest(folders):
    for status in ("RUNNING", "FAILED"):
        add_run(folders, "begun", experiment="unfinished", status=status)
    with pytest.raises(MissingFileError) as caught:
        history.find_run(folders, "unfinished", None)
    assert caught.value.fact == "no run of the experiment 'unfinished' has finished"
    assert caught.value.hint == "sentiment runs"


def test_a_run_is_evaluated_where_its_model_lies(folders, found):
    run = dataclasses.replace(found["first"], tags={"model": "first", "model_id": "m-1"})
    assert history.evaluate_command(folders, run) == "sentiment evaluate --model models:/m-1"
    (folders.models / "first").mkdir(parents=True)
    assert history.evaluate_command(folders, run) == "sentiment evaluate --model first"


def test_a_deleted_experiment_is_one_that_can_be_restored(folders):
    add_run(folders, "one", experiment="put away")
    client = store.connect(folders)
    number = client.get_experiment_by_name("put away").experiment_id
    client.delete_experiment(number)
    with pytest.raises(UnavailableError, match="'put away' has been deleted") as caught:
        history.list_runs(folders, "put away")
    assert f"mlflow experiments restore --experiment-id {number}" in caught.value.hint


def test_an_experiment_without_runs_is_named_with_those_there_are(folders, ids):
    with pytest.raises(MissingFileError, match=r"experiment 'sentimnet'; there are .*sentiment"):
        history.list_runs(folders, "sentimnet")
    store.open_experiment(folders, "begun")
    with pytest.raises(MissingFileError, match="no runs yet in the experiment 'begun'"):
        history.find_run(folders, "begun", None)


# Processes


def test_this_process_is_alive():
    tags = process.process_tags()
    assert tags.keys() == {"host", "process"}
    assert tags["process"].split()[0] == str(os.getpid())
    assert process.is_alive(tags) is True


@pytest.mark.parametrize(
    "changed",
    [{"host": "another.machine"}, {"process": ""}, {"process": "x y"}, {"process": "1"}],
)
def test_what_cannot_be_seen_from_here_is_not_known(changed):
    assert process.is_alive(process.process_tags() | changed) is None
    assert process.is_alive({}) is None


def test_a_number_that_has_gone_to_another_process_is_not_the_old_one():
    tags = process.process_tags()
    assert process.is_alive(tags | {"process": tags["process"] + "0"}) is False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="boots and containers are told on Linux")
def test_another_boot_has_ended_all_and_another_container_hides_its_own():
    tags = process.process_tags()
    pid, _, birth = tags["process"].partition(" ")
    boot, space, tick = birth.split("/")
    before = {"process": f"{pid} {boot[::-1]}/{space}/{tick}"}
    elsewhere = {"process": f"{pid} {boot}/{space}1/{tick}"}
    assert process.is_alive(tags | before) is False
    assert process.is_alive(tags | elsewhere) is None


@pytest.fixture
def writer():
    """A process that says who it is and waits."""
    code = (
        "import json, time; from sentiment.tracking import process;"
        "print(json.dumps(process.identity()), flush=True); time.sleep(600)"
    )
    started = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    yield started
    started.kill()
    started.communicate()


def test_a_run_whose_process_was_killed_is_ended(tmp_path, writer):
    folders = ProjectPaths(tmp_path)
    tags = json.loads(writer.stdout.readline())
    run_id = add_run(folders, "killed", losses=(0.5, 0.4), tags=tags, status="RUNNING")
    ended = stale.end_stale_runs(folders)
    assert (ended.ended, ended.unknown) == ([], [])
    assert history.get_run(folders, run_id).status == "RUNNING"

    writer.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)
    assert process.is_alive(tags) is False  # it has gone, though nobody has fetched its status
    writer.wait()
    assert [run.id for run in stale.end_stale_runs(folders).ended] == [run_id]
    run = history.get_run(folders, run_id)
    assert run.status == "KILLED"
    assert run.tags["failure"] == "its process is gone: ended by sentiment runs --stale"
    last = store.connect(folders).get_metric_history(run_id, "validation/loss")[-1].timestamp
    assert run.seconds == pytest.approx(last / 1000 - run.started.timestamp(), abs=0.5)
    assert stale.end_stale_runs(folders).ended == []


def test_a_run_of_nobody_knows_whom_is_ended_only_when_it_is_old(folders, ids):
    run_id = add_run(folders, "afar", experiment="afar", tags={"host": "afar"}, status="RUNNING")
    kept = stale.end_stale_runs(folders, "afar")
    assert [run.id for run in kept.unknown] == [run_id] and not kept.ended
    assert not stale.end_stale_runs(folders, "afar", older_than=1).ended
    assert [run.id for run in stale.end_stale_runs(folders, "afar", older_than=0).ended] == [run_id]
    assert history.get_run(folders, run_id).status == "KILLED"


def test_a_run_that_is_alive_is_never_ended_however_old(folders, ids):
    tags = process.process_tags()
    run_id = add_run(folders, "alive", experiment="alive", tags=tags, status="RUNNING")
    assert stale.end_stale_runs(folders, "alive", older_than=0) == stale.StaleRuns([], [])
    assert history.get_run(folders, run_id).status == "RUNNING"
