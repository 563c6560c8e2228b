"""Stage: a prepared set in, a contrast of networks that read their states in three ways out.

Knows the order of the work: train each readout with each seed, measure each on the test split. It
stands above training and evaluation, which do both; knows nothing of how the contrast is shown.
"""

from dataclasses import replace
from typing import get_args

import numpy as np

from sentiment.config import ModelSettings, TrainSettings, setting_field
from sentiment.data.examples import Examples
from sentiment.data.prepared import PreparedDataset
from sentiment.data.split import split_training_reviews
from sentiment.errors import InputError
from sentiment.evaluation import evaluate
from sentiment.experiments.ablation_result import AblationResult, NetworkResult
from sentiment.experiments.review_groups import in_equal_parts, opinion_centres
from sentiment.inference import bundle
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.nn import network
from sentiment.nn.initializers import log_count_ratios
from sentiment.tracking import store
from sentiment.training import diagnostics
from sentiment.training.train import TrainingResult, train
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress
from sentiment.utils.timestamps import name_timestamp

READOUTS = get_args(setting_field(ModelSettings, "readout").type)
_LENGTHS, _POSITIONS = 4, 3  # groups of test reviews: quarters, and early, middle, late


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
    """Train every readout with `seeds` seeds, from that of `settings` up, and measure them.

    With one seed all readouts have the same first weights, batches and number of epochs: none
    stops early, so that `patience` counts for nothing, as does the readout of `model`. Which epoch
    is kept is chosen, as always, on the reviews held back; nothing is chosen on the test split.
    Raises InputError where `seeds` is below 1.
    """
    if seeds < 1:
        raise InputError(
            f"a comparison needs 1 seed or more, got {seeds}",
            hint="sentiment compare --readout --seeds 3",
        )
    progress, plans = progress or Progress(), _plans(model, settings, seeds)
    yardstick = ReadoutEvaluator(data, model, settings.validation_share)
    moment = name_timestamp()
    networks = []
    for number, (shape, chosen) in enumerate(plans, 1):
        progress.note(
            f"training {number} of {len(plans)}: readout {shape.readout}, seed {chosen.seed}"
        )
        name = f"{recipe}-{shape.readout}-seed{chosen.seed}-{moment}"
        trained = train(
            data, shape, chosen, paths,
            recipe=recipe, experiment=experiment, name=name, track=track, progress=progress,
        )  # fmt: skip
        progress.note(f"measuring {number} of {len(plans)} on {len(yardstick):,} test reviews")
        networks.append(yardstick.measure(trained, paths))
    return AblationResult(
        data.folder.name, yardstick.lengths.groups, yardstick.positions.groups, tuple(networks)
    )


def _plans(
    model: ModelSettings, settings: TrainSettings, seeds: int
) -> list[tuple[ModelSettings, TrainSettings]]:
    """Return the settings of every network, seed by seed, so that all seeds are known to be fit."""
    return [
        (
            replace(model, readout=readout),
            replace(settings, seed=settings.seed + number, patience=settings.epochs),
        )
        for number in range(seeds)
        for readout in READOUTS
    ]


class ReadoutEvaluator:
    """What every network is measured on: the test split in groups, and the reviews held back.

    Lengths are those of whole reviews. Where the opinion stands is told by the words alone that
    `model` reads, and by how often training reviews of either label have them.
    """

    def __init__(self, data: PreparedDataset, model: ModelSettings, share: float):
        tokenizer = data.tokenizer.up_to(model.ngrams)
        parts = split_training_reviews(data.split("train"), tokenizer, model, share)
        words = replace(parts.train, features=parts.train.features[:, :1])
        ratios = log_count_ratios(words, tokenizer.vocabulary_size)
        whole = data.split("test").encoded
        self._read = whole.last(model.longest_review)
        self._held: Examples = parts.validation
        self._test = evaluate.read_test_split(data)
        self.lengths = in_equal_parts(whole.lengths, _LENGTHS)
        centres = opinion_centres(self._read.tokens, self._read.offsets, ratios)
        self.positions = in_equal_parts(centres, _POSITIONS)

    def __len__(self) -> int:
        return len(self._read)

    def measure(self, trained: TrainingResult, paths: ProjectPaths) -> NetworkResult:
        """Return the measures of a network, and keep those of an evaluation in its run and folder.

        The NumPy runtime reads the reviews, so that what is measured is what answers later.
        """
        opened = bundle.read(trained.folder)
        classifier = Classifier(opened)
        # As numbered when the data was prepared: the vocabulary is the same in every bundle.
        logits = classifier.logits(classifier.final_states(self._read))
        evaluation = evaluate.evaluate_logits(opened, self._test, logits)
        evaluate.save_metrics(opened, evaluation, self._test)
        if trained.run_id:
            evaluate.log_evaluation(opened, evaluation, self._test, paths)
        right = (logits >= 0) == (self._test.labels == 1)
        return NetworkResult(
            readout=opened.settings.readout,
            seed=opened.record["settings"]["train"]["seed"],
            model=trained.name,
            run_id=trained.run_id,
            accuracy=float(right.mean()),
            gradients=gradients(opened, self._held),
            by_length=self.lengths.means(right),
            by_position=self.positions.means(right),
        )


def gradients(opened: Bundle, examples: Examples) -> tuple[float, float, float]:
    """Return the mean norm of dL/dh_t at the first, the middle and the last step."""
    words, ngrams = opened.tokenizer.vocabulary_size, len(opened.tokenizer.ngrams)
    rebuilt = network.build_network(opened.settings, words=words, ngrams=ngrams, seed=0)
    network.set_arrays(rebuilt, opened.embedding.astype(np.float32), opened.weights)
    return diagnostics.gradient_norms(rebuilt, opened.settings, examples)
