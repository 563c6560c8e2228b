"""Names of labels: 1 positive, 0 negative, -1 unlabelled."""

NEGATIVE, POSITIVE, UNLABELLED = 0, 1, -1
UNKNOWN_LABEL = "unknown"  # of a text without a word that the model knows
LABEL_NAMES = {NEGATIVE: "negative", POSITIVE: "positive"}


def label_name(label: int, otherwise: str = "unlabelled") -> str:
    """Return `positive` or `negative`, or `otherwise` if the text is unlabelled."""
    return LABEL_NAMES.get(label, otherwise)


def label_of(probability: float) -> str:
    """Return the label of a text whose P(positive) is `probability`."""
    return LABEL_NAMES[POSITIVE if probability >= 0.5 else NEGATIVE]
