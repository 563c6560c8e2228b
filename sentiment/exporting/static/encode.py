"""Turn texts into the ids that the model beside this file reads, with the standard library alone.

>>> from encode import Encoder
>>> Encoder.read("model").encode(["A good film."])
{'words': [[3, 47, 19]], 'bigrams': [[0, 8120, 9342]], ...}
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from token_rules import RULES

UNKNOWN, FIRST_WORD = 1, 2  # id 0 is padding


class Encoder:
    """The tokenizer and the vocabulary of a model, from its tokenizer.json."""

    def __init__(self, tokenizer: dict[str, Any]):
        self.tokenize = RULES[tokenizer["rules"]]
        self.inputs, self.settings = tokenizer["inputs"], tokenizer
        words, ngrams = tokenizer["words"], tokenizer["ngrams"]
        self.ids = {word: number for number, word in enumerate(words, FIRST_WORD)}
        first = FIRST_WORD + len(words)
        self.ngrams = {tuple(ids): number for number, ids in enumerate(ngrams, first)}
        self.negators = {self.ids[word] for word in tokenizer["negators"]}
        self.ends = {self.ids[word] for word in tokenizer["negation_ends"]}

    @classmethod
    def read(cls, folder: str | Path) -> "Encoder":
        """Return the encoder of the exported model in `folder`."""
        return cls(json.loads((Path(folder) / "tokenizer.json").read_text("utf-8")))

    def encode(self, texts: Iterable[str]) -> dict[str, list[list[int]]]:
        """Return each input's ids, lists of N rows of equal length; 0 fills the end of a row."""
        rows = [self.features(text) for text in texts]
        longest = max([1, *(len(row["words"]) for row in rows)])
        return {
            name: [row[name] + [0] * (longest - len(row[name])) for row in rows]
            for name in self.inputs
        }

    def features(self, text: str) -> dict[str, list[int]]:
        """Return the ids of one text at each of its tokens, a list for each input."""
        words = [self.ids.get(token, UNKNOWN) for token in self.tokenize(text)]
        words = words[-self.settings["max_tokens"] :]
        columns = {
            "words": words,
            "bigrams": self._ngrams_of(words, 2),
            "trigrams": self._ngrams_of(words, 3),
            "negated": self._negated(words),
        }
        if not self.settings["repeats"]:
            for name, column in columns.items():
                columns[name] = _without_repeats(column, UNKNOWN if name == "words" else 0)
        return {name: columns[name] for name in self.inputs}

    def _ngrams_of(self, words: list[int], order: int) -> list[int]:
        """Return the id of the n-gram that ends at each token; 0 if the model has none."""
        column = []
        for end in range(1, len(words) + 1):
            ids = tuple(words[max(0, end - order) : end])
            is_ngram = len(ids) == order and UNKNOWN not in ids
            column.append(self.ngrams.get(ids, 0) if is_ngram else 0)
        return column

    def _negated(self, words: list[int]) -> list[int]:
        """Return the id of each negated word; 0 for other words."""
        column, left = [], 0  # for how many more tokens the last negator holds
        for word in words:
            if word in self.ends:
                left = 0
            is_negated = left > 0 and word not in self.negators
            # In tokenizer.json the n-gram [1, WORD] stands for a negated word.
            column.append(self.ngrams.get((UNKNOWN, word), 0) if is_negated else 0)
            left = self.settings["negation_reach"] if word in self.negators else left - 1
        return column


def _without_repeats(column: list[int], unknown: int) -> list[int]:
    """Return `column` with `unknown` in place of each id that has come before."""
    seen: set[int] = set()
    result = []
    for number in column:
        result.append(unknown if number in seen else number)
        seen.add(number)
    return result
