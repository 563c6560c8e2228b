"""MLflow's pages as a person uses them: where things are and what to click."""

import re

from playwright.sync_api import expect

# MLflow's assistant covers a third of the page until it has been closed once.
HIDE_ASSISTANT = """
if (window === top) {  // a frame in a sandbox has no access to the storage
  localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
  localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
}
"""
_ERRORS = re.compile("error|failed|something went wrong|unable to|not found", re.I)


class Runs:
    """The page of an experiment's runs, at the address that `sentiment ui` prints."""

    def __init__(self, page, address):
        self.page, self._address = page, address

    def open(self, mode):
        """Open the view CHART, ARTIFACT or TABLE; TABLE is the address itself."""
        suffix = "" if mode == "TABLE" else f"&compareRunsMode={mode}"
        self.page.goto(f"{self._address}{suffix}")
        # The list of runs is hidden beside the charts and the artifacts.
        ready = self.page.get_by_placeholder("Search metric charts")
        ready = ready.or_(self.page.get_by_text("Run Name", exact=True))
        ready.or_(self.page.get_by_text("Compare:")).first.wait_for()

    def switch_to_charts(self):
        """Click the icon above the table that shows charts in its place."""
        self.page.locator("label").filter(has=self.page.locator("input[value=CHART]")).click()

    def full_screen(self, name):
        """Enlarge the chart called `name`; return the dialog."""
        self.card(name).locator("[data-component-id=fullscreen_button_chartcard]").click()
        return self.page.get_by_role("dialog")

    def card(self, name):
        """Return the chart called `name` without a search for it."""
        heading = self.page.get_by_title(name, exact=True).first
        heading.wait_for()
        return heading.locator("xpath=ancestor::div[contains(@class, 'react-resizable')][1]")

    @property
    def errors(self):
        """Return the error messages that the page shows."""
        banners = self.page.locator("[role=alert], [class*=alert], [class*=notification]")
        return [text for text in banners.all_inner_texts() if _ERRORS.search(text)]

    def chart(self, name):
        """Return the chart called `name`, found by searching for it."""
        self.page.get_by_placeholder("Search metric charts").fill(name)
        return self.card(name)

    def images_side_by_side(self, key):
        """Open the images `key` of all runs in full screen; return them."""
        card = self.chart(key)
        card.get_by_test_id("experiment-view-compare-runs-card-menu").click()
        self.page.get_by_role("menuitem", name="Configure").click()
        # With all parameters above it each image would take a row of its own.
        self.page.get_by_role("dialog").get_by_role("switch").click()
        self.page.get_by_role("button", name="Save changes").click()
        self.page.get_by_role("dialog").wait_for(state="detached")
        self.chart(key).locator("[data-component-id=fullscreen_button_chartcard]").click()
        return self.page.get_by_role("dialog").locator("img")

    def compare_column(self, name):
        """Choose which column the table of artifacts compares."""
        self.page.get_by_text("Compare:").click()
        option = self.page.get_by_role("menuitemcheckbox", name=name)
        option.or_(self.page.get_by_role("option", name=name)).first.click()


def sources(images, count):
    """Wait until at least `count` images have loaded; return their addresses."""
    images.nth(count - 1).wait_for()
    for image in images.all():
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("one => one.naturalWidth") > 0
    return [image.get_attribute("src") for image in images.all()]
