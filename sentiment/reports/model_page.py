"""Show a trained model on one self-contained HTML page that runs it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from markdown_it import MarkdownIt
from markupsafe import Markup

from sentiment.data.labels import label_of
from sentiment.inference.bundle import Bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import WARNINGS
from sentiment.reports.packed_model import pack_model
from sentiment.reports.templating import join_modules, render_page, script_json
from sentiment.utils.colors import NEGATIVE, POSITIVE, UNIT_NEGATIVE, UNIT_POSITIVE

_STYLES = (
    *("base.css", "explanation.css", "controls.css", "tables.css", "scales.css"),
    "model/model_page.css",
)
_MODULES = (
    *("entities", "token_rules", "vocabulary", "network", "model", "unpack", "delimited"),
    "slices",
    *("elements", "drawing", "text_panel", "what_if", "sharing", "file_scoring", "model_page"),
)
_READOUT_NOTES = {
    ("last", False): "The frame marks the final state, the column after the last word, which alone "
    "decides. P(positive) after a word is the classifier's answer for that column.",
    (
        "last",
        True,
    ): "The frames mark the final state, which alone decides: forward the column after "
    "the last word, backward the one after the first word, which is read last. P(positive) after a "
    "word is that of the text up to it, read in both directions.",
}
_POOL_NOTE = "The classifier reads a pool of the states of all steps, each column alike."
# Texts to begin with, with their labels. Those that a model gets wrong are shown as its failures.
_EXAMPLES = (
    ("An unforgettable film, moving from the first scene to the last.", "positive"),
    ("Two hours of my life that I will never get back.", "negative"),
    ("The acting is fine, but the story is dull and the ending is a mess.", "negative"),
    ("I don't like it.", "negative"),
    ("Not bad at all.", "positive"),
    ("It was never boring.", "positive"),
    ("I can't say that I didn't like it.", "positive"),
    ("The cast is wonderful and the photography superb, but the film is a bore.", "negative"),
    ("I expected to hate every minute of it. I was wrong.", "positive"),
    ("Great, another two hours of my life gone.", "negative"),
    ("Nobody should miss it.", "positive"),
    ("It is no masterpiece, and it is better than most that are called one.", "positive"),
    ("The book was far better.", "negative"),
)


@dataclass(frozen=True)
class Examples:
    """Texts that a model gets right, and those that it gets wrong with their true labels."""

    right: list[str]
    wrong: list[tuple[str, str]]


def render_model_page(bundle: Bundle) -> str:
    """Return an HTML page that classifies what is typed into it; it needs no network.

    Raises InputError if the page can't run the model.
    """
    settings, band = bundle.settings, bundle.manifest.neutral_band
    facts = {
        "ownBand": asdict(band) if band else None,
        "warningTexts": WARNINGS,
        "readoutNote": _READOUT_NOTES.get((settings.readout, settings.bidirectional), _POOL_NOTE),
        "modelArgument": bundle.name,
        "colors": {
            "evidence": {"positive": POSITIVE, "negative": NEGATIVE},
            "unit": {"positive": UNIT_POSITIVE, "negative": UNIT_NEGATIVE},
        },
    }
    return render_page(
        "model_page.html",
        title=f"{bundle.name}: a sentiment classifier",
        styles=_STYLES,
        scripts=[join_modules([f"model/{name}.js" for name in _MODULES])],
        name=bundle.name,
        examples=_examples(bundle),
        band=band,
        facts=list(_facts(bundle)),
        card=_card(bundle),
        page_facts=script_json(facts),
        packed=Markup(pack_model(bundle)),  # noqa: S704 (base64 holds no markup)
    )


def _examples(bundle: Bundle) -> Examples:
    texts = [text for text, _ in _EXAMPLES]
    answers = map(label_of, Classifier(bundle).predict(texts).tolist())
    marked = list(zip(_EXAMPLES, answers, strict=True))
    return Examples(
        right=[text for (text, label), answer in marked if answer == label],
        wrong=[(text, label) for (text, label), answer in marked if answer != label],
    )


def _facts(bundle: Bundle) -> Iterator[tuple[str, str]]:
    """Yield what the bundle records, each as a term and its value."""
    manifest, settings = bundle.manifest, bundle.settings
    yield "created", manifest.created[:16].replace("T", " ") + " UTC"
    yield "data", manifest.data.dataset
    if manifest.data.reviews is not None:
        yield "training reviews", f"{manifest.data.reviews:,}"
    if "test/accuracy" in manifest.metrics:
        yield "test accuracy", f"{manifest.metrics['test/accuracy']:.2%}"
    if "validation/accuracy" in manifest.metrics:
        yield "validation accuracy", f"{manifest.metrics['validation/accuracy']:.2%}"
    if manifest.settings.get("train", {}).get("teacher") == "regression":
        yield "teacher", "a regression on n-grams labelled the unlabelled reviews"
    yield (
        "network",
        f"{settings.cell}, {settings.units} units{' each way' * settings.bidirectional}",
    )
    yield "words", f"{len(bundle.tokenizer.words):,}"
    yield "n-grams", f"{len(bundle.tokenizer.ngrams):,}"
    yield "temperature", f"{bundle.temperature:.3f}"
    weights = (
        sum(array.size for array in bundle.weights.values()) + np.asarray(bundle.embedding).size
    )
    yield "numbers in the network", f"{weights:,}"
    if digest := manifest.files.get("weights.npz", {}).get("sha256"):
        yield "digest of the weights", digest[:12]


def _card(bundle: Bundle) -> Markup:
    """Return the model card beside the bundle as HTML, without its title; empty without one."""
    path = bundle.folder / "MODEL_CARD.md"
    if not path.is_file():
        return Markup("")
    _, _, text = path.read_text("utf-8").partition("\n")
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type.startswith("heading"):
            token.tag = "h3"  # below the page's own heading of the card
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704
