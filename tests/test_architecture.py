"""The picture in docs/architecture.md shows the imports as they are."""

import re
from pathlib import Path

from tests.test_layers import FILES, imports, package_of

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
# Entry points, and names that models of an earlier version import.
LEFT_OUT = {"__init__", "__main__", "_legacy"}


def picture():
    """Return the arrows of the page's Mermaid diagram as pairs of packages."""
    diagram = re.search(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)[1]
    return set(re.findall(r"^\s*(\w+) --> (\w+)$", diagram, re.MULTILINE))


def actual():
    """Return which package imports which, as pairs."""
    found = set()
    for path in FILES:
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "sentiment" and len(parts) > 1:
                found.add((package_of(path), parts[1]))
    return {
        (one, other)
        for one, other in found
        if one != other and not {one, other} & LEFT_OUT and not other.startswith("__")
    }


def reachable(arrows, start):
    """Return all packages that arrows lead to from `start`."""
    seen, left = set(), [start]
    while left:
        here = left.pop()
        for one, other in arrows:
            if one == here and other not in seen:
                seen.add(other)
                left.append(other)
    return seen


def test_every_arrow_of_the_picture_is_an_import():
    assert picture() <= actual()


def test_every_import_follows_arrows_of_the_picture():
    arrows = picture()
    for one, other in actual():
        assert other in reachable(arrows, one), f"{one} imports {other}, and no arrows lead there"


def test_every_package_is_described():
    packages = {package_of(path) for path in FILES} - LEFT_OUT
    for package in packages:
        assert re.search(rf"`(?:sentiment/)?{package}(?:/|\.py)?`", PAGE), package
