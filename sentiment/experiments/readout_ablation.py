"""Train a network with each readout and several seeds, and measure all on the test split."""

from dataclasses import replace
from typing import get_args

import numpy as np

from sentiment.config import ModelSettings, TrainSettings, setting_field
from sentiment.data.count_ratios import log_count_ratios
from sentiment.data.examples import Examples
from sentiment.data.prepared import PreparedDataset
from sentiment.data.split import split_training_reviews
from sentiment.errors import InputError
from sentiment.evaluation import evaluate
from sentiment.evaluation.review_groups import opinion_centers, quantile_groups
from sentiment.experiments.ablation_result import AblationResult, NetworkResult
from sentiment.inference import bundle
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.nn import network
from sentiment.reports.evaluation_log import log_evaluation
from sentiment.tracking import store
from sentiment.training import diagnostics
from sentiment.training.train import TrainingResult, train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress
from sentiment.utils.timestamps import name_timestamp

READOUTS = get_args(setting_field(ModelSettings, "readout").type)
_LENGTH_GROUPS, _POSITION_GROUPS = 4, 3  # of test reviews: quarters; early, middle, late


def compare_readouts(
    data: PreparedDataset,
    model: ModelSettings,
    settings: TrainSettings,
    paths: ProjectPaths,
    *,
    seeds: int = 3,
    recipe: str = "default",
    experiment: str = store.EXPERIMENT,
    track: bool = True,
    progress: Progress | None = None,
) -> AblationResult:
    """Train every readout with `seeds` seeds, from that of `settings` upwards, and measure them.

    With one seed all readouts have the same initial weights, batches and number of epochs. No
    training stops early: the settings `patience` and `readout` are ignored. Each network learns
    alone: without a teacher, whose unit only a last state can have, and without others to merge.
    The best epoch is chosen on the validation reviews, as always; nothing is chosen on the test
    split. Raises InputError if `seeds` is below 1.
    """
    if seeds < 1:
        raise InputError(
            f"a comparison needs 1 seed or more, got {seeds}",
            hint="sentiment compare --readout --seeds 3",
        )
    progress, all_settings = progress or Progress(), _all_settings(model, settings, seeds)
    evaluator = ReadoutEvaluator(data, model, settings)
    timestamp, total = name_timestamp(), len(all_settings)
    results = []
    for number, (shape, chosen) in enumerate(all_settings, 1):
        progress.note(f"training {number} of {total}: readout {shape.readout}, seed {chosen.seed}")
        name = f"{recipe}-{shape.readout}-seed{chosen.seed}-{timestamp}"
        trained = train(
            data, shape, chosen, paths,
            recipe=recipe, experiment=experiment, name=name, track=track, progress=progress,
        )  # fmt: skip
        progress.note(f"measuring {number} of {total} on {len(evaluator):,} test reviews")
        results.append(evaluator.measure(trained, paths))
    lengths, positions = evaluator.lengths.groups, evaluator.positions.groups
    return AblationResult(data.folder.name, lengths, positions, tuple(results))


def _all_settings(
    model: ModelSettings, settings: TrainSettings, seeds: int
) -> list[tuple[ModelSettings, TrainSettings]]:
    """Return the settings of every network, so that an invalid seed fails before any training."""
    return [
        (
            replace(model, readout=readout),
            replace(
                settings,
                seed=settings.seed + index,
                patience=settings.epochs,
                teacher="off",
                members=1,
                sentence_members=0,
            ),
        )
        for index in range(seeds)
        for readout in READOUTS
    ]


class ReadoutEvaluator:
    """Measures networks on the test split, as a whole and in groups, and their gradients.

    Lengths are those of whole reviews. Positions of opinions are those among the words that `model`
    reads; opinion words are those with a large log-count ratio in the training reviews.
    """

    def __init__(self, data: PreparedDataset, model: ModelSettings, settings: TrainSettings):
        tokenizer = data.tokenizer.up_to(model.ngrams, negation=model.negation)
        split = split_training_reviews(data.split("train"), tokenizer, model, settings)
        words = replace(split.train, features=split.train.features[:, :1])
        ratios = log_count_ratios(words, tokenizer.vocabulary_size)
        whole = data.split("test").encoded
        self._encoded = whole.last(model.longest_review)
        self._validation: Examples = split.validation
        self._test = evaluate.read_test_split(data)
        self.lengths = quantile_groups(whole.lengths, _LENGTH_GROUPS)
        centers = opinion_centers(self._encoded.tokens, self._encoded.offsets, ratios)
        self.positions = quantile_groups(centers, _POSITION_GROUPS)

    def __len__(self) -> int:
        return len(self._encoded)

    def measure(self, trained: TrainingResult, paths: ProjectPaths) -> NetworkResult:
        """Return the measures of a network, and save its evaluation in its run and folder.

        Predictions are those of the NumPy runtime, which answers in use.
        """
        model = bundle.read(trained.folder)
        classifier = Classifier(model)
        # Encoded once, by the prepared dataset: every bundle has the same vocabulary.
        logits = classifier.logits(classifier.final_states(self._encoded))
        evaluation = evaluate.evaluate_logits(model, self._test, logits)
        evaluate.save_metrics(model, evaluation, self._test, paths)
        if trained.run_id:
            log_evaluation(model, evaluation, self._test, paths)
        correct = (logits >= 0) == (self._test.labels == 1)
        return NetworkResult(
            readout=model.settings.readout,
            seed=model.manifest.settings["train"]["seed"],
            model=trained.name,
            run_id=trained.run_id,
            accuracy=float(correct.mean()),
            gradients=_gradient_norms(model, self._validation),
            by_length=self.lengths.means(correct),
            by_position=self.positions.means(correct),
        )


def _gradient_norms(model: Bundle, examples: Examples) -> tuple[float, float, float]:
    """Return the mean norm of dL/dh_t at the first, the middle and the last step."""
    words, ngrams = model.tokenizer.vocabulary_size, len(model.tokenizer.ngrams)
    rebuilt = network.build_network(model.settings, words=words, ngrams=ngrams, seed=0)
    network.set_arrays(rebuilt, model.embedding.astype(np.float32), model.weights)
    return diagnostics.gradient_norms(rebuilt, model.settings, examples)
