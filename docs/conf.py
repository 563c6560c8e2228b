"""How Sphinx builds the documentation: `make docs`."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from pygments.lexers.special import TextLexer

import sentiment

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # benchmarks and tests that pages quote

project = "sentiment"
author = "the sentiment authors"
copyright = f"{datetime.now(UTC):%Y}, {author}"
version = release = sentiment.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_copybutton"]
exclude_patterns = ["_build", "examples"]
nitpicky = True  # with --fail-on-warning: a link that leads nowhere ends the build
nitpick_ignore_regex = [("py:class", r"(?!sentiment\.\w+$).*")]  # types that are not described here

html_theme = "furo"  # no font and no script from the network
html_title = f"sentiment {release}"
html_copy_source = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
smartquotes = False  # an option keeps its two hyphens
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300  # seconds for a cell

copybutton_prompt_text = "$ "
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
default_role = "literal"  # single backticks in docstrings


def setup(app):
    """Show diagrams as the text that they are made of: drawing them needs a script of 3 MB."""
    app.add_lexer("mermaid", TextLexer)
