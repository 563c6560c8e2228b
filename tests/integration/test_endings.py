"""Work that is broken off anywhere leaves all or nothing, and what was there before."""

import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from sentiment import __version__
from sentiment.inference import bundle
from sentiment.training import checkpoint
from tests.helpers.breaking import everywhere, interrupted, killed
from tests.helpers.build import tiny_bundle
from tests.helpers.commands import start

TIMES = 20  # that each of these pieces of work is broken off at least


@pytest.mark.parametrize("how", [interrupted, killed])
@pytest.mark.parametrize("replacing", [False, True])
def test_a_model_that_is_being_saved_is_whole_or_the_one_before(tmp_path, how, replacing):
    made = {f"{n}": tiny_bundle(tmp_path / f"{n}", seed=n) for n in (1, 2)}
    expected = {opened.record["created"]: opened.embedding.tobytes() for opened in made.values()}
    new, place, seen = made["2"], tmp_path / "models", set()

    def set_up():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        if replacing:
            shutil.copytree(made["1"].folder, place / "model")

    def work():
        bundle.write(
            place / "model",
            tokenizer=new.tokenizer,
            embedding=new.embedding,
            weights=new.weights,
            record=new.record,
        )

    def check():
        named = list(place.glob("[!.]*"))
        if not named:
            # Between two renames a kill leaves neither; the training goes on from its checkpoint.
            assert not replacing or (how is killed and list(place.glob(".*.before")))
            seen.add(None)
            return
        found = bundle.read(place / "model")
        assert expected[found.record["created"]] == found.embedding.tobytes()
        seen.add(found.record["created"])

    assert everywhere(how, set_up, work, check) > TIMES
    assert expected.keys() & seen if replacing else {None, new.record["created"]} == seen


@pytest.mark.parametrize("how", [interrupted, killed])
def test_of_checkpoints_the_newest_is_always_whole(tmp_path, how):
    folder, seen = tmp_path / "at" / "run", set()
    arrays = {"network.00": np.arange(6, dtype=np.float32)}
    with checkpoint.open_writer(tmp_path / "before") as writer:
        for epoch in (1, 2):
            writer.write(epoch, {"epoch": epoch}, arrays)

    def set_up():
        shutil.rmtree(folder.parent, ignore_errors=True)
        shutil.copytree(tmp_path / "before", folder)

    def work():
        with checkpoint.open_writer(folder) as writer:
            writer.write(3, {"epoch": 3}, arrays)
            writer.remove()

    def check():
        if not checkpoint.exists(folder):
            seen.add(None)
            return
        found = checkpoint.newest(folder, pytest.fail)
        assert found.state == {"epoch": found.epoch}
        np.testing.assert_array_equal(found.arrays["network.00"], arrays["network.00"])
        seen.add(found.epoch)
        with checkpoint.open_writer(folder):
            pass  # the lock is nobody's

    assert everywhere(how, set_up, work, check) > TIMES
    assert seen == {None, 2, 3}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Return a file of so many reviews that preparing and classifying them takes a second."""
    path = tmp_path_factory.mktemp("many") / "many.csv"
    rows = (f"what a {'good' if n % 2 else 'bad'} film number {n},{n % 2}\n" for n in range(40_000))
    path.write_text("text,label\n" + "".join(rows))
    return path


def stop(process, began, number):
    """Send a signal once the process has printed a line that begins so; return what it said."""
    assert any(line.startswith(began) for line in process.stdout), process.stderr.read()
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number, errors
    assert errors == {signal.SIGINT: "Interrupted.\n", signal.SIGTERM: "Terminated.\n"}[number]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("began", ["building vocabulary", "encoding test"])
def test_preparing_that_is_stopped_leaves_nothing(many, tmp_path, began, number):
    stop(start("prepare", "--dataset", str(many), home=tmp_path), began, number)
    assert not list(tmp_path.glob("data/prepared/*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_evaluating_that_is_stopped_leaves_the_model_as_it_was(many, tmp_path, number):
    made = tiny_bundle(tmp_path / "data" / "models" / "tiny").folder / "bundle.json"
    before = made.read_bytes()
    stop(start("evaluate", "--data", str(many), home=tmp_path), "classifying", number)
    assert made.read_bytes() == before
    assert len(list(made.parent.iterdir())) == 5


def test_at_the_end_nobody_looks_for_garbage(tmp_path):
    # TensorFlow's and MLflow's objects take four seconds, in which a person waits for the prompt.
    code = (
        "import gc; from sentiment.cli import main\n"
        "class Told:\n"
        "    def __del__(self): print('collected')\n"
        "told = Told(); told.itself = told; del told; gc.disable()\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True)
    assert done.stdout == f"sentiment {__version__}\n" and done.returncode == 0
