"""The stages as functions: prepare, train, evaluate and compare.

Settings, defaults and results are those of the commands of the same names, which call the same
code. The functions raise the errors of `sentiment.errors`, print nothing unless `progress` asks for
it, and never end the process. They share these parameters:

progress: True for lines on standard error, a function that is called with each line, or False.
tracking: whether to log to MLflow, or the address of the tracking store to log to; True uses that
in MLFLOW_TRACKING_URI, else the project's own.
experiment: its name in MLflow; None for that in MLFLOW_EXPERIMENT_NAME, else "sentiment".
project: the folder that holds datasets, models and runs; None for the one in SENTIMENT_HOME, else
the project that the working directory belongs to.
"""

import shlex
from collections.abc import Iterable, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sentiment.api.options import (
    AnyPath,
    ShowProgress,
    experiment_name,
    open_model,
    project_paths,
    store_address,
    takes_settings,
    to_progress,
)
from sentiment.config import SnapshotSchedule
from sentiment.data.readers import ReadOptions
from sentiment.errors import InputError
from sentiment.exporting.formats import check_format
from sentiment.model import Model
from sentiment.recipe import DEFAULT, Recipe, default_recipe, load_recipe
from sentiment.tracking.selection import tracking_store
from sentiment.utils import environment
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress, Stopwatch

if TYPE_CHECKING:
    from sentiment.data.prepared import PreparedDataset
    from sentiment.evaluation.evaluate import Evaluation
    from sentiment.evaluation.run_comparison import Comparison
    from sentiment.training.results import TrainingResult

_SHOWN_MISTAKES = 20  # that `train` lists of the test reviews
_DEFAULTS = default_recipe()


@takes_settings(_DEFAULTS.prepare)
def prepare(
    *,
    archive: AnyPath | None = None,
    again: bool = False,
    progress: ShowProgress = False,
    project: AnyPath | None = None,
    **settings: Any,
) -> "PreparedDataset":
    """Tokenize the reviews, build the vocabulary and encode every split; return the dataset.

    settings: those of the table `prepare` of a recipe, such as dataset="sample"; archive: IMDB's
    archive, if it is downloaded already; again: prepare even if it is done already. See the head of
    this module for the others. Raises InputError for a setting or a file that can't be used,
    MissingFileError if a file is missing, and UnavailableError if a download fails.
    """
    from sentiment.data.prepare import prepare as prepare_reviews

    environment.configure_libraries()
    recipe = _DEFAULTS.with_settings(**settings)
    data, _ = prepare_reviews(
        recipe.prepare,
        project_paths(project),
        archive=None if archive is None else Path(archive),
        again=again,
        progress=to_progress(progress),
    )
    return data


