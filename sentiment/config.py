"""Settings with their defaults, ranges and meanings.

Settings are frozen. A value out of its range is refused when the settings are created.
"""

from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from sentiment.errors import InputError


def setting(
    default: Any, meaning: str, minimum: float | None = None, maximum: float | None = None
) -> Any:
    """Declare a setting with its default, its meaning and its range, both ends included."""
    return field(default=default, metadata={"meaning": meaning, "least": minimum, "most": maximum})


def check_ranges(settings: Any) -> None:
    """Raise InputError if a setting has a value of the wrong type or out of its range."""
    for declared in fields(settings):
        value, name = getattr(settings, declared.name), declared.name.replace("_", "-")
        minimum, maximum = declared.metadata.get("least"), declared.metadata.get("most")
        choices, expected = get_args(declared.type), type(declared.default)
        shown = repr(value)[:60]  # a file may hold any value
        integer_as_float = expected is float and type(value) is int
        if not choices and type(value) is not expected and not integer_as_float:
            raise InputError(f"--{name} must be of type {expected.__name__}, got {shown}")
        if choices and value not in choices:
            raise InputError(f"--{name} must be one of {', '.join(choices)}, got {shown}")
        # Not `value < minimum`, which is False for NaN.
        too_small = minimum is not None and not value >= minimum
        if too_small or (maximum is not None and not value <= maximum):
            raise InputError(
                f"--{name} must be from {minimum} to {maximum}, got {shown}",
                hint="sentiment train --help",
            )


MAX_COMPARED = 10  # runs in a comparison if none are named

# The settings that say how a file is read.
READ_SETTINGS = ("format", "delimiter", "quoting", "header", "encoding")


@dataclass(frozen=True)
class PrepareSettings:
    """The dataset and how its vocabulary is built."""

    dataset: str = setting("imdb", "imdb, sample, tfds:NAME, or a labelled file or folder")
    vocabulary: int = setting(
        80_000, "maximum number of words, the most frequent ones", 10, 1_000_000
    )
    least_word: int = setting(
        10, "minimum count of a word in 25,000 reviews, or in 75,000 of all", 1, 1000
    )
    least_bigram: int = setting(20, "minimum count of two words in a row", 1, 1000)
    least_trigram: int = setting(20, "minimum count of three words in a row", 1, 1000)
    least_negated: int = setting(
        0,
        "minimum count of a word after a negator such as 'not', where it has a vector of its own; "
        "0: it has none",
        0,
        1000,
    )
    vocabulary_from: Literal["train", "all"] = setting(
        "train", "reviews to count words in; all: the unlabelled ones too"
    )
    text_column: str = setting("text", "column with the text in a file")
    label_column: str = setting("label", "column with the label in a file")
    format: str = setting("", "format of a file, such as csv; default: what its name ends in")
    delimiter: str = setting(
        "", "what separates cells: comma, semicolon, tab, bar or a character; default: recognised"
    )
    quoting: Literal["auto", "csv", "none"] = setting(
        "auto",
        "meaning of quotes; csv: they enclose cells; none: they are text; auto: csv, but between "
        "tabs a quote is text unless it opens and closes a cell",
    )
    header: bool = setting(
        True, "names of the columns in the first row; otherwise they are 1, 2, …"
    )
    encoding: str = setting(
        "",
        "encoding of a file, such as cp1252; default: UTF-8, or UTF-16 or UTF-32 with a "
        "byte-order mark",
    )
    positive: str = setting("", "labels that are positive, such as 4,5; default: the known ones")
    negative: str = setting("", "labels that are negative, such as 1,2; default: the known ones")
    on_error: Literal["fail", "skip"] = setting(
        "fail", "on a row that can't be read: stop, or leave it out"
    )
    test: str = setting("", "labelled file with the test reviews")
    test_share: float = setting(
        0.2, "share of a file without test reviews that is used for the test", 0.01, 0.9
    )

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def name(self) -> str:
        """A short name of the dataset; for a file, its name without folder and suffix.

        It begins the names of folders and runs, so it is printable and at most 150 bytes long.
        """
        prefix, _, name = self.dataset.partition("tfds:")
        if name and not prefix:
            return name.partition(":")[0].replace("/", "-")
        stem = Path(self.dataset).resolve().stem
        name = "".join(mark if mark.isprintable() else "_" for mark in stem).lstrip("-.")
        return name.encode("utf-8", "replace")[:150].decode("utf-8", "ignore") or "file"


