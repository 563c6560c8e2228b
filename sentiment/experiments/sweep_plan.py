"""Save the plan of a sweep to a folder, so that another process can resume the sweep.

The folder of a sweep has these files:
- `recipe.toml`: the recipe, with the settings that stay the same;
- `space.toml`: the search space, with the settings to try;
- `sweep.json`: the rest of the plan: `recipe` (the name of the recipe), `trials`, `seed`,
  `experiment`, `track`, `run_id` and `validation`;
- `journal.log`: the study;
- `NAME.toml`, at the end: the recipe with the best settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from sentiment.errors import InputError, MissingFileError
from sentiment.experiments.search_space import SearchSpace, Value, load_space
from sentiment.recipe import Recipe, load_recipe, to_toml
from sentiment.utils import files, names
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.timestamps import name_timestamp
from sentiment.utils.typed_json import check_line, typed

LAST = "last"  # names the newest sweep
_HINT = "sentiment sweep"
_NAME_HINT = "sentiment sweep --name first-sweep"
Validation = Literal["random", "apart"]
_PLAN, _RECIPE, _SPACE = "sweep.json", "recipe.toml", "space.toml"


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep tries: `recipe` with settings from `space`, in `trials` trials.

    folder: of the sweep, which has its name; run_id: of its MLflow run, empty before the run
    starts; validation: the setting of the trials, whatever the recipe says.
    """

    folder: Path
    recipe: Recipe
    space: SearchSpace
    trials: int
    seed: int
    experiment: str
    track: bool
    run_id: str = ""
    validation: Validation = "random"

    @property
    def name(self) -> str:
        """The name of the sweep and of its best recipe."""
        return self.folder.name

    @property
    def journal(self) -> Path:
        """The file of its study."""
        return self.folder / "journal.log"

    @property
    def best(self) -> Path:
        """The file of the recipe with the best settings."""
        return self.folder / f"{self.name}.toml"

    def trial_recipe(self, values: Mapping[str, Value]) -> Recipe:
        """Return the recipe of a trial: with `values`, and judged as the plan says."""
        recipe = self.space.apply(self.recipe, values)
        return replace(recipe, train=replace(recipe.train, validation=self.validation))

    def with_run(self, run_id: str) -> "SweepPlan":
        """Return the plan with the id of the sweep's run, and save it."""
        plan = replace(self, run_id=run_id)
        _write_plan(self.folder, plan)
        return plan


@dataclass(frozen=True)
class _StoredPlan:
    """The content of `sweep.json`."""

    recipe: str
    trials: int
    seed: int
    experiment: str
    track: bool
    run_id: str
    validation: str = "random"  # of plans from before there was a choice


def create_plan(
    paths: ProjectPaths,
    recipe: Recipe,
    space: SearchSpace,
    *,
    name: str | None,
    trials: int,
    seed: int,
    experiment: str,
    track: bool,
    validation: Validation = "apart",
) -> SweepPlan:
    """Save and return a new plan.

    Raises InputError if the name is taken or a value of the search space is impossible.
    """
    space.check(recipe)
    name = name or f"sweep-{name_timestamp()}"
    folder = names.path_inside(paths.sweeps, name, "the name of a sweep", hint=_NAME_HINT)
    if folder.exists():
        raise InputError(
            f"{folder} already exists",
            hint=f"sentiment sweep --resume {name}, or another --name",
        )
    plan = SweepPlan(folder, recipe, space, trials, seed, experiment, track, validation=validation)
    with files.atomic_dir(folder) as tmp:
        (tmp / _SPACE).write_text(space.text, "utf-8")
        (tmp / _RECIPE).write_text(to_toml(recipe), "utf-8")
        _write_plan(tmp, plan)
    return plan


def find_plan(paths: ProjectPaths, name: str) -> SweepPlan:
    """Return the plan of the sweep `name`, or of the newest sweep for `last`.

    Raises MissingFileError, which lists the sweeps, if there is none, and DamagedFileError.
    """
    names.check_name(name, "the name of a sweep", hint=_NAME_HINT)
    plans = sorted(paths.sweeps.glob(f"[!.]*/{_PLAN}"), key=lambda path: path.stat().st_mtime_ns)
    found = [path.parent.name for path in reversed(plans) if not path.parent.is_symlink()]
    if name == LAST and found:
        name = found[0]
    if name not in found:
        known = f"; there are {', '.join(found)}" if found else ""
        raise MissingFileError(f"no sweep {name!r} can be resumed{known}", hint=_HINT)
    return _read_plan(paths.sweeps / name)


def _write_plan(folder: Path, plan: SweepPlan) -> None:
    """Write `sweep.json`."""
    files.write_json(
        folder / _PLAN,
        {
            "recipe": plan.recipe.name,
            "trials": plan.trials,
            "seed": plan.seed,
            "experiment": plan.experiment,
            "track": plan.track,
            "run_id": plan.run_id,
            "validation": plan.validation,
        },
    )


def _read_plan(folder: Path) -> SweepPlan:
    path = folder / _PLAN
    content = files.read_json(path, hint=_HINT)
    # It names all settings of its time: later ones are as if there were none.
    recipe = load_recipe(str(folder / _RECIPE), base=Recipe())
    space = load_space(str(folder / _SPACE))
    with files.read_errors(path, hint=_HINT):
        stored: _StoredPlan = typed(_StoredPlan, content, _PLAN)
        if stored.trials < 1 or stored.seed < 0:
            raise ValueError("trials or seed is too small")
        if stored.validation not in ("random", "apart"):
            raise ValueError("validation is neither random nor apart")
        names.check_name(stored.recipe, "the name of a recipe")
        for name in ("experiment", "run_id"):
            check_line(content[name], name)
    recipe = replace(recipe, name=stored.recipe)
    return SweepPlan(
        folder, recipe, space, stored.trials, stored.seed, stored.experiment,
        stored.track, stored.run_id, cast(Validation, stored.validation),
    )  # fmt: skip
