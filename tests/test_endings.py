"""Work that is broken off anywhere leaves all or nothing, and what was there before."""

import shutil

import numpy as np
import pytest
from breaking import everywhere, interrupted, killed
from build import tiny_bundle

from sentiment import bundle, checkpoint

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
    with checkpoint.writing(tmp_path / "before") as writer:
        for epoch in (1, 2):
            writer.write(epoch, {"epoch": epoch}, arrays)

    def set_up():
        shutil.rmtree(folder.parent, ignore_errors=True)
        shutil.copytree(tmp_path / "before", folder)

    def work():
        with checkpoint.writing(folder) as writer:
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
        with checkpoint.writing(folder):
            pass  # the lock is nobody's

    assert everywhere(how, set_up, work, check) > TIMES
    assert seen == {None, 2, 3}
