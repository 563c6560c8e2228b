"""Pages opened in a real Chromium, and what they do there."""

import json
import os
import shutil
from contextlib import contextmanager
from html import escape

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
REQUIRED = os.environ.get("SENTIMENT_REQUIRE_CHROMIUM") == "1"
needs_browser = pytest.mark.skipif(
    not (CHROMIUM or REQUIRED), reason="there is no Chromium on this machine"
)
# The names of what is hidden in the drawings of a page.
HIDDEN = """() => Bokeh.documents[0].roots().flatMap((root) =>
  root.renderers.filter((part) => !part.visible).map((part) => part.name))"""
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_SOURCE = '<iframe sandbox="allow-scripts" style="width:1180px;height:860px" srcdoc="{}"></iframe>'
_BLOB = """<iframe sandbox="allow-scripts" style="width:1180px;height:860px"></iframe>
<script>document.querySelector("iframe").src = URL.createObjectURL(
new Blob([JSON.parse({})], {{ type: "text/html;charset=utf-8" }}));</script>"""


@contextmanager
def chromium():
    """Start the Chromium of this machine and yield it."""
    assert CHROMIUM, "SENTIMENT_REQUIRE_CHROMIUM=1, but there is no Chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def opened(html, folder, *, how="srcdoc"):
    """Open `html` in a frame that may run scripts and nothing else; yield the frame.

    Fails where the page asks for anything beyond itself, or complains.
    """
    if how == "srcdoc":
        outside = _SOURCE.format(escape(html))
    else:
        outside = _BLOB.format(json.dumps(json.dumps(html)).replace("<", "\\u003c"))
    file = folder / "viewer.html"
    file.write_text(f'<!DOCTYPE html><meta charset="utf-8">{outside}', "utf-8")
    asked, complaints = [], []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type in ("error", "warning") else 0,
        )
        page.goto(file.as_uri())
        frame = page.frame_locator("iframe").locator("body")
        frame.and_(page.frame_locator("iframe").locator("[data-ready=yes]")).wait_for()
        yield page.frames[1]
        page.wait_for_timeout(200)
    beyond = [url for url in asked if not url.startswith(("blob:", "data:", "about:"))]
    assert beyond == [file.as_uri()]
    assert complaints == []


def column(frame, source, name):
    """Return a column of the data of a plot, by the name of its source."""
    return frame.evaluate(
        "([source, name]) => [...Bokeh.documents[0].get_model_by_name(source).data[name]]",
        [source, name],
    )
