"""Split texts into tokens, and map tokens and n-grams to ids.

An id is a row of the embedding table: 0 is padding and belongs to no word, 1 is any unknown word,
2 … V-1 are words, the most frequent first, and ids from V on are n-grams.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, count
from pathlib import Path

import numpy as np

from sentiment.data import large_arrays, ngram_keys, plain_tokens
from sentiment.data.encoded_texts import EncodedTexts, concatenate
from sentiment.data.key_table import KeyTable
from sentiment.data.negation import Negation
from sentiment.data.word_table import GrowingTable, WordTable
from sentiment.errors import DamagedFileError, InputError
from sentiment.utils import files, npz

PADDING, UNKNOWN, FIRST_WORD = ngram_keys.PADDING, ngram_keys.UNKNOWN, ngram_keys.FIRST_WORD
# Where the key of a bigram has its first word, which is never unknown, that of a negated word has:
NEGATED = UNKNOWN
RULES = max(plain_tokens.RULES)  # of a new vocabulary
MOST_DIFFERENT = 1 << 24  # words of all training texts; English reviews of 500 MiB have a twentieth
MOST_TOKENS = 1 << 27  # of one split; prose of 512 MiB has 100 million, marks alone have more
_BATCH = 1 << 20  # characters of the texts that are encoded at once
_FEW = 1 << 14  # characters whose words are looked up one by one: a table takes time to make
MAX_WORDS = 1 << 20  # three word ids must fit into one int64 key
_IN_CACHE = 1 << 18  # tokens whose n-grams are looked up at once


def tokenize(text: str) -> list[str]:
    """Return the lower-case tokens of `text` by the newest rules.

    Markup is removed, entities are decoded, accents and control characters are dropped. Symbols and
    smileys are tokens:

    >>> tokenize("It isn&#39;t bad<br />A CLICHÉ, but 7/10! ⭐ :D")
    ['it', "isn't", 'bad', 'a', 'cliche', 'but', '7/10', '!', '⭐', ':d']
    """
    return plain_tokens.RULES[RULES](text)


class Tokenizer:
    """A vocabulary of words and of n-grams of these words.

    words: in order of their ids; words[0] has id 2.
    ngrams: int64 (G,), ascending keys of the known n-grams, see `ngram_keys`; n-gram g has id
    V + g. Negated words count as n-grams: that of word w has the key NEGATED · V + w.
    rules: the number of the rules that divide a text into tokens, see `token_rules`.
    """

    def __init__(self, words: Sequence[str], ngrams: np.ndarray | None = None, rules: int = RULES):
        _check_count(words)
        self.rules = rules
        self.words = list(words)
        self._ids = dict(zip(self.words, count(FIRST_WORD), strict=False))
        self.ngrams = np.empty(0, np.int64) if ngrams is None else ngrams

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` by the rules of this vocabulary."""
        return plain_tokens.RULES[self.rules](text)

    @property
    def vocabulary_size(self) -> int:
        """V: the number of words plus two, for padding and unknown words."""
        return len(self.words) + FIRST_WORD

    @property
    def feature_count(self) -> int:
        """Number of rows of the embedding table: V plus the number of n-grams."""
        return self.vocabulary_size + len(self.ngrams)

    def up_to(self, order: int, *, negation: bool = False) -> "Tokenizer":
        """Return this vocabulary without n-grams of more than `order` words.

        negation: keep the negated words, whatever `order` is.
        """
        # Keys ascend, and an n-gram of k words has a key below V to the power of k.
        limit = self.vocabulary_size**order
        if negation:
            limit = max(limit, (NEGATED + 1) * self.vocabulary_size)
        end = np.searchsorted(self.ngrams, limit)
        return Tokenizer(self.words, self.ngrams[:end], self.rules)

    def encode(
        self, texts: Iterable[str], longest: int | None = None, *, is_split: bool = False
    ) -> EncodedTexts:
        """Return the word ids of `texts`, or of the last `longest` words of each.

        is_split: they are a split of a data set; raises InputError for more than MOST_TOKENS.
        """
        spaced = plain_tokens.SPACED[self.rules]
        parts, total = [EncodedTexts.empty()], 0
        for batch in _batches(texts):
            part = self._look_up([spaced(text) for text in batch])
            parts.append(part if longest is None else part.last(longest))
            total += len(parts[-1].tokens)
            if is_split:
                _check_tokens(total)
        return concatenate(parts)

    def features(
        self,
        encoded: EncodedTexts,
        order: int,
        *,
        repeats: bool = True,
        negation: bool = False,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the feature ids at each token, int32 (total tokens, order), plus 1 if `negation`.

        Column 0 is the word; column k is the n-gram of k + 1 words that ends with it, or 0 if that
        n-gram is unknown or would begin in the previous text. With `negation`, the last column is
        the negated word, or 0; see `negation`. Without `repeats`, a word that comes again in the
        same text is unknown from then on, and so is any other feature. out: zeros to write to.
        """
        shape = len(encoded.tokens), order + negation
        features = large_arrays.zeros(shape) if out is None else out
        end = 0
        for block in encoded.blocks(_IN_CACHE):  # larger ones take twice as long
            start, end = end, end + len(block.tokens)
            part = features[start:end]
            part[:, 0] = block.tokens
            for column in range(1, order):
                self._fill(
                    part[:, column], *ngram_keys.ngram_keys(block, column + 1, self.vocabulary_size)
                )
            if negation:
                self._fill(part[:, order], *self._negated_keys(block))
            if not repeats:
                _remove_repeats(part, block)
        return features

    def _fill(self, column: np.ndarray, places: np.ndarray, keys: np.ndarray) -> None:
        """Write the ids of those `keys`, int64 (M,), that are known to `places` of `column`."""
        known, indices = self._ngram_table.find(keys)
        column[places[known]] = indices + self.vocabulary_size

    def _negated_keys(self, encoded: EncodedTexts) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of negated words, and their keys, int64 (M,)."""
        places = np.flatnonzero(self._negation.negated(encoded))
        return places, encoded.tokens[places] + np.int64(NEGATED * self.vocabulary_size)

    @cached_property
    def _negation(self) -> Negation:
        return Negation(self.words)

    def _look_up(self, texts: Sequence[str]) -> EncodedTexts:
        """Return the ids of the words of `texts`, which are divided by blanks alone."""
        if sum(map(len, texts)) > _FEW:
            return self._word_table.encode(texts)
        numbers = [[self._ids.get(word, UNKNOWN) for word in text.split()] for text in texts]
        offsets = np.cumsum([0, *map(len, numbers)], dtype=np.int64)
        return EncodedTexts(np.array([*chain.from_iterable(numbers)], np.int32), offsets)

    @cached_property
    def _word_table(self) -> WordTable:
        return WordTable(self.words)

    @cached_property
    def _ngram_table(self) -> KeyTable:
        return KeyTable(self.ngrams)

    def write(self, folder: Path) -> None:
        """Write `words.txt`, one word per line in order of their ids, and `ngrams.npy`."""
        (folder / "words.txt").write_text("".join(f"{word}\n" for word in self.words), "utf-8")
        np.save(folder / "ngrams.npy", self.ngrams, allow_pickle=False)

    @classmethod
    def read(cls, folder: Path, rules: int, *, hint: str) -> "Tokenizer":
        """Read the files that `write` wrote; the n-grams are mapped into memory.

        rules: their number, which the caller has recorded. Raises DamagedFileError, which names the
        file, if a file can't come from `write`, and if this version does not know the rules.
        """
        if rules not in plain_tokens.RULES:
            raise DamagedFileError(
                f"{folder} has token rules {rules!r}; this program knows 1 to {RULES}",
                hint="a newer version of sentiment-rnn",
            )
        with files.read_errors(folder / "words.txt", hint=hint):
            words = files.read_text(folder / "words.txt").split("\n")[:-1]
            tokenizer = cls(words, rules=rules)
            if len(tokenizer._ids) < len(words):
                raise ValueError("it has a word twice")
        ngrams = npz.read_array(folder / "ngrams.npy", hint=hint)
        if ngrams.dtype != np.int64 or ngrams.ndim != 1 or (ngrams[1:] <= ngrams[:-1]).any():
            raise DamagedFileError(
                f"{folder / 'ngrams.npy'} holds no ascending int64 keys", hint=hint
            )
        tokenizer.ngrams = ngrams
        return tokenizer


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield the texts in lists of about _BATCH characters."""
    batch, size = [], 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _check_count(words: Sequence[str]) -> None:
    if len(words) + FIRST_WORD > MAX_WORDS:
        raise ValueError(f"expected at most {MAX_WORDS - FIRST_WORD} words, got {len(words)}")


def _check_tokens(count: int) -> None:
    if count > MOST_TOKENS:
        raise InputError(
            f"the texts hold more than {MOST_TOKENS:,} words and marks, and all of them have to be "
            "held at once",
            hint="give fewer of the texts",
        )


def _remove_repeats(features: np.ndarray, encoded: EncodedTexts) -> None:
    """Overwrite each id that its column has earlier in the same text."""
    texts = np.repeat(np.arange(len(encoded), dtype=np.int32), encoded.lengths)
    bits = len(texts).bit_length()
    for column, unknown in enumerate([UNKNOWN] + [PADDING] * (features.shape[1] - 1)):
        ids = features[:, column]
        # Sorted, each id has its places behind it, in their order.
        pairs = np.flatnonzero(ids > unknown)
        pairs |= np.take(ids, pairs).astype(np.int64) << bits
        pairs.sort()
        places, pairs = pairs & ((1 << bits) - 1), pairs >> bits
        numbers = np.take(texts, places)
        again = (pairs[1:] == pairs[:-1]) & (numbers[1:] == numbers[:-1])
        ids[np.take(places, np.flatnonzero(again) + 1)] = unknown


def _frequent_negated(encoded: EncodedTexts, tokenizer: Tokenizer, least: int) -> np.ndarray:
    """Return the keys of words that are negated `least` times or more, ascending int64 (G,)."""
    base = tokenizer.vocabulary_size
    counts = np.zeros(base, np.int64)
    if least:
        for block in encoded.blocks():
            keys = tokenizer._negated_keys(block)[1]
            counts += np.bincount(keys - NEGATED * base, minlength=base)
    return np.flatnonzero(counts >= max(1, least)) + NEGATED * base


def _number_words(texts: Iterable[str]) -> tuple[list[str], EncodedTexts]:
    """Return the different words of `texts`, and the texts by their numbers, from FIRST_WORD on."""
    table, spaced = GrowingTable(), plain_tokens.SPACED[RULES]
    parts, total = [EncodedTexts.empty()], 0
    for batch in _batches(texts):
        parts.append(table.encode([spaced(text) for text in batch]))
        total += len(parts[-1].tokens)
        _check_tokens(total)
        if len(table.words) > MOST_DIFFERENT:
            raise InputError(
                f"the training texts hold more than {MOST_DIFFERENT:,} different words",
                hint="is it the column of the text? Else name that one with --text-column",
            )
    return table.words, concatenate(parts)


def fit(
    texts: Iterable[str],
    *,
    most_words: int,
    least_word: int,
    least_ngram: Sequence[int],
    least_negated: int = 0,
) -> tuple[Tokenizer, EncodedTexts]:
    """Build a vocabulary from `texts`; return it and the encoded texts.

    most_words: maximum number of words; the most frequent ones are used, ties in alphabetical
    order. least_word: minimum occurrences of a word. least_ngram[k]: those of an n-gram of k + 2
    words. least_negated: those of a negated word; 0 for none.
    """
    words, met = _number_words(texts)
    numbers = dict(zip(words, count(FIRST_WORD), strict=False))
    counts = np.bincount(met.tokens, minlength=len(numbers) + FIRST_WORD).tolist()
    frequent = sorted(
        (word for word, number in numbers.items() if counts[number] >= least_word),
        key=lambda word: (-counts[numbers[word]], word),
    )
    tokenizer = Tokenizer(frequent[:most_words])
    ids = np.full(len(numbers) + FIRST_WORD, UNKNOWN, np.int32)
    for number, word in enumerate(tokenizer.words, FIRST_WORD):
        ids[numbers[word]] = number
    encoded = EncodedTexts(np.take(ids, met.tokens), met.offsets)
    ngrams = [_frequent_negated(encoded, tokenizer, least_negated)]
    for order, min_count in enumerate(least_ngram, 2):
        ngrams.append(ngram_keys.frequent(encoded, order, tokenizer.vocabulary_size, min_count))
    return Tokenizer(tokenizer.words, np.concatenate(ngrams)), encoded
