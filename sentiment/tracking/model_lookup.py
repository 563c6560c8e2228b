"""List the models of the tracking store under the names that people type."""

from contextlib import suppress
from dataclasses import dataclass

from sentiment.errors import MissingFileError
from sentiment.tracking import history, store, tags
from sentiment.utils.paths import ProjectPaths


@dataclass(frozen=True)
class RunModel:
    """The best model of a run: the run's name and id, and the id of the logged model."""

    name: str
    run_id: str
    model_id: str


def list_run_models(paths: ProjectPaths) -> list[RunModel]:
    """Return the best model of each run, of all experiments.

    Raises MissingFileError if there is no store, and UnavailableError if it can't be read.
    """
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        experiments = [experiment.name for experiment in client.search_experiments()]
    found: list[RunModel] = []
    for experiment in experiments:
        with suppress(MissingFileError):  # an experiment without runs
            found += [
                RunModel(run.bare_name, run.id, run.tags[tags.BEST_MODEL])
                for run in history.list_runs(paths, experiment)
                if tags.BEST_MODEL in run.tags
            ]
    return found


def list_addresses(paths: ProjectPaths) -> list[str]:
    """Return the addresses of the registered models: those with aliases, then by number."""
    client = store.connect_existing(paths)
    with store.store_errors(paths):
        models = list(client.search_registered_models())
        versions = list(client.search_model_versions())
    aliases = [f"models:/{model.name}@{alias}" for model in models for alias in model.aliases]
    latest = [f"models:/{model.name}/latest" for model in models]
    return [*aliases, *latest, *(f"models:/{each.name}/{each.version}" for each in versions)]
