"""The sdist and the wheel that is built from it hold the package whole, and nothing else."""

import tarfile
import zipfile
from email import message_from_string

import pytest

from sentiment import __version__
from tests.helpers.distribution import ROOT, build, copy_source

MAX_SIZE = 12e6  # bytes of a wheel; most of it is the bundled model
FOLDER = f"sentiment_rnn-{__version__}.dist-info"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """Return the folder that the sdist holds."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", copy_source(folder / "source"), folder / "dist")) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    return unpacked


@pytest.fixture(scope="module")
def wheel(unpacked, tmp_path_factory):
    """Return the bytes of each file in the wheel."""
    path = build("wheel", unpacked, tmp_path_factory.mktemp("wheel") / "dist")
    assert path.stat().st_size < MAX_SIZE
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_sdist_has_the_package_the_light_locks_and_nothing_else(unpacked):
    assert {path.name for path in unpacked.iterdir()} == {
        *("sentiment", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"),
        *("requirements-predict.lock", "requirements-serve.lock"),
        *("PKG-INFO", "setup.cfg", "sentiment_rnn.egg-info"),  # which setuptools adds
    }


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel):
    package = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in (ROOT / "sentiment").rglob("[!.]*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    assert {"sentiment/py.typed", "sentiment/data/sample.csv"} <= package.keys()
    assert {name: wheel[name] for name in wheel if not name.startswith(FOLDER)} == package


def test_the_metadata_name_the_distribution_and_the_command(wheel):
    metadata = message_from_string(wheel[f"{FOLDER}/METADATA"].decode())
    assert (metadata["Name"], metadata["Version"]) == ("sentiment-rnn", __version__)
    command = "[console_scripts]\nsentiment = sentiment.__main__:main\n"
    assert wheel[f"{FOLDER}/entry_points.txt"].decode() == command
    assert f"{FOLDER}/licenses/LICENSE" in wheel
