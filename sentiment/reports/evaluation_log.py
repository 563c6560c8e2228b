"""Log an evaluation to the run of its model, with tables and pictures."""

from contextlib import suppress

from sentiment.config import MAX_COMPARED
from sentiment.errors import SentimentError
from sentiment.evaluation.evaluate import Evaluation, LabelledTexts
from sentiment.evaluation.overlap import find_training_data
from sentiment.evaluation.run_comparison import compare_runs
from sentiment.evaluation.run_query import Condition, Query
from sentiment.inference.bundle import Bundle
from sentiment.reports.evaluation_charts import draw_charts
from sentiment.reports.run_comparison import comparison_page
from sentiment.reports.run_report import add_evaluation
from sentiment.tracking import run as runs
from sentiment.tracking import store
from sentiment.tracking.offline import additions, connection
from sentiment.tracking.run import MlflowRun
from sentiment.tracking.run_logger import Dataset, EvaluationRecord
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

_REPORT = "report.html"


def log_evaluation(
    bundle: Bundle,
    evaluation: Evaluation,
    data: LabelledTexts,
    paths: ProjectPaths,
    progress: Progress | None = None,
) -> bool:
    """Log the metrics to the run that trained `bundle`; return False if the store lacks it.

    After an evaluation on the test reviews the run's report has it too, and a page compares the run
    with others: not on a server, for whose hundred answers a training would have to wait.
    """
    training = find_training_data(bundle, paths) if data.name == "test" else None
    is_here = training is not None and training.splits["test"].digest == data.digest
    drawn = draw_charts(
        evaluation.scores,
        data.labels,
        evaluation.probabilities,
        data.texts,
        training if is_here else None,
    )
    is_logged = additions.log_evaluation(
        paths,
        bundle.manifest.run.id,
        bundle.name,
        EvaluationRecord(
            metrics=evaluation.as_metrics(data.name),
            mistakes=evaluation.mistakes_table(),
            predictions={"probabilities": evaluation.probabilities, "labels": data.labels},
            dataset=Dataset(data.name, "testing", data.digest, {"name": data.name}),
            accuracy=evaluation.scores.describe(),
            tables=drawn.tables,
            pictures=drawn.pictures,
        ),
        say=(progress or Progress()).note,
    )
    if is_logged and data.name == "test" and not store.is_server(paths):
        _complete_report(bundle, evaluation, paths)
        _log_comparison(bundle, paths)
    return is_logged


def _complete_report(bundle: Bundle, evaluation: Evaluation, paths: ProjectPaths) -> None:
    """Add the scores on the test reviews to the report of the run."""

    def complete(run: MlflowRun) -> None:
        run.change_text(_REPORT, lambda text: add_evaluation(text, evaluation.scores))

    with suppress(*connection.STORE_ERRORS, SentimentError):
        runs.add_to_run(paths, bundle.manifest.run.id, complete)


def _log_comparison(bundle: Bundle, paths: ProjectPaths) -> None:
    """Log a page that compares the run of `bundle` with the newest others on its data.

    A run that can't be read leaves out the page.
    """
    experiment, run_id = bundle.manifest.run.experiment, bundle.manifest.run.id
    with suppress(*connection.STORE_ERRORS, SentimentError, KeyError):
        dataset = str(bundle.manifest.settings["prepare"]["dataset"])
        same_data = Condition("dataset", "=", dataset)
        query = Query(conditions=(same_data,), limit=MAX_COMPARED)
        comparison = compare_runs(paths, experiment, query)
        if len(comparison.runs) > 1:
            page = comparison_page(paths, comparison, experiment)
            runs.add_to_run(paths, run_id, lambda run: run.log_comparison(page))
