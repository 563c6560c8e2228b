"""Rules that divide a text into tokens. A model keeps the rules that it was trained with.

Rules 1 are those of models before rules had a number. To change what tokens a text gives, add rules
with the next number; never change old ones.
"""

import html
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

Tokenize = Callable[[str], list[str]]

TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
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
# One token each: a rating such as 7/10, a word, "!", "?".
_BASE = r"[0-9]+/[0-9]+|[^\W_]+(?:'[^\W_]+)*|[!?]"

_TOKEN_1 = re.compile(_BASE + r"|[:;]-?[()]|[\u2600-\u27bf\U0001f300-\U0001faff]")

# Smileys, in lower case. A mouth that is a letter or a digit stands alone, so that `note:do` and
# `4:30` are none. The last ones begin with a letter.
_SMILEY = (
    r"[:;=](?:[-^o']?[()\[\]|*]|(?<![^\W_][:;=])[-^o']?[dpo3sx](?![^\W_])|[-^o']?[/\\](?![/\\]))"
    r"|(?<![0-9])</?3(?![0-9])|\^_*\^|-_+-|(?<![^\W_])(?:d:(?=\s|$)|[ot]_+[ot](?![^\W_]))"
)
# A flag is two letters that stand for a country.
_SYMBOL = r"[\U0001f1e6-\U0001f1ff]{2}|[^\x00-\x7f\w\s]"
_TOKEN_2 = re.compile(rf"{_BASE}|{_SYMBOL}")
_TOKEN_2_OR_SMILEY = re.compile(rf"{_SMILEY}|{_BASE}|{_SYMBOL}")
# Most texts hold none of these, and the search for them is faster than that for smileys.
_EYES = re.compile(r"[:;=][-^o'()\[\]|*dpo3sx/\\]")
_OTHER_SMILEYS = ("<3", "</3", "^", "_", "d:")

# Apostrophes between letters: primes, and what stands for a character that was lost.
_LOST_APOSTROPHE = re.compile("(?<=[^\\W\\d_])[\u2032\u201b\uff07\ufffd](?=[^\\W\\d_])")
# The Penn Treebank writes `do n't`, `it 's` and, for brackets, `-LRB-`.
_TREEBANK = re.compile(r" (?<=[a-z] )(?=(?:n't|'(?:s|re|ve|ll|d|m))(?![\w'-]))")
_BRACKET = re.compile(r"-[lr][rcs]b-")
# UTF-8 that was read as cp1252 or latin-1: `donâ€™t`, `cafÃ©`. Of two bytes only with a second one
# that is no quotation mark and no space, which may well follow a capital A.
_TAIL = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_MISREAD = re.compile(
    f"â[€\x80]{_TAIL}|â„¢|â‚¬|Â[\xa0-\xbf]|Ã[\xa1-\xaa\xac-\xba\xbc-\xbf]|ð[Ÿ\x9f]{_TAIL}{{2}}|ï¸[\x8f]"
)
_BYTE_OF = {bytes([byte]).decode("cp1252", "ignore"): byte for byte in range(0x80, 0xA0)}


def _plain(text: str) -> str:
    """Return `text` without markup, entities, accents and invisible characters."""
    if "<" in text:
        text = TAG.sub(" ", text)
    return fold(decode(text))


def decode(text: str) -> str:
    """Return `text` with the characters that its entities stand for."""
    return html.unescape(_TOO_LONG_ENTITY.sub(" ", text)) if "&" in text else text


def fold(text: str) -> str:
    """Return `text` without accents and invisible characters."""
    if not text.isascii():
        text = _EXCESSIVE_MARKS.sub(_without_marks, text.translate(_FOLD))
        text = _COMBINING.sub("", unicodedata.normalize("NFKD", text))
        text = unicodedata.normalize("NFC", text)
    return text


def _without_marks(match: re.Match[str]) -> str:
    return "".join(character for character in match[0] if not unicodedata.combining(character))


def _tokenize_1(text: str) -> list[str]:
    return _TOKEN_1.findall(_plain(text).lower())


def _tokenize_2(text: str) -> list[str]:
    if not text.isascii():
        text = repair(text)
    return find_tokens(join_treebank(_plain(text).lower()))


def repair(text: str) -> str:
    """Return `text` with the characters that were misread, and the apostrophes that were lost."""
    return _LOST_APOSTROPHE.sub("'", _MISREAD.sub(_read_again, text))


def join_treebank(text: str) -> str:
    """Return lower-case `text` with the words and brackets that the Penn Treebank took apart."""
    if " '" in text or " n't" in text:
        text = _TREEBANK.sub("", text)
    if "b-" in text:
        text = _BRACKET.sub(" ", text)
    return text


def find_tokens(text: str) -> list[str]:
    """Return the tokens of `text`, which is in lower case, without markup and accents."""
    tokens = (_TOKEN_2_OR_SMILEY if _may_have_smileys(text) else _TOKEN_2).findall(text)
    if text.isascii():
        return tokens
    return [token for token in tokens if token.isascii() or len(token) > 1 or counts(token)]


def _may_have_smileys(text: str) -> bool:
    if (":" in text or ";" in text or "=" in text) and _EYES.search(text):
        return True
    return any(part in text for part in _OTHER_SMILEYS)


def _read_again(match: re.Match[str]) -> str:
    """Return the character whose UTF-8 was read as another encoding."""
    data = bytes(_BYTE_OF.get(character, ord(character) & 0xFF) for character in match[0])
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return match[0]


@lru_cache(maxsize=4096)
def counts(character: str) -> bool:
    """Return True for a letter, a digit, or a symbol such as a star or an emoji."""
    is_symbol = unicodedata.category(character) == "So" and character != "\ufffd"
    return is_symbol or character.isalnum()


RULES: dict[int, Tokenize] = {1: _tokenize_1, 2: _tokenize_2}
NEWEST = max(RULES)
