"""Prepare a dataset: load its reviews, build the vocabulary, encode every split."""

from pathlib import Path

from sentiment.config import PrepareSettings
from sentiment.data import prepared, sources, tokenizer, trainable
from sentiment.data.prepared import Manifest, PreparedDataset, VocabularySize
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

_REFERENCE_REVIEWS = 25_000  # the size of IMDB's training split


def prepare(
    settings: PrepareSettings,
    paths: ProjectPaths,
    *,
    archive: Path | None = None,
    again: bool = False,
    progress: Progress | None = None,
) -> tuple[PreparedDataset, bool]:
    """Return the prepared dataset of `settings`, and whether it is new.

    An existing dataset is used as it is, unless `again`. Raises the errors of the data source; see
    `sources`. Raises InputError for a writing without spaces; see `trainable`.
    """
    progress = progress or Progress()
    request = sources.SourceRequest(settings, paths, archive, progress)
    source = sources.find_source(settings.dataset)
    identity = {**settings.content(), "dataset": source.identity(request)}
    folder = paths.prepared / f"{settings.name}-{prepared.settings_key(identity)}"
    if folder.is_dir() and not again:
        return prepared.open_dataset(folder), False
    splits = source.load(request)
    train_texts = splits["train"].texts
    trainable.check_spaces(train_texts)
    min_word_count, *min_ngram_counts = _min_counts(settings, len(train_texts))
    vocabulary, encoded = tokenizer.fit(
        progress.track(train_texts, "building vocabulary", len(train_texts)),
        most_words=settings.vocabulary,
        least_word=min_word_count,
        least_ngram=min_ngram_counts,
    )
    # If two processes prepare the same dataset at once, the one that ends first wins.
    with files.atomic_dir(folder, replace=again) as temporary:
        vocabulary.write(temporary)
        statistics = {}
        for name, split in splits.items():
            if name != "train":
                texts = progress.track(split.texts, f"encoding {name}", len(split.texts))
                encoded = vocabulary.encode(texts)
            statistics[name] = prepared.write_split(
                temporary, name, split.texts, split.labels, encoded
            )
        size = VocabularySize(len(vocabulary.words), len(vocabulary.ngrams))
        manifest = Manifest(identity, size, statistics, files.checksums(temporary))
        prepared.write_manifest(temporary, manifest)
    return prepared.open_dataset(folder), True


def _min_counts(settings: PrepareSettings, reviews: int) -> list[int]:
    """Return how often a word, a pair and a triple must occur in this many training reviews.

    The settings are for 25,000 reviews. Fewer reviews need proportionally fewer occurrences, but
    at least two.
    """
    counts = (settings.least_word, settings.least_bigram, settings.least_trigram)
    return [max(min(count, 2), round(count * reviews / _REFERENCE_REVIEWS)) for count in counts]
