"""Names of runs that are made from the names of files."""

import pytest

from sentiment.config import ModelSettings, TrainSettings
from sentiment.training.run_name import check_run_name, claim_run_name
from sentiment.utils.names import is_plain_name
from sentiment.utils.paths import ProjectPaths


@pytest.mark.parametrize("name", ["\udcff", "...", "--", "a\\b", "\x1b[2J", "é" * 99, "", "x y"])
def test_any_dataset_and_recipe_make_a_name_that_is_accepted(tmp_path, name):
    paths = ProjectPaths(tmp_path)
    claimed = claim_run_name(paths, name, name, ModelSettings(), TrainSettings())
    assert is_plain_name(claimed) and (paths.checkpoints / claimed).is_dir()
    check_run_name(paths, claimed)
