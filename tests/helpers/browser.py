"""Open pages in a real Chromium."""

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
# The names of the hidden lines and dots in the plots of a page.
HIDDEN = """() => Bokeh.documents[0].roots().flatMap((root) =>
  root.renderers.filter((part) => !part.visible).map((part) => part.name))"""
# Elements beyond the right edge, but for those in a frame that scrolls.
_BEYOND = """() => [...document.querySelectorAll("body *")].filter((one) => {
  const { width, right } = one.getBoundingClientRect();
  return width && right > innerWidth + 1 && !one.parentElement.closest(".scroll");
}).map((one) => `${one.tagName} ${one.className} ${one.textContent.slice(0, 60)}`)"""
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_FRAME = '<iframe sandbox="allow-scripts" style="width:1180px;height:860px"'
_SRCDOC = _FRAME + ' srcdoc="{}"></iframe>'
_BLOB = (
    _FRAME
    + """></iframe>
<script>document.querySelector("iframe").src = URL.createObjectURL(
new Blob([JSON.parse({})], {{ type: "text/html;charset=utf-8" }}));</script>"""
)


@contextmanager
def chromium():
    """Start the Chromium of this machine and yield it."""
    assert CHROMIUM, "SENTIMENT_REQUIRE_CHROMIUM=1, but there is no Chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(html, folder, *, how="srcdoc"):
    """Open `html` in a frame that may run scripts and nothing else; yield the frame.

    how: "srcdoc" or "blob", how the frame gets the page. Fails if the page requests anything
    beyond itself, or if its scripts report an error or a warning.
    """
    if how == "srcdoc":
        viewer = _SRCDOC.format(escape(html))
    else:
        viewer = _BLOB.format(json.dumps(json.dumps(html)).replace("<", "\\u003c"))
    file = folder / "viewer.html"
    file.write_text(f'<!DOCTYPE html><meta charset="utf-8">{viewer}', "utf-8")
    requests, complaints = [], []

    def on_console(message):
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.on("console", on_console)
        page.goto(file.as_uri())
        page.frame_locator("iframe").locator("body[data-ready=yes]").wait_for()
        yield page.frames[1]
        page.wait_for_timeout(200)
    outside = [url for url in requests if not url.startswith(("blob:", "data:", "about:"))]
    assert outside == [file.as_uri()]
    assert complaints == []


def column(frame, source, name):
    """Return a column of a plot's data, by the name of its source."""
    return frame.evaluate(
        "([source, name]) => [...Bokeh.documents[0].get_model_by_name(source).data[name]]",
        [source, name],
    )


def beyond_the_edge(html, folder, width=390):
    """Return what sticks out of a page on a screen `width` pixels wide; nothing, if all is well.

    What scrolls by itself, such as a wide table in its frame, may be wider.
    """
    file = folder / "page.html"
    file.write_text(html, "utf-8")
    with chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": 844})
        page.goto(file.as_uri())
        if "Bokeh" in html:
            page.locator("body[data-ready=yes]").wait_for()
        found = page.evaluate(_BEYOND)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, found
    return found
