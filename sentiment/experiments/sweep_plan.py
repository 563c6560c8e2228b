"""A sweep on disk: what it is to try, so that another process can go on with it.

Knows recipes, search spaces and files; knows nothing of trials.

A sweep is a folder with `recipe.toml`, the settings that stay as they are; `space.toml`, those
that are tried; `sweep.json`, the rest of its plan; `journal.log`, its study; and in the end
`NAME.toml`, the recipe with the best settings found.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from sentiment import recipe as recipes
from sentiment.errors import InputError, MissingFileError
from sentiment.experiments import search_space as space
from sentiment.experiments.search_space import SearchSpace
from sentiment.recipe import Recipe
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.timestamps import name_timestamp

LAST = "last"  # names the newest sweep
_HINT = "sentiment sweep"


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep tries: `recipe` with settings from `space`, in `trials` trials.

    folder: where it lies, by whose name it goes; run_id: of its MLflow run, empty before it began.
    """

    folder: Path
    recipe: Recipe
    space: SearchSpace
    trials: int
    seed: int
    experiment: str
    track: bool
    run_id: str = ""

    @property
    def name(self) -> str:
        """The name of the sweep and of the recipe that comes of it."""
        return self.folder.name

    @property
    def journal(self) -> Path:
        """The file of its study."""
        return self.folder / "journal.log"

    @property
    def best(self) -> Path:
        """The recipe with the best settings."""
        return self.folder / f"{self.name}.toml"

    def begun(self, run_id: str) -> "SweepPlan":
        """Keep the id of the sweep's run."""
        plan = replace(self, run_id=run_id)
        files.write_json(self.folder / "sweep.json", plan.told())
        return plan

    def told(self) -> dict:
        """Return what `sweep.json` holds."""
        return {
            "recipe": self.recipe.name,
            "trials": self.trials,
            "seed": self.seed,
            "experiment": self.experiment,
            "track": self.track,
            "run_id": self.run_id,
        }


def create_plan(
    paths: ProjectPaths,
    recipe: Recipe,
    tried: SearchSpace,
    *,
    name: str | None,
    trials: int,
    seed: int,
    experiment: str,
    track: bool,
) -> SweepPlan:
    """Write a new plan; raise InputError where its name is taken or a value of it impossible."""
    tried.check(recipe)
    name = name or f"sweep-{name_timestamp()}"
    folder = paths.sweeps / name
    if folder.exists():
        raise InputError(
            f"{folder} is there already",
            hint=f"sentiment sweep --resume {name}, or another --name",
        )
    made = SweepPlan(folder, recipe, tried, trials, seed, experiment, track)
    with files.atomic_dir(folder) as aside:
        (aside / "space.toml").write_text(tried.text, "utf-8")
        (aside / "recipe.toml").write_text(recipes.to_toml(recipe), "utf-8")
        files.write_json(aside / "sweep.json", made.told())
    return made


def find_plan(paths: ProjectPaths, named: str) -> SweepPlan:
    """Return the plan of the sweep `named` so, or of the newest for `last`.

    Raises MissingFileError, which lists the sweeps there are, and DamagedFileError.
    """
    known = sorted(paths.sweeps.glob("[!.]*/sweep.json"), key=lambda path: path.stat().st_mtime_ns)
    names = [path.parent.name for path in reversed(known)]
    if named == LAST and names:
        named = names[0]
    if named not in names:
        there = f"; there are {', '.join(names)}" if names else ""
        raise MissingFileError(f"no sweep {named!r} can be resumed{there}", hint=_HINT)
    folder = paths.sweeps / named
    told = files.read_json(folder / "sweep.json", hint=_HINT)
    recipe = recipes.load_recipe(str(folder / "recipe.toml"))
    with files.read_errors(folder / "sweep.json", hint=_HINT):
        recipe = replace(recipe, name=told.pop("recipe"))
        return SweepPlan(folder, recipe, space.load_space(str(folder / "space.toml")), **told)
