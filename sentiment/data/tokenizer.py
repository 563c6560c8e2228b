"""Split texts into tokens, and map tokens and n-grams to ids.

An id is a row of the embedding table: 0 is padding and belongs to no word, 1 is any unknown word,
2 … V-1 are words, the most frequent first, and ids from V on are n-grams.
"""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from sentiment.errors import DamagedFileError
from sentiment.utils import files, npz

PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2
RULES = 1  # version of the rules; changes whenever a text would give other tokens
_SIEVE_BITS = 20  # 2^20 slots of one byte: the sieve stays in the cache of a core
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio spreads neighbours apart
MAX_WORDS = 1 << 20  # three word ids must fit into one int64 key

_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_COMBINING = re.compile("[\u0300-\u036f]")
# Soft hyphens, joiners and byte-order marks are invisible and do not divide words.
_INVISIBLE = dict.fromkeys([0xAD, 0x200C, 0x200D, 0x2060, 0xFEFF])
_APOSTROPHES = {ord(mark): "'" for mark in "\u2018\u2019\u02bc\u00b4\u0060"}
# These two are letters to a regular expression, but become marks when they are decomposed.
_HALF_WIDTH = {0xFF9E: "\u3099", 0xFF9F: "\u309a"}
_FOLD = _INVISIBLE | _APOSTROPHES | _HALF_WIDTH
# Decomposing sorts marks in quadratic time. No script has more than 30 marks on a letter (Unicode's
# Stream-Safe Text Format).
_EXCESSIVE_MARKS = re.compile(r"[^\w\s]{31,}")
_TOO_LONG_ENTITY = re.compile(r"&#[0-9]{1000,};?")  # no character; `int` refuses to parse it
# One token each: a rating such as 7/10, a word, "!", "?", a smiley, an emoji.
_TOKEN = re.compile(
    r"[0-9]+/[0-9]+|[^\W_]+(?:'[^\W_]+)*|[!?]|[:;]-?[()]"
    r"|[\u2600-\u27bf\U0001f300-\U0001faff]"
)


def tokenize(text: str) -> list[str]:
    """Return the lower-case tokens of `text`.

    Markup is removed, entities are decoded, accents and control characters are dropped:

    >>> tokenize("It isn&#39;t bad<br />A CLICHÉ, but 7/10!")
    ['it', "isn't", 'bad', 'a', 'cliche', 'but', '7/10', '!']
    """
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "&" in text:
        text = html.unescape(_TOO_LONG_ENTITY.sub(" ", text))
    if not text.isascii():
        text = _EXCESSIVE_MARKS.sub(_without_marks, text.translate(_FOLD))
        text = _COMBINING.sub("", unicodedata.normalize("NFKD", text))
        text = unicodedata.normalize("NFC", text)
    return _TOKEN.findall(text.lower())


def _without_marks(match: re.Match[str]) -> str:
    return "".join(character for character in match[0] if not unicodedata.combining(character))


@dataclass(frozen=True)
class EncodedTexts:
    """Texts as one flat array of word ids.

    tokens: int32 (total tokens,); offsets: int64 (N + 1,); text i is
    tokens[offsets[i]:offsets[i + 1]].
    """

    tokens: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens in each text, int64 (N,)."""
        return np.diff(self.offsets)

    def take(self, rows: np.ndarray) -> "EncodedTexts":
        """Return the texts `rows`, int (M,), in that order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        shifts = np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths)
        return EncodedTexts(np.take(self.tokens, shifts + np.arange(offsets[-1])), offsets)

    def last(self, longest: int) -> "EncodedTexts":
        """Return the last `longest` tokens of each text: the verdict is mostly at the end."""
        lengths = np.minimum(self.lengths, longest)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        shifts = np.repeat(self.offsets[1:] - lengths - offsets[:-1], lengths)
        return EncodedTexts(np.take(self.tokens, shifts + np.arange(offsets[-1])), offsets)


