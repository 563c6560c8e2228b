"""The plan of a sweep, as another process reads it."""

import json
import re

from sentiment.experiments import search_space, sweep_plan
from sentiment.recipe import default_recipe
from sentiment.utils.paths import ProjectPaths


def test_a_plan_from_before_there_were_several_networks_means_one(tmp_path):
    paths = ProjectPaths(tmp_path)
    plan = sweep_plan.create_plan(
        paths, default_recipe(), search_space.load_space("default"),
        name="older", trials=1, seed=0, experiment="e", track=False,
    )  # fmt: skip
    assert sweep_plan.find_plan(paths, "older").recipe.train == default_recipe().train
    file = plan.folder / "recipe.toml"
    text = re.sub(r"^(teacher|members|sentence_members) = .*\n", "", file.read_text(), flags=re.M)
    file.write_text(text)
    older = sweep_plan.find_plan(paths, "older").recipe.train
    assert (older.teacher, older.members) == ("off", 1)


def test_trials_are_judged_apart_and_the_best_recipe_is_not_bound_to_that(tmp_path):
    paths = ProjectPaths(tmp_path)
    created = sweep_plan.create_plan(
        paths, default_recipe(), search_space.load_space("default"),
        name="apart", trials=1, seed=0, experiment="e", track=False,
    )  # fmt: skip
    plan = sweep_plan.find_plan(paths, "apart")
    values = {n: getattr(getattr(plan.recipe, table), n) for table, n in plan.space.settings}
    assert plan.trial_recipe(values).train.validation == "apart"
    assert plan.recipe.train.validation == "random"
    # Trials of older plans go on as they began.
    file = created.folder / "sweep.json"
    content = json.loads(file.read_text())
    del content["validation"]
    file.write_text(json.dumps(content))
    assert sweep_plan.find_plan(paths, "apart").trial_recipe(values).train.validation == "random"
