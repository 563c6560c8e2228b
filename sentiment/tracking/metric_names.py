"""The names of metrics, in MLflow and in a model's manifest: `split/metric`."""

from sentiment.utils.progress import EpochMetrics

TRAIN_LOSS, TRAIN_ACCURACY = "train/loss", "train/accuracy"
VALIDATION_LOSS, VALIDATION_ACCURACY = "validation/loss", "validation/accuracy"
SPEED = "train/reviews_per_second"
TEST_ACCURACY = "test/accuracy"

SYSTEM = "system/"  # before the names of the machine's metrics, as in MLflow
BEST = "best/"  # before the names of the best epoch's metrics, which are the latest ones otherwise


def metric_name(split: str, metric: str) -> str:
    """Return the name of a metric of a split, such as `test/roc_auc`."""
    return f"{split}/{metric}"


def epoch_metrics(epoch: EpochMetrics) -> dict[str, float]:
    """Return the metrics that a run logs after an epoch, by name."""
    return {
        TRAIN_LOSS: epoch.train_loss,
        TRAIN_ACCURACY: epoch.train_accuracy,
        SPEED: epoch.reviews_per_second,
        VALIDATION_LOSS: epoch.validation_loss,
        VALIDATION_ACCURACY: epoch.validation_accuracy,
    }


def best_metrics(epoch: EpochMetrics) -> dict[str, float]:
    """Return what a run logs of its best epoch at the end, by name."""
    metrics = {name: value for name, value in epoch_metrics(epoch).items() if name != SPEED}
    return {f"{BEST}epoch": float(epoch.epoch)} | {
        f"{BEST}{name}": value for name, value in metrics.items()
    }