class Tokenizer:
    """A vocabulary of words and of n-grams of these words.

    words: in order of their ids; words[0] has id 2.
    ngrams: int64 (G,), ascending keys of the known n-grams, see `_ngram_keys`; n-gram g has id
    V + g.
    """

    def __init__(self, words: Sequence[str], ngrams: np.ndarray | None = None):
        _check_count(words)
        self.words = list(words)
        self.ngrams = np.empty(0, np.int64) if ngrams is None else ngrams
        self._ids = {word: number for number, word in enumerate(self.words, FIRST_WORD)}

    @property
    def vocabulary_size(self) -> int:
        """V: the number of words plus two, for padding and unknown words."""
        return len(self.words) + FIRST_WORD

    @property
    def feature_count(self) -> int:
        """Number of rows of the embedding table: V plus the number of n-grams."""
        return self.vocabulary_size + len(self.ngrams)

    def up_to(self, order: int) -> "Tokenizer":
        """Return this vocabulary without n-grams of more than `order` words."""
        # Keys ascend, and an n-gram of k words has a key below V to the power of k.
        end = np.searchsorted(self.ngrams, self.vocabulary_size**order)
        return Tokenizer(self.words, self.ngrams[:end])

    def encode(self, texts: Iterable[str]) -> EncodedTexts:
        """Return the word ids of `texts`."""
        ids = self._ids
        tokens: list[np.ndarray] = []
        lengths: list[int] = [0]
        for text in texts:
            numbers = [ids.get(word, UNKNOWN) for word in tokenize(text)]
            tokens.append(np.array(numbers, np.int32))
            lengths.append(len(numbers))
        flat = np.concatenate(tokens) if tokens else np.empty(0, np.int32)
        return EncodedTexts(flat, np.cumsum(lengths, dtype=np.int64))

    def features(self, encoded: EncodedTexts, order: int) -> np.ndarray:
        """Return the feature ids at each token, int32 (total tokens, order).

        Column 0 is the word; column k is the n-gram of k + 1 words that ends with it, or 0 if that
        n-gram is unknown or would begin in the previous text.
        """
        features = np.zeros((len(encoded.tokens), order), np.int32)
        features[:, 0] = encoded.tokens
        for column in range(1, order):
            ends, keys = _ngram_keys(encoded, column + 1, self.vocabulary_size)
            # Most n-grams are unknown; the sieve rejects them faster than a search.
            likely = np.flatnonzero(np.take(self._sieve, _slots(keys)))
            ends, keys = np.take(ends, likely), np.take(keys, likely)
            indices = np.searchsorted(self.ngrams, keys)
            indices[indices == len(self.ngrams)] = 0
            known = self.ngrams[indices] == keys
            features[ends[known], column] = indices[known] + self.vocabulary_size
        return features

    @cached_property
    def _sieve(self) -> np.ndarray:
        """Whether each slot has a known n-gram, bool; unknown n-grams may share such a slot."""
        sieve = np.zeros(1 << _SIEVE_BITS, bool)
        sieve[_slots(self.ngrams)] = True
        return sieve

    def write(self, folder: Path) -> None:
        """Write `words.txt`, one word per line in order of their ids, and `ngrams.npy`."""
        (folder / "words.txt").write_text("".join(f"{word}\n" for word in self.words), "utf-8")
        np.save(folder / "ngrams.npy", self.ngrams, allow_pickle=False)

    @classmethod
    def read(cls, folder: Path, *, hint: str) -> "Tokenizer":
        """Read the files that `write` wrote; the n-grams are mapped into memory.

        Raises DamagedFileError, which names the file, if a file can't come from `write`.
        """
        with files.read_errors(folder / "words.txt", hint=hint):
            words = files.read_text(folder / "words.txt").split("\n")[:-1]
            _check_count(words)
        ngrams = npz.read_array(folder / "ngrams.npy", hint=hint)
        if ngrams.dtype != np.int64 or ngrams.ndim != 1 or (ngrams[1:] <= ngrams[:-1]).any():
            raise DamagedFileError(
                f"{folder / 'ngrams.npy'} holds no ascending int64 keys", hint=hint
            )
        return cls(words, ngrams)


def _check_count(words: Sequence[str]) -> None:
    if len(words) + FIRST_WORD > MAX_WORDS:
        raise ValueError(f"expected at most {MAX_WORDS - FIRST_WORD} words, got {len(words)}")


def _slots(keys: np.ndarray) -> np.ndarray:
    """Return the slot of each key in the sieve, int64, by multiplicative hashing."""
    return ((keys.astype(np.uint64) * _HASH_FACTOR) >> np.uint64(64 - _SIEVE_BITS)).astype(np.int64)


def _ngram_keys(encoded: EncodedTexts, order: int, base: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of tokens that end an n-gram of known words, and its keys, int64 (M,).

    The key of words a, b, c is (a·base + b)·base + c. Because ids of words are above 0, n-grams of
    different lengths have different keys.
    """
    keys = tokens = encoded.tokens.astype(np.int64)
    known = words = tokens >= FIRST_WORD
    for back in range(1, order):
        keys, known = keys.copy(), known.copy()
        keys[back:] += tokens[:-back] * base**back
        known[back:] &= words[:-back]
        # These n-grams would begin in the previous text.
        early = encoded.offsets[:-1] + back - 1
        known[early[early < encoded.offsets[1:]]] = False
    ends = np.flatnonzero(known)
    return ends, np.take(keys, ends)


def fit(
    texts: Iterable[str], *, most_words: int, least_word: int, least_ngram: Sequence[int]
) -> tuple[Tokenizer, EncodedTexts]:
    """Build a vocabulary from `texts`; return it and the encoded texts.

    most_words: maximum number of words; the most frequent ones are used, ties in alphabetical
    order. least_word: minimum occurrences of a word. least_ngram[k]: those of an n-gram of k + 2
    words.
    """
    tokenized = [tokenize(text) for text in texts]
    counts = Counter(chain.from_iterable(tokenized))
    frequent = sorted(
        (word for word, count in counts.items() if count >= least_word),
        key=lambda word: (-counts[word], word),
    )
    tokenizer = Tokenizer(frequent[:most_words])
    ids = tokenizer._ids
    lengths = np.array([0] + [len(words) for words in tokenized], np.int64)
    flat = np.fromiter(
        (ids.get(word, UNKNOWN) for word in chain.from_iterable(tokenized)), np.int32, lengths.sum()
    )
    encoded = EncodedTexts(flat, np.cumsum(lengths))
    ngrams = [np.empty(0, np.int64)]
    for order, min_count in enumerate(least_ngram, 2):
        keys = _ngram_keys(encoded, order, tokenizer.vocabulary_size)[1]
        unique_keys, key_counts = np.unique(keys, return_counts=True)
        ngrams.append(unique_keys[key_counts >= min_count])
    return Tokenizer(tokenizer.words, np.concatenate(ngrams)), encoded
