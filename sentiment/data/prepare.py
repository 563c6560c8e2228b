"""Stage 1: reviews in, a prepared set on disk out.

Knows the order of the work; knows nothing of training or of how progress is shown.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sentiment.config import PrepareSettings
from sentiment.data import prepared, tokenizer
from sentiment.data import sources as reviews
from sentiment.data.prepared import PreparedDataset
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

_STATED_FOR = 25_000  # reviews: the size of IMDB's training split


def prepare(
    settings: PrepareSettings,
    paths: ProjectPaths,
    *,
    archive: Path | None = None,
    again: bool = False,
    progress: Progress | None = None,
) -> tuple[PreparedDataset, bool]:
    """Return the prepared set of `settings` and whether it had to be made.

    A set that is there is used as it is, unless `again` asks for it anew. TensorFlow is imported
    only where IMDB has to be read.
    """
    progress = progress or Progress()
    stated, load = _source(settings, paths, archive, progress)
    folder = paths.prepared / f"{settings.name}-{prepared.settings_key(stated)}"
    if folder.is_dir() and not again:
        return prepared.open_dataset(folder), False
    splits = load()
    least_word, *least_ngram = _least(settings, len(splits["train"].texts))
    vocabulary, encoded = tokenizer.fit(
        progress.track(splits["train"].texts, "building vocabulary", len(splits["train"].texts)),
        most_words=settings.vocabulary,
        least_word=least_word,
        least_ngram=least_ngram,
    )
    # Of two processes that make it at once the first is read already where the second ends.
    with files.atomic_dir(folder, replace=again) as aside:
        vocabulary.write(aside)
        statistics = {}
        for name, split in splits.items():
            if name != "train":
                texts = progress.track(split.texts, f"encoding {name}", len(split.texts))
                encoded = vocabulary.encode(texts)
            statistics[name] = prepared.write_split(aside, name, split.texts, split.labels, encoded)
        manifest = {
            "format": prepared.FORMAT,
            "settings": stated,
            "vocabulary": {"words": len(vocabulary.words), "ngrams": len(vocabulary.ngrams)},
            "splits": statistics,
        }
        manifest["files"] = files.checksums(aside)
        files.write_json(aside / "manifest.json", files.add_checksum(manifest))
    return prepared.open_dataset(folder), True


def _least(settings: PrepareSettings, reviews: int) -> list[int]:
    """Return how often a word, a pair and three words must occur in so many training reviews.

    The settings are stated for 25,000; fewer reviews ask for less, but for two at least.
    """
    stated = (settings.least_word, settings.least_bigram, settings.least_trigram)
    return [max(min(least, 2), round(least * reviews / _STATED_FOR)) for least in stated]


def _source(
    settings: PrepareSettings, paths: ProjectPaths, archive: Path | None, progress: Progress
) -> tuple[dict[str, Any], Callable[[], dict[str, reviews.Reviews]]]:
    """Return the settings that tell this set from others, and how its reviews are loaded."""
    stated = asdict(settings)
    if settings.dataset == "imdb":
        return stated, lambda: reviews.load_imdb(paths.tfds, archive, progress)
    if settings.dataset == "sample":
        return stated, reviews.load_sample
    path = Path(settings.dataset)
    # A file is known by what it holds, wherever it lies.
    stated["dataset"] = f"{path.name}:{reviews.file_digest(path)}"
    return stated, lambda: reviews.load_file(path, settings.text_column, settings.label_column)
