"""Sentences that differ in what turns the verdict: a negator, or the clause after `but`.

Reviews say rarely what a negator does to a single sentence. So sentences of reviews are changed by
rule, and what the change does to the label is computed from what each word adds to a logit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.english_negation import Changed, EnglishNegation
from sentiment.data.negation import REACH
from sentiment.data.tokenizer import Tokenizer

_SHORTEST, _LONGEST = 3, 14  # words of a sentence that is changed
_LONGEST_CLAUSE = 9  # words
_LEAST_TURNED = 0.2  # logit of the words that a negator turns
_LEAST_LOGIT = 0.2  # of a changed sentence
_LEAST_CLAUSE_LOGIT = 0.7
_CONCEDED = 0.15  # share of a clause's logit that is left if the other one decides
_MOST_JOINED = 20_000  # sentences of two clauses
_BEFORE_MAIN = ("although", "though", "while", "even though")
_BETWEEN = ("but", "but", "but", "yet", "however")
_AFTER_MAIN = ("although", "even though")


@dataclass(frozen=True)
class Scored:
    """Sentences as word ids, with the logit of each that it is positive, float32 (N,)."""

    sentences: list[list[int]]
    logits: np.ndarray

    def encoded(self) -> EncodedTexts:
        """Return the sentences as one array."""
        return _pack(self.sentences)


def contrast_sentences(
    encoded: EncodedTexts, terms: np.ndarray, tokenizer: Tokenizer, random: np.random.Generator
) -> Scored:
    """Return changed sentences and their originals, as many positive as negative changed ones.

    terms: float32 (rows,), what each word and n-gram adds to the logit. A negator turns round the
    logit of the words within its reach, and leaves that of the others. Of two clauses, one of which
    is conceded, the other one decides.
    """
    pairs = _negated_pairs(encoded, tokenizer, random)
    if not pairs:
        return Scored([], np.empty(0, np.float32))
    logits, turned = _score(pairs, terms, tokenizer)
    changed = logits - 2 * turned
    usable = (np.abs(turned) > _LEAST_TURNED) & (np.sign(changed) == -np.sign(turned))
    usable &= np.abs(changed) > _LEAST_LOGIT
    chosen = _balanced(np.flatnonzero(usable), changed, random)
    plain = Scored([pairs[row].plain for row in chosen], logits[chosen])
    negated = Scored([pairs[row].negated for row in chosen], changed[chosen])
    both = _concatenate([negated, plain])
    return _concatenate([both, _joined(both, tokenizer, random)])


def _negated_pairs(
    encoded: EncodedTexts, tokenizer: Tokenizer, random: np.random.Generator
) -> list[Changed]:
    """Return the sentences that can be changed, with and without a negator."""
    rules = EnglishNegation(tokenizer.words, encoded)
    fitting = (encoded.lengths >= _SHORTEST) & (encoded.lengths <= _LONGEST)
    pairs = []
    for row in np.flatnonzero(fitting).tolist():
        sentence = encoded.tokens[encoded.offsets[row] : encoded.offsets[row + 1]].tolist()
        changed = rules.negate(sentence, random) or rules.affirm(sentence)
        if changed is not None:
            pairs.append(changed)
    return pairs


def _score(
    pairs: Sequence[Changed], terms: np.ndarray, tokenizer: Tokenizer
) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits without the negator, and those of the words in its reach, float32 (N,)."""
    encoded = _pack([pair.plain for pair in pairs])
    features = tokenizer.features(encoded, 3, repeats=False)
    of_tokens = np.where(features > 1, np.take(terms, features), 0).sum(axis=1)
    sums = np.concatenate([[0], np.cumsum(of_tokens, dtype=np.float64)])
    starts = encoded.offsets[:-1] + np.array([pair.start for pair in pairs])
    ends = np.minimum(starts + REACH, encoded.offsets[1:])
    logits = sums[encoded.offsets[1:]] - sums[encoded.offsets[:-1]]
    return logits.astype(np.float32), (sums[ends] - sums[starts]).astype(np.float32)


def _joined(clauses: Scored, tokenizer: Tokenizer, random: np.random.Generator) -> Scored:
    """Return sentences of a positive and a negative clause each."""
    short = [len(sentence) <= _LONGEST_CLAUSE for sentence in clauses.sentences]
    clear = np.array(short, bool) & (np.abs(clauses.logits) > _LEAST_CLAUSE_LOGIT)
    positive = np.flatnonzero(clear & (clauses.logits > 0))
    negative = np.flatnonzero(clear & (clauses.logits < 0))
    count = min(_MOST_JOINED, 8 * len(positive), 8 * len(negative))
    pairs = np.stack([random.choice(positive, count), random.choice(negative, count)], axis=1)
    sentences, logits = [], np.empty(count, np.float32)
    for number, pair in enumerate(random.permuted(pairs, axis=1).tolist()):
        conceded, main = (clauses.sentences[row] for row in pair)
        kind = random.random()
        if kind < 0.6:
            parts = [conceded, _one_of(_BETWEEN, tokenizer, random), main]
        elif kind < 0.8:
            parts = [_one_of(_BEFORE_MAIN, tokenizer, random), conceded, main]
        else:
            parts = [main, _one_of(_AFTER_MAIN, tokenizer, random), conceded]
        sentences.append([word for part in parts for word in part])
        logits[number] = clauses.logits[pair[1]] + _CONCEDED * clauses.logits[pair[0]]
    return Scored(sentences, logits)


def _one_of(phrases: Sequence[str], tokenizer: Tokenizer, random: np.random.Generator) -> list[int]:
    phrase = phrases[int(random.integers(len(phrases)))]
    return tokenizer.encode([phrase]).tokens.tolist()


def _balanced(rows: np.ndarray, logits: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return as many of `rows` with a positive as with a negative logit, in random order."""
    sides = [random.permutation(rows[logits[rows] > 0]), random.permutation(rows[logits[rows] < 0])]
    least = min(map(len, sides))
    return random.permutation(np.concatenate([side[:least] for side in sides]))


def _concatenate(parts: Sequence[Scored]) -> Scored:
    sentences = [sentence for part in parts for sentence in part.sentences]
    return Scored(sentences, np.concatenate([part.logits for part in parts]))


def _pack(sentences: Sequence[Sequence[int]]) -> EncodedTexts:
    offsets = np.concatenate([[0], np.cumsum([len(sentence) for sentence in sentences])])
    flat = [word for sentence in sentences for word in sentence]
    return EncodedTexts(np.array(flat, np.int32), offsets.astype(np.int64))
