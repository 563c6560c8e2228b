"""Texts in which a tokenizer meets what it has rules for, and what nobody thought of."""

import random

_PARTS = (
    *("<br />", "</b>", "&amp;", "&#39;", "&eacute", "&notit;", "&#x80;", "&#0;", "&#xFFFFFFFFF;"),
    *("&#" + "1" * 1200 + ";", "don\u2019t", "don\ufffdt", "do n't", "it 's", "n't", "-LRB-", "'"),
    *(":)", ":-(", "<3", "</3", "=3", ":3", "x:p", ":/ ", "http://", "4:30", "D:", "d:", "T_T"),
    *("^_^", "-_-", "7/10", "!", "?", "_", "\u2b50", "\U0001f600", "\U0001f1e9\U0001f1ea"),
    *(
        "caf\u00e9",
        "e\u0301" * 3,
        "a" + "\u0301" * 40,
        "cafÃ©",
        "donâ€™t",
        "ðŸ˜€",
        "ï¸\x8f",
        "\ufe0f",
    ),
    *(
        "\u200d",
        "\ufeff",
        "\u0130",
        "\u03a3\u03a3",
        "\u4e2d\u6587",
        "\uff21",
        "\uff9e",
        "\U0001d400",
    ),
    *("\u00bd", "\u2460", "\U00016e40", "\u0378", "\x00", "\x1c", "\x85", "\u2028", "\u1e9e"),
    *("not good", "never", "but", "the", "film", "was", "great", "bad", "a" * 500),
)
_MARKS = "abc'!?:;=()<>&#/\\-_^ 0123"
_RANGES = ((0x20, 0x300), (0x300, 0xD800), (0xE000, 0x110000), (0x1F000, 0x1FB00))


def hostile_texts(count: int, seed: int = 0) -> list[str]:
    """Return `count` texts, the same ones for a seed; each 50th has thousands of parts."""
    generator = random.Random(seed)
    return [
        "".join(
            _part(generator) for _ in range(generator.randrange(1, 4000 if n % 50 == 0 else 60))
        )
        for n in range(count)
    ]


def _part(generator: random.Random) -> str:
    kind = generator.random()
    if kind < 0.6:
        part = generator.choice(_PARTS)
    elif kind < 0.8:
        part = chr(generator.randrange(*generator.choice(_RANGES)))
    else:
        part = generator.choice(_MARKS)
    return part + " " * (generator.random() < 0.5)
