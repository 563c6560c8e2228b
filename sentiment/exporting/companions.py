"""Write what stands beside an exported network, so that it can be used without this package.

- `tokenizer.json`: `rules`, the number of the token rules; `words`, of which number n, from 0, has
  id n + 2; `ngrams`, each a list of two or three ids of words, or [1, WORD] for a negated word, of
  which number n has the id n + 2 + the number of words; `inputs`, the names of what the network
  reads at each token; `max_tokens`, of which the last ones are read; `repeats`, false if a feature
  counts only once in a text; `negators`, `negation_ends` and `negation_reach`, see
  `data/negation.py`;
- `config.json`: `name`, `created`, `model` (its settings), `temperature`, `neutral_band` and
  `metrics`;
- `encode.py` and `token_rules.py`: texts to ids, with the standard library alone;
- `README.md`: how to use all that.
"""

import json
from dataclasses import asdict
from pathlib import Path
from shutil import copyfile
from typing import Any

from sentiment.config import ModelSettings
from sentiment.data import negation, token_rules
from sentiment.data.tokenizer import Tokenizer
from sentiment.inference.bundle import Bundle
from sentiment.utils import files

_STATIC = Path(__file__).parent / "static"
_NGRAMS = ("words", "bigrams", "trigrams")


def input_names(settings: ModelSettings) -> list[str]:
    """Return the names of the features of a token, its word first."""
    return [*_NGRAMS[: settings.ngrams], *["negated"] * settings.negation]


def write_companions(folder: Path, bundle: Bundle, readme: str) -> None:
    """Write the files into `folder`. readme: the name of the text that explains the network."""
    tokenizer = json.dumps(_tokenizer(bundle), ensure_ascii=False, separators=(",", ":"))
    files.write_text(folder / "tokenizer.json", f"{tokenizer}\n")
    files.write_json(folder / "config.json", _config(bundle))
    copyfile(_STATIC / "encode.py", folder / "encode.py")
    copyfile(Path(token_rules.__file__), folder / "token_rules.py")
    parts = [(_STATIC / name).read_text("utf-8") for name in (readme, "common.md")]
    files.write_text(folder / "README.md", "\n".join(parts))


def _tokenizer(bundle: Bundle) -> dict[str, Any]:
    settings, tokenizer = bundle.settings, bundle.tokenizer
    return {
        "rules": tokenizer.rules,
        "inputs": input_names(settings),
        "max_tokens": settings.longest_review,
        "repeats": settings.repeats,
        "negation_reach": negation.REACH,
        "negators": [word for word in tokenizer.words if negation.is_negator(word)],
        "negation_ends": [word for word in tokenizer.words if negation.ends_reach(word)],
        "words": tokenizer.words,
        "ngrams": _ngrams(tokenizer),
    }


def _ngrams(tokenizer: Tokenizer) -> list[list[int]]:
    """Return the ids of the words of each n-gram; keys as large as theirs are not exact in JSON."""
    base, result = tokenizer.vocabulary_size, []
    for key in tokenizer.ngrams.tolist():
        ids: list[int] = []
        while key:
            key, word = divmod(key, base)
            ids.insert(0, word)
        result.append(ids)
    return result


def _config(bundle: Bundle) -> dict[str, Any]:
    manifest, band = bundle.manifest, bundle.manifest.neutral_band
    return {
        "name": bundle.name,
        "created": manifest.created,
        "model": asdict(bundle.settings),
        "temperature": bundle.temperature,
        "neutral_band": asdict(band) if band else None,
        "metrics": manifest.metrics,
    }
