"""A sentence as a trained classifier reads it, as the lecture's template shows it."""

from dataclasses import dataclass

from sentiment.data.labels import label_of
from sentiment.inspection.walkthrough import LayerPass, Walkthrough, WordPart
from sentiment.reports import arithmetic
from sentiment.reports.arithmetic import DecisionTable, Number, UnitLine

_MAX_PRODUCTS = 150_000  # listed one by one; they take 5 MB of the page


@dataclass(frozen=True)
class PartRow:
    """A word, an n-gram or a negated word. vector: None if an n-gram is not in the vocabulary."""

    text: str
    is_unknown: bool
    vector: list[Number] | None


@dataclass(frozen=True)
class WordView:
    """One step of a layer. parts: what the vector x of the word is the sum of; in layer 1 alone."""

    word: str
    parts: list[PartRow]
    x: list[Number]
    units: list[UnitLine]


@dataclass(frozen=True)
class PassView:
    """One direction of one layer, its words in the order in which it reads. layer: from 1."""

    name: str
    layer: int
    step_names: list[str]
    words: list[WordView]


@dataclass(frozen=True)
class SentenceView:
    """The second part of the page.

    has_negated: a negated word adds a vector of its own; product_count: multiplications of all
    layers and words.
    """

    text: str
    model: str
    word_count: int
    layer_count: int
    readout: str
    has_negated: bool
    product_count: int
    shows_products: bool
    passes: list[PassView]
    decision: DecisionTable
    label: str


def sentence_view(reading: Walkthrough) -> SentenceView:
    """Return every number of a sentence: each word in each layer and direction, and the end."""
    product_count = len(reading.words) * sum(
        track.steps[0].input_products.size + track.steps[0].recurrent_products.size
        for track in reading.tracks
    )
    shows_products = product_count <= _MAX_PRODUCTS
    return SentenceView(
        text=reading.text,
        model=reading.model,
        word_count=len(reading.words),
        layer_count=reading.tracks[-1].number,
        readout=reading.readout,
        has_negated=any(part.negated for parts in reading.parts for part in parts),
        product_count=product_count,
        shows_products=shows_products,
        passes=[
            _pass_view(reading, track, with_products=shows_products) for track in reading.tracks
        ],
        decision=arithmetic.decision_table(reading.decision, _state_names(reading)),
        label=label_of(reading.decision.probability),
    )


def _pass_view(reading: Walkthrough, track: LayerPass, *, with_products: bool) -> PassView:
    is_first, has_one_layer = track.number == 1, reading.tracks[-1].number == 1
    steps = zip(track.at(reading.words), track.at(reading.parts), track.steps, strict=True)
    return PassView(
        name=track.direction if has_one_layer else f"layer {track.number} {track.direction}",
        layer=track.number,
        step_names=[*track.at(reading.words), "classifier"],
        words=[
            WordView(
                word,
                [_part_row(part) for part in parts] if is_first else [],
                arithmetic.numbers(step.x) if is_first else arithmetic.tinted(step.x),
                arithmetic.unit_lines(step, with_products=with_products),
            )
            for word, parts, step in steps
        ],
    )


def _part_row(part: WordPart) -> PartRow:
    vector = None if part.vector is None else arithmetic.numbers(part.vector)
    return PartRow(part.text, part.unknown, vector)


def _state_names(reading: Walkthrough) -> list[str]:
    """Return a name for each number of the state that the classifier reads."""
    last = [track for track in reading.tracks if track.number == reading.tracks[-1].number]
    return [
        name if len(last) == 1 else f"{track.direction} {name}"
        for track in last
        for name in arithmetic.unit_names(len(track.steps[0].h))
    ]
