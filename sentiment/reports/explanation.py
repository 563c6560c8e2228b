"""One self-contained HTML page that shows how a classifier came to what it says of a text.

Knows HTML, SVG and explanations; knows nothing of models, files or terminals. The page needs
neither a network nor a script: its own policy forbids both, whatever the text holds.
"""

import numpy as np

from sentiment.inspection.explain import Trace, WordEffects
from sentiment.reports.style import BASE, EXPLANATION
from sentiment.reports.svg import colour, drawing, safe


def page(trace: Trace, effects: WordEffects, *, label: str, model: str) -> str:
    """Return an HTML document for one text.

    trace and effects: of the same text; label: what the prediction calls it; model: the name of
    the model that speaks. What a file of it needs is an encoding of UTF-8.
    """
    return _DOCUMENT.format(
        style=BASE + EXPLANATION,
        label=safe(label),
        verdict=colour(1.0 if effects.probability >= 0.5 else -1.0),
        probability=f"{effects.probability:.3f}",
        model=safe(model),
        count=f"{len(trace.tokens):,} word{'s' * (len(trace.tokens) != 1)}",
        words=_words(effects),
        drawing=drawing(trace, effects),
        decision=_decision(trace),
        open=" open" * (len(trace.text) <= 1000),
        given=safe(trace.text),
    )


_DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{label} {probability}</title>
<style>
{style}</style>
</head>
<body>
<header>
<p class="verdict"><span style="background:{verdict}">{label}</span>
P(positive) <b>{probability}</b></p>
<p class="faint">{count} read by the model {model}</p>
</header>
<section>
<h2>What each word did</h2>
<p class="faint">The stronger the colour, the further the word moved the decision: blue towards
positive, orange towards negative. It is measured by taking the word out and reading the text again.
Words with a dotted line are not in the vocabulary.</p>
<p class="words">{words}</p>
</section>
<section>
<h2>P(positive) after each word, and the hidden units</h2>
<div class="scroll">
{drawing}
</div>
<p class="faint">Each row is a hidden unit: blue above 0, orange below. {decision}</p>
</section>
<section>
<details{open}><summary>The text as it was given</summary>
<pre>{given}</pre></details>
</section>
</body>
</html>
"""


def _words(effects: WordEffects) -> str:
    largest = np.abs(effects.effects).max() or 1.0
    spans = []
    for place, word in enumerate(effects.tokens):
        kind = "" if effects.known[place] else ' class="unknown"'
        effect = effects.effects[place]
        hint = f"word {place + 1}: {effect:+.3f} · P {effects.without[place]:.3f} without it"
        shade = colour(effect / largest)
        spans.append(f'<span{kind} style="background:{shade}" title="{hint}">{safe(word)}</span>')
    return "\n".join(spans)


def _decision(trace: Trace) -> str:
    if trace.deciding is None:
        return "The classifier reads a pool of the states of all steps, each column alike."
    if len(trace.directions) > 1:
        return (
            "The frames mark the final state, which alone decides: forward the column after the "
            "last word, backward the one after the first word, which is read last. P(positive) "
            "after a word is that of the text up to it, read in both directions."
        )
    return (
        "The frame marks the final state, the column after the last word, which alone decides. "
        "P(positive) after a word is the classifier put on that column."
    )
