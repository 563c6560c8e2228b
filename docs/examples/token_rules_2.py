"""Divide a text into tokens by rules 2, step by step as in docs/model-format.md."""

import html
import re
import unicodedata

TAIL = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
MISREAD = f"â[€\x80]{TAIL}|â„¢|â‚¬|Â[\xa0-\xbf]|Ã[\xa1-\xaa\xac-\xba\xbc-\xbf]"
MISREAD += f"|ð[Ÿ\x9f]{TAIL}{{2}}|ï¸[\x8f]"
LOST_APOSTROPHE = "(?<=[^\\W\\d_])[\u2032\u201b\uff07\ufffd](?=[^\\W\\d_])"
FOLD = dict.fromkeys(map(ord, "\xad\u200c\u200d\u2060\ufeff")) | dict.fromkeys(
    map(ord, "\u2018\u2019\u02bc\u00b4`"), "'"
)
FOLD |= {0xFF9E: "\u3099", 0xFF9F: "\u309a"}
TREEBANK = r" (?<=[a-z] )(?=(?:n't|'(?:s|re|ve|ll|d|m))(?![\w'-]))"
SMILEY = (
    r"[:;=](?:[-^o']?[()\[\]|*]|(?<![^\W_][:;=])[-^o']?[dpo3sx](?![^\W_])|[-^o']?[/\\](?![/\\]))"
    r"|(?<![0-9])</?3(?![0-9])|\^_*\^|-_+-|(?<![^\W_])(?:d:(?=\s|$)|[ot]_+[ot](?![^\W_]))"
)
WORD = r"[0-9]+/[0-9]+|[^\W_]+(?:'[^\W_]+)*|[!?]"
SYMBOL = r"[\U0001f1e6-\U0001f1ff]{2}|[^\x00-\x7f\w\s]"


def tokenize(text):
    """Return the tokens of a text."""
    text = re.sub(LOST_APOSTROPHE, "'", re.sub(MISREAD, read_again, text))
    text = re.sub(r"</?[a-zA-Z][^<>]{0,200}>", " ", text)
    text = html.unescape(re.sub(r"&#[0-9]{1000,};?", " ", text))
    if not text.isascii():
        text = re.sub(r"[^\w\s]{31,}", without_marks, text.translate(FOLD))
        text = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text))
        text = unicodedata.normalize("NFC", text)
    text = re.sub(r"-[lr][rcs]b-", " ", re.sub(TREEBANK, "", text.lower()))
    return [token for token in re.findall(f"{SMILEY}|{WORD}|{SYMBOL}", text) if counts(token)]


def read_again(match):
    """Return the character whose UTF-8 was read as cp1252."""
    data = b"".join((c.encode("cp1252", "ignore") or bytes([ord(c) & 255])) for c in match[0])
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return match[0]


def without_marks(match):
    """Return what is left without combining marks."""
    return "".join(character for character in match[0] if not unicodedata.combining(character))


def counts(part):
    """Return False for a single mark that is no symbol, such as a dash."""
    if part.isascii() or len(part) > 1 or part.isalnum():
        return True
    return unicodedata.category(part) == "So" and part != "\ufffd"
