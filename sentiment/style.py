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
