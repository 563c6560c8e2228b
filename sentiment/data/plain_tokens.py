"""Divide texts into tokens as `token_rules` does, in a fraction of its time.

Rules 2 are defined by regular expressions, which read each character several times. Nearly all
words are of letters, digits and apostrophes, and blanks and marks divide them: such text is divided
by a table of characters. The regular expressions read the words with anything else, such as a
rating or a smiley. No token goes over a blank, so a text can be divided at blanks.
"""

import re
import string
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache

from sentiment.data import token_rules

_compiled = cache(re.compile)  # when it is needed: most texts need none
_BREAK = "<br />"  # the one tag of most reviews
_NOT_ASCII = "[^\x00-\x7f]"
# What `repair` looks for begins with one of these, or is one.
_DAMAGE = "âÂÃðï\u2032\u201b\uff07\ufffd"
_TREEBANK_ENDING = " '(?:s|re|ve|ll|d|m)"
# In lower case: what may be another token than letters and digits, "!" or "?", by how it begins.
# These are searched for one by one, as a search for a literal beginning is a fast one.
_MOUTHS = r"[-^o'()\[\]|*dpo3sx/\\]"
_MAY_BE_RARE = {
    "/": "/[0-9](?<=[0-9]/[0-9])",
    **{eyes: eyes + _MOUTHS for eyes in ":;="},
    "<": "</?3",
    "d:": "d:(?<![a-z0-9]d:)",
}
_RARE = (
    r"[_^/:;=<\x80-\U0010ffff](?:(?<=[_^\x80-\U0010ffff])|(?<=[0-9]/)[0-9]"
    rf"|(?<=[:;=]){_MOUTHS}|(?<=<)/?3|(?<=(?<![a-z0-9])d:))"
)
_MAX_RARE = 1 / 64  # of the characters: with more of them, the regular expressions are faster
_WORD_CHARACTERS = string.ascii_lowercase + string.digits + "'!?"
_TABLE = bytes(byte if chr(byte) in _WORD_CHARACTERS else 0x20 for byte in range(256))


def tokenize(text: str) -> list[str]:
    """Return the tokens of `text` by rules 2."""
    return spaced(text).split()


def spaced(text: str) -> str:
    """Return the tokens of `text` by rules 2, with blanks between them."""
    if not text.isascii() and any(mark in text for mark in _DAMAGE):
        text = token_rules.repair(text)
    text = token_rules.decode(_without_tags(text))
    if not text.isascii():
        text = _fold(text)
    text = text.lower()
    if (
        "b-" in text
        or " n't" in text
        or (" '" in text and _compiled(_TREEBANK_ENDING).search(text))
    ):
        text = token_rules.join_treebank(text)
    return _space_around(text) if _may_have_rare(text) else _space(text)


def _without_tags(text: str) -> str:
    if "<" not in text:
        return text
    plain = text.replace(_BREAK, " ")
    # Not of `plain`, in which the name of a tag and its end may have come together.
    return token_rules.TAG.sub(" ", text) if "<" in plain else plain


def _fold(text: str) -> str:
    """Return `text` as `token_rules.fold` does, and a comma for each mark that is no token."""
    text = text.replace("`", "'")  # which is an apostrophe beside characters that are not ASCII
    found = {
        character: _stand_in(character) for character in set(_compiled(_NOT_ASCII).findall(text))
    }
    if None in found.values():
        return token_rules.fold(text)
    for character, instead in found.items():
        text = text.replace(character, instead or "")
    return text


@lru_cache(maxsize=4096)
def _stand_in(character: str) -> str | None:
    """Return what can stand for a character wherever it stands; None if that depends on others.

    A mark that is no token becomes a comma, which is none either and divides words as well.
    """
    folded = token_rules.fold(character)
    if not all(map(_is_simple, character + folded)):
        return None
    if any(each != character and token_rules.fold(each) != each for each in folded):
        return None
    return "".join("," if _is_no_token(each) else each for each in folded)


def _is_simple(character: str) -> bool:
    """Return True if a character composes with no other and changes no other, nor its order."""
    latin_or_mark = character < "\u0300" or "\u2000" <= character < "\u2300"
    return latin_or_mark and not unicodedata.combining(character)


def _is_no_token(character: str) -> bool:
    is_mark = not (character.isascii() or character.isalnum() or character.isspace())
    return is_mark and not token_rules.counts(character)


def _may_have_rare(text: str) -> bool:
    """Return True if a word of `text` is rare."""
    if not text.isascii() or "_" in text or "^" in text:
        return True
    return any(
        begin in text and _compiled(word).search(text) for begin, word in _MAY_BE_RARE.items()
    )


def _space_around(text: str) -> str:
    """Return the tokens of `text` with blanks; the regular expressions read its rare words."""
    rare = list(_compiled(_RARE).finditer(text))
    if len(rare) > _MAX_RARE * len(text):
        return " ".join(token_rules.find_tokens(text))
    parts: list[str] = []
    done = 0
    for match in rare:
        if match.start() < done:
            continue
        start = text.rfind(" ", done, match.start()) + 1 or done
        end = text.find(" ", match.end())
        end = end if end >= 0 else len(text)
        parts.append(_space(text[done:start]))
        parts += token_rules.find_tokens(text[start:end])
        done = end
    parts.append(_space(text[done:]))
    return " ".join(parts)


def _space(text: str) -> str:
    """Return the tokens of lower-case ASCII `text`, without rare words, with blanks."""
    text = text.encode("ascii").translate(_TABLE).decode("ascii")
    if "!" in text:
        text = text.replace("!", " ! ")
    if "?" in text:
        text = text.replace("?", " ? ")
    if "'" in text:
        # An apostrophe stays if it is the only one between two letters or digits. After the first
        # replacement none has another one beside it.
        text = f" {text} ".replace("''", "  ").replace("' ", "  ").replace(" '", "  ")
    return text


def _spaced_1(text: str) -> str:
    return " ".join(token_rules.RULES[1](text))


RULES: dict[int, token_rules.Tokenize] = {**token_rules.RULES, 2: tokenize}
SPACED: dict[int, Callable[[str], str]] = {1: _spaced_1, 2: spaced}
