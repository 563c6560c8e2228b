"""Render pages from `templates/` with Jinja2, with the files of `static/` inside them."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sentiment.utils.text import finite, replace_control

# As Biome formats them.
_IMPORT = re.compile(r'^import \{[^}]*\} from "[^"]*";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:class|const|function))", re.MULTILINE)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("sentiment.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _visible(value: Any) -> Any:
    """Return text with U+FFFD in place of control characters: no page holds any."""
    return replace_control(value) if type(value) is str else value


def render(template: str, **context: Any) -> str:
    """Return the template with `context` in it; all text is escaped, Markup is not."""
    return _environment().get_template(template).render(**context)


def render_page(
    template: str,
    *,
    title: str,
    styles: Sequence[str],
    scripts: Sequence[str] = (),
    **context: Any,
) -> str:
    """Return a self-contained page from a template that extends `base.html`.

    styles: names of files in `static/`, or style sheets themselves; scripts: likewise. The page's
    policy allows no script but these, and no network, whatever the texts hold.
    """
    sources = [static(script) if _is_name(script) else script for script in scripts]
    return render(
        template,
        title=title,
        styles=[static(style) if _is_name(style) else style for style in styles],
        scripts=sources,
        allowed_scripts=" ".join(map(script_hash, sources)),
        **context,
    )


def _is_name(source: str) -> bool:
    return "\n" not in source and source.endswith((".css", ".js"))


@cache
def static(name: str) -> str:
    """Return the text of a file in `static/`."""
    return resources.files("sentiment.reports").joinpath("static", name).read_text("utf-8")


def join_modules(names: Sequence[str]) -> str:
    """Return modules of JavaScript in `static/` as one script, which imports nothing.

    names: in the order in which they run. All names that they define have to differ.
    """
    modules = [_EXPORT.sub("", _IMPORT.sub("", static(name))) for name in names]
    return '"use strict";\n' + "".join(modules)


def script_json(value: Any) -> Markup:
    """Return `value` as JSON that can stand in a <script> element; no text can end the element.

    Infinite and NaN numbers, which JSON lacks, become null.
    """
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(finite(value), separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 (JSON without "<" holds no markup)


def script_hash(source: str) -> str:
    """Return how a content security policy names a script that it allows."""
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
