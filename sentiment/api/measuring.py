"""Measure a model, save the results, and count the texts that it has learnt from."""

from dataclasses import replace

from sentiment.errors import SentimentError
from sentiment.evaluation import evaluate, overlap
from sentiment.evaluation.evaluate import Evaluation, LabelledTexts
from sentiment.inference.bundle import Bundle
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress


def measure(
    bundle: Bundle,
    data: LabelledTexts,
    paths: ProjectPaths,
    *,
    mistakes: int,
    track: bool,
    progress: Progress,
) -> Evaluation:
    """Evaluate a model; save the results with the model and, if wanted, in its run.

    Raises an error if they can't be saved with a model of this project.
    """
    evaluation = evaluate.evaluate(bundle, data, worst=mistakes, progress=progress)
    try:
        evaluate.save_metrics(bundle, evaluation, data, paths)
    except SentimentError as error:
        if bundle.folder.resolve().parent == paths.models.resolve():
            raise  # what belongs to the model is missing there
        progress.note(f"the metrics are not saved: {error.fact}")
    if track and bundle.manifest.run.id:
        from sentiment.reports.evaluation_log import log_evaluation  # Matplotlib

        if not log_evaluation(bundle, evaluation, data, paths, progress):
            progress.note(f"not logged: the run {bundle.name} is not in this tracking store")
    return evaluation


def add_overlap(
    evaluation: Evaluation, bundle: Bundle, data: LabelledTexts, paths: ProjectPaths
) -> Evaluation:
    """Return the evaluation with how many texts are also training texts, if these are here."""
    training = overlap.find_training_data(bundle, paths)
    if training is None:
        return evaluation
    seen = overlap.measure_overlap(training, data.texts, data.labels, evaluation.probabilities)
    return replace(evaluation, overlap=seen)
