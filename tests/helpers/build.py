"""Small models and texts that many tests use."""

from pathlib import Path

import numpy as np

from sentiment.config import ModelSettings
from sentiment.data.tokenizer import fit
from sentiment.inference import bundle
from sentiment.inference.manifest import DataInfo, Manifest, RunInfo
from sentiment.inference.weights import weight_shapes

TINY = ModelSettings(units=3, embedding=2, ngrams=3, bidirectional=False)
TEXTS = [
    "a good film with a good heart",
    "a bad film with a bad heart",
    "good film with a heart, bad film with none",
]


def tiny_bundle(folder: Path, settings: ModelSettings = TINY, seed: int = 0) -> bundle.Bundle:
    """Write a bundle with random weights to `folder` and open it."""
    texts = [*TEXTS, "none good, none bad"] if settings.negation else TEXTS
    least = 1 if settings.negation else 0
    tokenizer = fit(texts, most_words=100, least_word=1, least_ngram=(2, 2), least_negated=least)[0]
    tokenizer = tokenizer.up_to(settings.ngrams, negation=settings.negation)
    generator = np.random.default_rng(seed)
    shapes = weight_shapes(settings)
    return bundle.write(
        folder,
        tokenizer=tokenizer,
        embedding=generator.normal(size=(tokenizer.feature_count, settings.embedding)),
        weights={name: generator.normal(size=shape).astype("f4") for name, shape in shapes.items()},
        manifest=Manifest(
            created=f"2026-01-01T00:00:{seed:02d}+00:00",
            settings={"model": vars(settings)},
            run=RunInfo("", folder.name),
            data=DataInfo("tiny", "tiny-00000000"),
            temperature=1.25,
        ),
    )
