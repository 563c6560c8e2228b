"""Work that is broken off at any point leaves the old result or the new one, never half of it."""

import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from sentiment import __version__
from sentiment.inference import bundle
from sentiment.training import checkpoint
from tests.helpers.breaking import break_everywhere, interrupted, killed
from tests.helpers.build import tiny_bundle
from tests.helpers.commands import start

MIN_BREAKS = 20  # each piece of work below has more lines than this


@pytest.mark.parametrize("how", [interrupted, killed])
@pytest.mark.parametrize("replacing", [False, True])
def test_saving_a_model_leaves_the_new_model_or_the_old_one(tmp_path, how, replacing):
    old, new = (tiny_bundle(tmp_path / f"{n}", seed=n) for n in (1, 2))
    embeddings = {model.manifest.created: model.embedding.tobytes() for model in (old, new)}
    folder, seen = tmp_path / "models", set()

    def set_up():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if replacing:
            shutil.copytree(old.folder, folder / "model")

    def work():
        bundle.write(
            folder / "model",
            tokenizer=new.tokenizer,
            embedding=new.embedding,
            weights=new.weights,
            manifest=new.manifest,
        )

    def check():
        if not list(folder.glob("[!.]*")):
            # A kill between the two renames leaves neither; training resumes from a checkpoint.
            assert not replacing or (how is killed and list(folder.glob(".*.before")))
            seen.add(None)
            return
        model = bundle.read(folder / "model")
        assert embeddings[model.manifest.created] == model.embedding.tobytes()
        seen.add(model.manifest.created)

    assert break_everywhere(how, set_up, work, check) > MIN_BREAKS
    assert embeddings.keys() & seen if replacing else {None, new.manifest.created} == seen


@pytest.mark.parametrize("how", [interrupted, killed])
def test_the_newest_checkpoint_is_always_complete(tmp_path, how):
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
        newest = checkpoint.newest(folder, pytest.fail)
        assert newest.state == {"epoch": newest.epoch}
        np.testing.assert_array_equal(newest.arrays["network.00"], arrays["network.00"])
        seen.add(newest.epoch)
        with checkpoint.open_writer(folder):
            pass  # the lock is free

    assert break_everywhere(how, set_up, work, check) > MIN_BREAKS
    assert seen == {None, 2, 3}


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    """Return a file with so many reviews that there is time to stop the work on them."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    rows = (f"what a {'good' if n % 2 else 'bad'} film number {n},{n % 2}\n" for n in range(40_000))
    path.write_text("text,label\n" + "".join(rows))
    return path


def stop(process, prefix, number):
    """Send a signal when the process prints a line with `prefix`; check how it ends."""
    assert any(line.startswith(prefix) for line in process.stdout), process.stderr.read()
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number, errors
    assert errors == {signal.SIGINT: "Interrupted.\n", signal.SIGTERM: "Terminated.\n"}[number]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("prefix", ["building vocabulary", "encoding test"])
def test_stopping_prepare_leaves_nothing(large_file, tmp_path, prefix, number):
    stop(start("prepare", "--dataset", str(large_file), home=tmp_path), prefix, number)
    assert not list(tmp_path.glob("data/prepared/*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_evaluate_does_not_change_the_model(large_file, tmp_path, number):
    path = tiny_bundle(tmp_path / "data" / "models" / "tiny").folder / "bundle.json"
    before = path.read_bytes()
    stop(start("evaluate", "--data", str(large_file), home=tmp_path), "classifying", number)
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 5


def test_the_command_line_ends_without_collecting_garbage(tmp_path):
    # Collecting the objects of TensorFlow and MLflow would delay the prompt by four seconds.
    code = (
        "import gc; from sentiment.cli import main\n"
        "class Garbage:\n"
        "    def __del__(self): print('collected')\n"
        "garbage = Garbage(); garbage.cycle = garbage; del garbage; gc.disable()\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True)
    assert done.stdout == f"sentiment {__version__}\n" and done.returncode == 0
