"""Names that are typed, or read from a manifest or a plan, lead to no other folder."""

import json
from dataclasses import replace

import pytest

from sentiment.errors import InputError, SentimentError
from sentiment.evaluation import evaluate, overlap
from sentiment.experiments import search_space, sweep_plan
from sentiment.recipe import Recipe
from sentiment.training import checkpoint
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import tiny_bundle

NAMES = ["../x", "/tmp/x", "..", ".", "a/b", "a\nb", "-x", "x" * 300]


@pytest.fixture
def paths(tmp_path):
    return ProjectPaths(tmp_path / "a" / "project")


def create_plan(paths, name):
    return sweep_plan.create_plan(
        paths, Recipe(), search_space.load_space("default"),
        name=name, trials=1, seed=0, experiment="e", track=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_typed_name_leads_to_no_other_folder(paths, tmp_path, name):
    (tmp_path / "a" / "x" / "epoch-0001").mkdir(parents=True)
    for refused in (
        lambda: create_plan(paths, name),
        lambda: sweep_plan.find_plan(paths, name),
        lambda: checkpoint.find(paths.checkpoints, name),
    ):
        with pytest.raises(InputError, match="is a plain file name"):
            refused()
    assert not paths.root.exists()


@pytest.mark.parametrize("name", NAMES)
def test_the_data_folder_of_a_model_leads_to_no_other_folder(paths, tmp_path, name):
    opened = tiny_bundle(tmp_path / "bundle")
    manifest = replace(opened.manifest, data=replace(opened.manifest.data, folder=name))
    forged = replace(opened, manifest=manifest)
    with pytest.raises(InputError, match="the data folder of a model is a plain file name"):
        evaluate.load_test_split(forged, paths)
    (tmp_path / "a" / "x").mkdir(parents=True)
    assert overlap.find_training_data(forged, paths) is None


def test_the_recipe_of_a_plan_has_a_plain_name(paths):
    plan = create_plan(paths, "good")
    path = plan.folder / "sweep.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recipe": "../../x"}))
    with pytest.raises(SentimentError, match="the name of a recipe"):
        sweep_plan.find_plan(paths, "good")


def test_a_link_in_the_place_of_a_sweep_is_not_resumed(paths, tmp_path):
    plan = create_plan(paths, "good")
    plan.folder.rename(tmp_path / "moved")
    plan.folder.symlink_to(tmp_path / "moved")
    with pytest.raises(SentimentError, match="can be resumed"):
        sweep_plan.find_plan(paths, "good")
