"""Log an evaluation to the run of its model, with tables and pictures."""

from sentiment.evaluation.evaluate import Evaluation, LabelledTexts
from sentiment.evaluation.overlap import find_training_data
from sentiment.inference.bundle import Bundle
from sentiment.reports.evaluation_charts import draw_charts
from sentiment.tracking.run_logger import Dataset, EvaluationRecord
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress


def log_evaluation(
    bundle: Bundle,
    evaluation: Evaluation,
    data: LabelledTexts,
    paths: ProjectPaths,
    progress: Progress | None = None,
) -> bool:
    """Log the metrics to the run that trained `bundle`; return False if the store lacks it."""
    from sentiment.tracking.offline import additions  # here, as importing MLflow takes two seconds

    training = find_training_data(bundle, paths) if data.name == "test" else None
    is_here = training is not None and training.splits["test"].digest == data.digest
    drawn = draw_charts(
        evaluation.scores,
        data.labels,
        evaluation.probabilities,
        data.texts,
        training if is_here else None,
    )
    return additions.log_evaluation(
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
