"""The colours and the type that every page of the program shares, light and dark.

Knows CSS; knows nothing of what a page shows.
"""

BASE = """\
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #5c6570; --page: #fbfbfa;
  --panel: #fff; --line: #dfe2e6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --faint: #9aa3ad;
  --page: #14161a; --panel: #1c1f24; --line: #363b43; } }
body { max-width: 1080px; margin: 2rem auto; padding: 0 1rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
section { margin: 1.2rem 0; padding: 1rem 1.25rem; background: var(--panel);
  border: 1px solid var(--line); border-radius: 10px; }
h2 { margin: 0 0 .3rem; font-size: 1.05rem; }
p { margin: .3rem 0; }
.faint { color: var(--faint); font-size: .88rem; }
.scroll { overflow-x: auto; }
"""

# What the words, the curve and the heat map of an explanation look like.
EXPLANATION = """\
.verdict { font-size: 1.35rem; }
.verdict span { padding: .1em .5em; border-radius: 6px; color: #fff; }
.words { margin-top: .8rem; line-height: 2; overflow-wrap: anywhere; }
.words span { padding: .15em .3em; border-radius: 4px; }
.unknown { text-decoration: underline dotted; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
summary { cursor: pointer; font-weight: 600; }
svg { display: block; font: 12px system-ui, sans-serif; }
svg text { fill: var(--faint); }
.left { text-anchor: end; }
.middle { text-anchor: middle; }
.grid { stroke: var(--line); }
.curve { fill: none; stroke: var(--ink); stroke-width: 1.5; stroke-linejoin: round; }
circle { fill: var(--ink); }
circle.final, rect.final { fill: none; stroke: var(--ink); stroke-width: 2; }
.heat { image-rendering: pixelated; }
.hint { fill: transparent; }
.hint:hover { fill: rgb(128 128 128 / .2); }
"""
