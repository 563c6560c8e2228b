"""Prepare a dataset: load its reviews, build the vocabulary, encode every split."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.config import READ_SETTINGS, PrepareSettings
from sentiment.data import labelled_files, prepared, readers, sources, tokenizer, trainable
from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.label_mapping import parse_labels
from sentiment.data.prepared import Manifest, PreparedDataset, VocabularySize
from sentiment.data.reviews import Reviews, Splits
from sentiment.data.sources import DataSource, SourceRequest
from sentiment.data.tokenizer import Tokenizer
from sentiment.errors import InputError
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

_IN_MEMORY = "texts"  # the name of a dataset that has no file
# IMDB's training reviews: the labelled ones, and all.
_REFERENCE_REVIEWS = {"train": 25_000, "all": 75_000}


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
    request = SourceRequest(settings, paths, archive, progress)
    source = sources.find_source(settings.dataset)
    recorded = recorded_settings(source, request)
    folder = paths.prepared / folder_name(settings.name, source, recorded)
    _check_archive(request, folder, again=again)
    if folder.is_dir() and not again:
        return prepared.open_dataset(folder), False
    splits = source.load(request)
    return _write(folder, splits, settings, recorded, progress, replace=again), True


def prepare_texts(
    reviews: Reviews,
    settings: PrepareSettings,
    paths: ProjectPaths,
    *,
    progress: Progress | None = None,
) -> PreparedDataset:
    """Return texts in memory as the training reviews of a prepared dataset without test reviews.

    Raises InputError for a writing without spaces.
    """
    digest = hashlib.sha256(reviews.labels.tobytes())
    for text in reviews.texts:
        digest.update(hashlib.sha256(text.encode("utf-8")).digest())
    recorded = {**asdict(settings), "dataset": f"{_IN_MEMORY}:{digest.hexdigest()}"}
    folder = paths.prepared / f"{_IN_MEMORY}-{prepared.settings_key(recorded)}"
    if folder.is_dir():
        return prepared.open_dataset(folder)
    splits = {"train": reviews, "test": Reviews([], np.empty(0, np.int8))}
    return _write(folder, splits, settings, recorded, progress or Progress())


def _write(
    folder: Path,
    splits: Splits,
    settings: PrepareSettings,
    recorded: dict[str, Any],
    progress: Progress,
    *,
    replace: bool = False,
) -> PreparedDataset:
    """Build the vocabulary of `splits`, encode them, and write all to `folder`."""
    trainable.check_spaces(splits["train"].texts)
    vocabulary, encoded_splits = _fit_vocabulary(settings, splits, progress)
    # If two processes prepare the same dataset at once, the one that ends first wins.
    with files.atomic_dir(folder, replace=replace) as temporary:
        vocabulary.write(temporary)
        statistics = {}
        for name, split in splits.items():
            encoded = encoded_splits.get(name)
            if encoded is None:
                own = progress.track(split.texts, f"encoding {name}", len(split.texts))
                encoded = vocabulary.encode(own, is_split=True)
            statistics[name] = prepared.write_split(
                temporary, name, split.texts, split.labels, encoded
            )
        size = VocabularySize(len(vocabulary.words), len(vocabulary.ngrams))
        notes = [note for split in splits.values() for note in split.notes]
        manifest = Manifest(recorded, size, statistics, files.checksums(temporary), notes=notes)
        prepared.write_manifest(temporary, manifest)
    return prepared.open_dataset(folder)


def _fit_vocabulary(
    settings: PrepareSettings, splits: Splits, progress: Progress
) -> tuple[Tokenizer, dict[str, EncodedTexts]]:
    """Return the vocabulary, and the splits that it was counted on, encoded."""
    counts_all = settings.vocabulary_from == "all"
    counted = [name for name in splits if name == "train" or (counts_all and name != "test")]
    texts = [text for name in counted for text in splits[name].texts]
    min_word_count, *min_ngram_counts, min_negated_count = _min_counts(settings, len(texts))
    vocabulary, tokens = tokenizer.fit(
        progress.track(texts, "building vocabulary", len(texts)),
        most_words=settings.vocabulary,
        least_word=min_word_count,
        least_ngram=min_ngram_counts,
        least_negated=min_negated_count,
    )
    ends = np.cumsum([len(splits[name].texts) for name in counted])
    return vocabulary, dict(zip(counted, tokens.divide(ends[:-1]), strict=True))


def _check_archive(request: SourceRequest, folder: Path, *, again: bool) -> None:
    """Raise an error if an archive can't be used, and say so if it will not be read."""
    archive, dataset = request.archive, request.settings.dataset
    if archive is None:
        return
    if dataset != "imdb":
        raise InputError(
            f"--archive is a download of imdb, and the dataset is {dataset}",
            hint="leave out --archive",
        )
    readers.open_binary(archive).close()
    if folder.is_dir() and not again:
        request.progress.note(f"{folder.name} is prepared already: {archive} is not read")


# Settings of files, labels and test reviews, which apply to labelled rows alone.
ROW_SETTINGS = (*READ_SETTINGS, "positive", "negative", "on_error", "test", "test_share")


def recorded_settings(source: DataSource, request: SourceRequest) -> dict[str, Any]:
    """Return the settings, with digests in the names of files."""
    settings = request.settings
    if not source.labelled_rows:
        for name in ("positive", "negative", "test"):
            if getattr(settings, name):
                raise InputError(
                    f"{settings.dataset} has labels and test reviews of its own",
                    hint=f"leave out --{name}",
                )
    recorded = {**asdict(settings), "dataset": source.identity(request)}
    if settings.test:
        recorded["test"] = labelled_files.file_identity(Path(settings.test))
    return recorded


def folder_name(name: str, source: DataSource, recorded: dict[str, Any]) -> str:
    """Return the name of the folder of a dataset called `name` with the settings `recorded`."""
    return f"{name}-{prepared.settings_key(key_settings(source, recorded))}"


def key_settings(source: DataSource, recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that change the content of the prepared dataset.

    Row settings came later: those with their default are left out, so that keys stay the same.
    """
    defaults = asdict(PrepareSettings())
    unused = {
        name
        for name in ROW_SETTINGS
        if not source.labelled_rows
        or recorded[name] == defaults[name]
        or (name == "test_share" and recorded["test"])
    }
    for name in ("vocabulary_from", "least_negated"):  # likewise
        if recorded[name] == defaults[name]:
            unused.add(name)
    identity = {name: value for name, value in recorded.items() if name not in unused}
    for name in {"positive", "negative"} & identity.keys():
        identity[name] = sorted(parse_labels(identity[name]))
    return identity if source.version == 1 else identity | {"source_version": source.version}


def _min_counts(settings: PrepareSettings, reviews: int) -> list[int]:
    """Return how often a word, a pair, a triple and a negated word must occur to be known.

    reviews: how many there are to count in.

    The settings are for IMDB's number of reviews. Fewer reviews need proportionally fewer
    occurrences, but at least two.
    """
    counts = (
        settings.least_word,
        settings.least_bigram,
        settings.least_trigram,
        settings.least_negated,
    )
    share = reviews / _REFERENCE_REVIEWS[settings.vocabulary_from]
    return [max(min(count, 2), round(count * share)) for count in counts]
