"""Put a negator into an English sentence, or take one out, given as word ids.

The rules are few and rough: what they make is for training alone, and most of it is good English.
Words that the vocabulary lacks are left out of the rules, so that in texts of another language
nothing is changed.
"""

from dataclasses import dataclass

import numpy as np

from sentiment.data.encoded_texts import EncodedTexts
from sentiment.data.negation import is_negator
from sentiment.data.ngram_keys import FIRST_WORD

# What comes before a negated word, and how the two are contracted, if they can be.
_BE = {"is": "isn't", "was": "wasn't", "are": "aren't", "were": "weren't"}
_BE |= dict.fromkeys(["am", "i'm", "it's", "that's", "he's", "she's", "they're", "we're"], "")
_AUXILIARY = {"will": "won't", "would": "wouldn't", "can": "can't", "could": "couldn't"}
_AUXILIARY |= {"should": "shouldn't", "do": "don't", "did": "didn't", "does": "doesn't"}
_AUXILIARY |= {"have": "haven't", "has": "hasn't", "had": "hadn't", "i'd": "", "i'll": ""}
_CONTRACTED = {negated: plain for plain, negated in (_BE | _AUXILIARY).items() if negated}
_SUBJECTS = ("i", "we", "you", "they", "people")  # of verbs without an ending
_IRREGULAR = {"made": "make", "felt": "feel", "found": "find", "kept": "keep", "held": "hold"}
_IRREGULAR |= {"got": "get", "gave": "give", "left": "leave", "saw": "see", "knew": "know"}
_IRREGULAR |= {"thought": "think", "understood": "understand", "went": "go", "came": "come"}
_IRREGULAR |= {"took": "take", "won": "win", "lost": "lose", "paid": "pay", "bought": "buy"}
_IRREGULAR |= {"brought": "bring", "drew": "draw", "grew": "grow", "meant": "mean"}
# Where a negator is taken out, something else stands in its place.
_REPLACED = {"not": "", "never": "", "without": "with", "no": "a", "cannot": "can", **_CONTRACTED}
# After these, a negator says something else: "not only", "not to mention", "not the".
_NO_NEGATION = ["only", "just", "even", "to", "sure", "necessarily", "so", "all", "every", "the"]
_LEAST_COUNT, _LEAST_SHARE = 30, 0.004  # of a verb after "don't", "didn't" or "doesn't"


@dataclass(frozen=True)
class Changed:
    """A sentence before and after a change, as word ids.

    start: where the words that the negator applies to begin in `plain`, the one without it.
    """

    plain: list[int]
    negated: list[int]
    start: int


class EnglishNegation:
    """The rules, for a vocabulary. encoded: texts in which verbs are found."""

    def __init__(self, words: list[str], encoded: EncodedTexts):
        self._words = ["", "", *words]
        self._ids = {word: number for number, word in enumerate(words, FIRST_WORD)}
        self._negators = {self._ids[word] for word in words if is_negator(word)}
        self._subjects = self._known(_SUBJECTS)
        self._unchanged = self._known(_NO_NEGATION)
        self._verbs = self._find_verbs(encoded)
        self._forms = self._find_forms()

    def negate(self, sentence: list[int], random: np.random.Generator) -> Changed | None:
        """Return `sentence` with a negator at one of the places for it; None if there is none."""
        if not self._negators.isdisjoint(sentence):
            return None
        options = []
        for place in range(len(sentence) - 1):
            put = self._negation_at(sentence[place], sentence[place + 1], random)
            if put is not None:
                negated = [*sentence[:place], *put, *sentence[place + 2 :]]
                options.append(Changed(sentence, negated, place + 1))
        return options[random.integers(len(options))] if options else None

    def affirm(self, sentence: list[int]) -> Changed | None:
        """Return `sentence` without its negator; None if it has not exactly one to take out."""
        places = [place for place, word in enumerate(sentence) if word in self._negators]
        if len(places) != 1 or places[0] + 1 >= len(sentence):
            return None
        place = places[0]
        instead = _REPLACED.get(self._words[sentence[place]])
        if instead is None or sentence[place + 1] in self._unchanged:
            return None
        put = [self._ids[instead]] if instead in self._ids else []
        plain = [*sentence[:place], *put, *sentence[place + 1 :]]
        return Changed(plain, sentence, place + len(put))

    def _negation_at(
        self, word: int, following: int, random: np.random.Generator
    ) -> list[int] | None:
        """Return what replaces two words if a negator comes between them; None if none may."""
        first = self._words[word]
        if first in _BE:
            return self._between(word, following, _BE[first], random)
        if first in _AUXILIARY and following in self._verbs:
            return self._between(word, following, _AUXILIARY[first], random)
        if following in self._forms:
            return self._inflected(word, following, random)
        if word in self._subjects and following in self._verbs:
            return self._with_ids([word], ["don't"], [following])
        return None

    def _between(
        self, word: int, following: int, contracted: str, random: np.random.Generator
    ) -> list[int] | None:
        if contracted and random.random() < 0.5:
            return self._with_ids([], [contracted], [following])
        return self._with_ids([word], ["not" if random.random() < 0.8 else "never"], [following])

    def _inflected(
        self, word: int, following: int, random: np.random.Generator
    ) -> list[int] | None:
        base, contracted, plain = self._forms[following]
        kind = random.random()
        if kind < 0.6:
            return self._with_ids([word], [contracted], [base])
        if kind < 0.8:
            return self._with_ids([word], [plain, "not"], [base])
        return self._with_ids([word], ["never"], [following])

    def _with_ids(self, before: list[int], new: list[str], after: list[int]) -> list[int] | None:
        """Return the ids of all, or None if the vocabulary lacks a new word."""
        if any(word not in self._ids for word in new):
            return None
        return [*before, *(self._ids[word] for word in new), *after]

    def _known(self, words: list[str] | tuple[str, ...]) -> set[int]:
        return {self._ids[word] for word in words if word in self._ids}

    def _find_verbs(self, encoded: EncodedTexts) -> set[int]:
        """Return the words that often come after `don't`, `didn't` or `doesn't`."""
        before = np.array(list(self._known(["don't", "didn't", "doesn't"])), np.int32)
        after = encoded.tokens[1:][np.isin(encoded.tokens[:-1], before)]
        counts = np.bincount(after, minlength=len(self._words))
        of_all = np.bincount(encoded.tokens, minlength=len(self._words))
        found = (counts >= _LEAST_COUNT) & (counts > _LEAST_SHARE * of_all)
        other = self._known([*_BE, *_AUXILIARY])
        return set((np.flatnonzero(found[FIRST_WORD:]) + FIRST_WORD).tolist()) - other

    def _find_forms(self) -> dict[int, tuple[int, str, str]]:
        """Return, by the id of a verb's form: its base, and how it is negated in short and long."""
        forms: dict[int, tuple[int, str, str]] = {}
        for verb in self._verbs:
            base = self._words[verb]
            for form in (f"{base}s", f"{base}es", f"{base[:-1]}ies"):
                if form in self._ids:
                    forms[self._ids[form]] = (verb, "doesn't", "does")
            past = [f"{base}ed", f"{base}{base[-1]}ed", f"{base[:-1]}ied"]
            past += [f"{base}d"] if base.endswith("e") else []
            past += [form for form, own in _IRREGULAR.items() if own == base]
            for form in past:
                if form in self._ids:
                    forms[self._ids[form]] = (verb, "didn't", "did")
        return forms
