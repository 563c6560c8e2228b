"""Options and fixtures that all tests share."""

import pytest

from sentiment.config import PrepareSettings
from sentiment.utils.paths import ProjectPaths


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the long tests too, and all in full")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes; runs with --slow alone")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="it is slow: run it with --slow, or `make test-slow`")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Return the paths of an empty project."""
    return ProjectPaths(tmp_path_factory.mktemp("project with spaces"))


@pytest.fixture(scope="module")
def sample(paths):
    """Return the sample reviews, prepared in the project of `paths`."""
    from sentiment.data.prepare import prepare

    return prepare(PrepareSettings(dataset="sample"), paths)[0]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return an empty folder that the commands take for their project."""
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.delenv("SENTIMENT_MODEL", raising=False)
    return tmp_path
