"""Options and fixtures that all tests share."""

import pytest


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