@dataclass(frozen=True)
class ModelSettings:
    """The shape of the network."""

    cell: str = setting("simple_rnn", "recurrent cell")
    units: int = setting(16, "hidden units in each recurrent layer", 1, 1024)
    layers: int = setting(1, "number of recurrent layers", 1, 8)
    bidirectional: bool = setting(True, "also read the review backwards")
    embedding: int = setting(16, "size of the vector of a word", 1, 1024)
    ngrams: int = setting(3, "longest n-gram with its own vector; 1: words only", 1, 3)
    repeats: bool = setting(
        True, "read a word or n-gram that comes again in a review; otherwise it is unknown then"
    )
    negation: bool = setting(
        False, "also read the vector that a word has after a negator such as 'not'"
    )
    readout: Literal["last", "mean", "max"] = setting(
        "last", "input of the classifier: the last state, or the mean or maximum of all states"
    )
    longest_review: int = setting(
        1024, "maximum number of tokens; the beginning of a longer review is cut off", 1, 65536
    )
    dropout: float = setting(0.3, "dropout rate of the final state", 0.0, 0.95)
    word_dropout: float = setting(0.2, "dropout rate of words", 0.0, 0.95)
    ngram_dropout: float = setting(0.7, "dropout rate of n-grams", 0.0, 0.99)

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def features(self) -> int:
        """K: the number of vectors that may be read at a token."""
        return self.ngrams + self.negation

    @property
    def state_size(self) -> int:
        """Size S of the final state: units of the last layer, times two if bidirectional."""
        return self.units * (2 if self.bidirectional else 1)


@dataclass(frozen=True)
class TrainSettings:
    """How the network is trained."""

    epochs: int = setting(2, "number of passes over the training reviews", 1, 1000)
    batch_size: int = setting(64, "number of reviews in a training step", 1, 4096)
    learning_rate: float = setting(
        0.002, "learning rate of Adam; it falls to zero over the epochs", 1e-7, 1.0
    )
    prior: float = setting(
        0.03,
        "weight of log-count ratios in the initial word vectors; 0: random vectors",
        0.0,
        1.0,
    )
    recurrent_rate: float = setting(
        0.02,
        "learning rate of the recurrent kernel and bias, relative to the learning rate",
        0.0,
        1.0,
    )
    input_rate: float = setting(
        0.2, "learning rate of the input kernel, relative to the learning rate", 0.0, 1.0
    )
    teacher: Literal["regression", "off"] = setting(
        "off",
        "what labels the unlabelled reviews of the first round: a logistic regression on n-grams, "
        "which also sets one unit of the saved network; off: the network alone learns",
    )
    members: int = setting(
        1, "number of networks in each round, merged into one recurrent layer at the end", 1, 64
    )
    sentence_members: int = setting(
        0,
        "number of further networks, merged with the others, that learn from single sentences of "
        "the reviews; they help with short texts",
        0,
        16,
    )
    label_smoothing: float = setting(
        0.1, "how far to move labels towards one half, against overconfidence", 0.0, 0.9
    )
    clip: float = setting(0.0, "maximum norm of the whole gradient; 0: no limit", 0.0, 1e6)
    own_labels: int = setting(
        1,
        "number of extra rounds on unlabelled reviews, labelled by the networks so far",
        0,
        10,
    )
    validation: Literal["random", "apart"] = setting(
        "random",
        "choice of the validation reviews; apart: also leave out training reviews that share "
        "many rare words with one of them",
    )
    validation_share: float = setting(
        0.0,
        "share of the training reviews used for validation; 0: a tenth, and at most 1,250 reviews",
        0.0,
        0.5,
    )
    fold: int = setting(0, "which of the reviews are used for validation: 0, 1 or 2", 0, 2)
    class_weight: Literal["none", "balanced"] = setting(
        "none",
        "weight of the labels in the loss; balanced: both weigh the same, however many texts "
        "have them",
    )
    patience: int = setting(
        2, "number of epochs without a better validation loss until training stops", 1, 1000
    )
    seed: int = setting(0, "random seed", 0, 2**31 - 1)

    def __post_init__(self) -> None:
        check_ranges(self)


Settings = PrepareSettings | ModelSettings | TrainSettings


def setting_field(kind: type[Settings], name: str) -> Field:
    """Return the declaration of one setting. Raises StopIteration if there is none."""
    return next(declared for declared in fields(kind) if declared.name == name)


def flatten_settings(settings: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return all settings of a bundle's record, which groups them in tables, in one dictionary."""
    return {name: value for table in settings.values() for name, value in table.items()}


@dataclass(frozen=True)
class SnapshotSchedule:
    """When snapshots of hidden states are taken.

    epochs: whether after each epoch; batches: also after this many batches, 0 for never.
    """

    epochs: bool
    batches: int = 0

    @classmethod
    def parse(cls, text: str) -> "SnapshotSchedule":
        """Return the schedule `off`, `epoch` or `batch:N`; raise InputError for other text."""
        kind, _, number = text.partition(":")
        if text in ("off", "epoch"):
            return cls(epochs=text == "epoch")
        if kind == "batch" and number.isdecimal() and len(number) < 10 and int(number):
            return cls(epochs=True, batches=int(number))
        raise InputError(f"expected off, epoch or batch:N, got {text!r}")
