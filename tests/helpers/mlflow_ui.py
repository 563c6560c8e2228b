"""MLflow's pages as a person finds them: where things stand and what to click."""

import re

from playwright.sync_api import expect

# Its assistant covers a third of the page until it is closed for the first time.
QUIET = """
if (window === top) {  // a frame in a sandbox may not touch the storage
  localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
  localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
}
"""
_ERRORS = re.compile("error|failed|something went wrong|unable to|not found", re.I)


class Runs:
    """The page of an experiment's runs, at the address that `sentiment ui` prints."""

    def __init__(self, page, address):
        self.page, self._address = page, address

    def show(self, mode):
        """Open the view CHART, ARTIFACT or TABLE."""
        self.page.goto(self._address.replace("=CHART", f"={mode}"))
        self.page.get_by_text("matching runs").wait_for()

    @property
    def names(self):
        """What the list of runs shows of their names."""
        links = self.page.locator("a[href*='/runs/']")
        return sorted(filter(None, (text.strip() for text in links.all_inner_texts())))

    @property
    def complaints(self):
        """What the page says that has gone wrong."""
        banners = self.page.locator("[role=alert], [class*=alert], [class*=notification]")
        return [text for text in banners.all_inner_texts() if _ERRORS.search(text)]

    def card(self, name):
        """Return the chart called `name`, found by the search as a person would."""
        self.page.get_by_placeholder("Search metric charts").fill(name)
        heading = self.page.get_by_title(name, exact=True).first
        heading.wait_for()
        return heading.locator("xpath=ancestor::div[contains(@class, 'react-resizable')][1]")

    def images_side_by_side(self, key):
        """Open the pictures `key` of all runs as large as they get; return them."""
        card = self.card(key)
        card.get_by_test_id("experiment-view-compare-runs-card-menu").click()
        self.page.get_by_role("menuitem", name="Configure").click()
        # With all parameters above it each picture would take a row of its own.
        self.page.get_by_role("dialog").get_by_role("switch").click()
        self.page.get_by_role("button", name="Save changes").click()
        self.page.get_by_role("dialog").wait_for(state="detached")
        self.card(key).locator("[data-component-id=fullscreen_button_chartcard]").click()
        return self.page.get_by_role("dialog").locator("img")

    def compare_column(self, name):
        """Choose which column the table of artifacts compares."""
        self.page.get_by_text("Compare:").click()
        option = self.page.get_by_role("menuitemcheckbox", name=name)
        option.or_(self.page.get_by_role("option", name=name)).first.click()


def sources(images, count):
    """Wait for `count` pictures or more, each of them whole; return their addresses."""
    images.nth(count - 1).wait_for()
    for image in images.all():
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("one => one.naturalWidth") > 0
    return [image.get_attribute("src") for image in images.all()]