@takes_settings(_DEFAULTS.prepare, _DEFAULTS.model, _DEFAULTS.train)
def train(
    *,
    recipe: str | Recipe = DEFAULT,
    name: str | None = None,
    experiment: str | None = None,
    tracking: bool | str = True,
    snapshots: str = "epoch",
    system_metrics: bool = True,
    evaluate: bool = True,
    export: Sequence[str] = (),
    resume: str | None = None,
    progress: ShowProgress = False,
    project: AnyPath | None = None,
    **settings: Any,
) -> "TrainingResult":
    """Train a classifier; prepare the reviews first if necessary.

    The model is in the folder of the result: `sentiment.load(result.folder)`. recipe: the name of a
    recipe, or its file; settings: replace those of the recipe, such as dataset="sample", units=8
    (the signature shows the defaults of the recipe `default`); name: of the run and its model;
    snapshots: when hidden states are logged, `off`, `epoch` or `batch:N`; system_metrics: log the
    use of the machine; evaluate: measure the model on the test reviews; export: formats of
    `sentiment.export` to write the model in at the end, to data/exports and into the run; resume:
    the name of an interrupted training, or `last`, to continue it. See the head for the others.

    Raises InputError for a setting, a name or reviews that can't be used, DivergedError if the loss
    is no longer a number, MissingFileError, DamagedFileError, UnavailableError and MovedError.
    KeyboardInterrupt saves the best epoch first, as Ctrl-C on the command line.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    SnapshotSchedule.parse(snapshots)
    for format in export:
        check_format(format)
    if resume is not None and (settings or name is not None):
        raise InputError("`resume` uses the run's own settings and name: leave out the others")
    environment.configure_libraries()
    with tracking_store(store_address(tracking)):
        return _train(
            recipe.with_settings(**settings),
            project_paths(project).held(),
            to_progress(progress),
            resume=resume,
            evaluate=evaluate,
            export=export,
            track=bool(tracking),
            name=name,
            experiment=experiment_name(experiment),
            snapshots=snapshots,
            system_metrics=system_metrics,
        )


def _train(
    recipe: Recipe,
    paths: ProjectPaths,
    progress: Progress,
    *,
    resume: str | None,
    evaluate: bool,
    export: Sequence[str],
    track: bool,
    name: str | None,
    **logging: Any,
) -> "TrainingResult":
    """Prepare, train and evaluate; logging: the other arguments of `train`."""
    from sentiment.api import training_steps
    from sentiment.api.training_exports import export_trained
    from sentiment.training import tf_config
    from sentiment.training.job import TrainingJob
    from sentiment.training.reviews import TrainingReviews

    worker, stopwatch = tf_config.current_worker(), Stopwatch()
    if name is not None and worker.is_chief:
        training_steps.check_name(paths, name)  # before minutes of preparing
    resumed = None if resume is None else training_steps.find_checkpoint(paths, resume, progress)
    if resumed:
        track = TrainingJob.from_checkpoint(resumed).track
    with stopwatch.measure("preparing"):
        data = training_steps.training_data(recipe.prepare, resumed, paths, progress)
    model, settings = recipe.model, recipe.train
    ahead = nullcontext() if resumed else closing(TrainingReviews.read_ahead(data, model, settings))
    with ahead as reviews:
        progress.note("importing TensorFlow" + (" and MLflow" if track else ""))
        with stopwatch.measure("imports"), environment.suppress_stderr():
            from sentiment.training import train as training
        if resumed:
            result = training.resume(data, resumed, paths, progress=progress, stopwatch=stopwatch)
        else:
            result = training.train(
                data, model, settings, paths, recipe=recipe.name, name=name, track=track,
                reviews=reviews, progress=progress, stopwatch=stopwatch, **logging,
            )  # fmt: skip
    if evaluate and worker.is_chief:
        with stopwatch.measure("evaluation"):
            result = _add_evaluation(result, paths, progress, track=track)
    if export and worker.is_chief:
        with stopwatch.measure("export"):
            exports = export_trained(result.folder, export, paths, progress, track=track)
        result = replace(result, exports=exports)
    return replace(result, seconds=dict(stopwatch.seconds))


def _add_evaluation(
    result: "TrainingResult", paths: ProjectPaths, progress: Progress, *, track: bool
) -> "TrainingResult":
    """Return the result of a training with that of its model on the test reviews."""
    from sentiment.api import measuring
    from sentiment.evaluation.evaluate import load_test_split
    from sentiment.inference import bundle

    paths.check_place(f"sentiment evaluate --model {shlex.quote(result.name)}")
    model = bundle.read(result.folder)
    texts = load_test_split(model, paths)
    evaluation = measuring.measure(
        model, texts, paths, mistakes=_SHOWN_MISTAKES, track=track, progress=progress
    )
    return replace(result, evaluation=evaluation)


@takes_settings(ReadOptions())
def evaluate(
    model: Model | AnyPath | None = None,
    data: AnyPath | None = None,
    *,
    text_column: str = "text",
    label_column: str = "label",
    positive: str = "",
    negative: str = "",
    on_error: Literal["fail", "skip"] = "fail",
    mistakes: int = 5,
    tracking: bool | str = True,
    progress: ShowProgress = False,
    project: AnyPath | None = None,
    **reading: Any,
) -> "Evaluation":
    """Measure a model on the test reviews, or on a labelled file or folder.

    model: an open model, or any name that `sentiment.load` takes; data: the file or folder, None
    for the test reviews of the model's dataset; text_column, label_column, positive, negative: its
    columns and which labels are positive and negative, such as "4,5"; on_error: what to do about
    rows that can't be read; reading: how the file is read, see `ReadOptions`; mistakes: how many of
    the most confident ones to return. See the head of
    this module for the others. The metrics are also saved with the model and in its MLflow run.

    Raises MissingFileError if there is no such model or no such reviews, InputError for a file that
    can't be used, DamagedFileError, and UnavailableError if the tracking store is away.
    """
    from sentiment.api import measuring
    from sentiment.data.label_mapping import LabelMapping
    from sentiment.evaluation.evaluate import load_labelled_file, load_test_split

    paths, bundle = project_paths(project), open_model(model, project).classifier.bundle
    if data is None:
        texts = load_test_split(bundle, paths)
    else:
        texts = load_labelled_file(
            Path(data),
            text_column,
            label_column,
            mapping=LabelMapping.parse(positive, negative),
            on_error=on_error,
            options=ReadOptions(**reading),
        )
    shown = to_progress(progress)
    with tracking_store(store_address(tracking)):
        evaluation = measuring.measure(
            bundle, texts, paths, mistakes=mistakes, track=bool(tracking), progress=shown
        )
    return measuring.add_overlap(evaluation, bundle, texts, paths)


def compare(
    *runs: str,
    filters: Iterable[str] = (),
    sort: str | None = None,
    columns: Iterable[str] = (),
    limit: int | None = None,
    experiment: str | None = None,
    tracking: str | None = None,
    project: AnyPath | None = None,
) -> "Comparison":
    """Compare runs: settings, curves, and paired tests on the same reviews.

    runs: their names or ids, of which the first is the reference; without any, the newest ten runs
    are compared with the most accurate of them; filters: conditions such as "units=16" or
    "validation/loss<0.3"; sort: a setting or a metric, with - before it for the largest first;
    columns: further settings and metrics for the table; limit: the largest number of runs;
    tracking: the address of another tracking store. See the head of this module for the others.

    Raises MissingFileError if the experiment has no runs, InputError if no run matches or for a
    name that no run has, and UnavailableError if the tracking store is away.
    """
    with tracking_store(tracking):
        from sentiment.evaluation.run_comparison import compare_runs
        from sentiment.evaluation.run_query import Query

        query = Query.create(runs, filters, sort=sort, limit=limit, columns=columns)
        return compare_runs(project_paths(project), experiment_name(experiment), query)
