"""A model's folder is found without MLflow in this process, and errors keep their words."""

import subprocess
import sys
import threading
import time

import pytest

from sentiment.errors import MissingFileError, UnavailableError
from sentiment.inference import resolve
from sentiment.serving import model_lookup
from sentiment.serving.model_lookup import find_folder
from tests.helpers.build import tiny_bundle


def test_folders_and_names_of_the_project_are_found_here(home, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    assert find_folder(None) == find_folder("pretrained") == resolve.PRETRAINED
    folder = tiny_bundle(home / "data" / "models" / "tiny").folder
    assert find_folder("tiny") == find_folder(str(folder)) == folder
    monkeypatch.setenv("SENTIMENT_MODEL", "tiny")
    assert find_folder(None) == folder


def test_what_only_mlflow_knows_is_looked_up_by_another_process(home):
    with pytest.raises(MissingFileError) as caught:
        find_folder("models:/sentiment@champion")
    assert "no runs yet" in caught.value.fact and caught.value.hint == "sentiment train"
    with pytest.raises(MissingFileError, match="no model is called 'pretraned'"):
        find_folder("pretraned")
    code = (
        "import sys\nfrom sentiment.errors import SentimentError\n"
        "from sentiment.serving.model_lookup import find_folder\n"
        "try: find_folder('models:/sentiment@champion')\n"
        "except SentimentError: print('mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_look_up_ends_when_it_is_told_to_or_takes_too_long(home, monkeypatch):
    stop = threading.Event()
    stop.set()
    started = time.monotonic()
    with pytest.raises(UnavailableError):
        find_folder("models:/sentiment@champion", stop)
    monkeypatch.setattr(model_lookup, "_SECONDS", 0.2)
    with pytest.raises(UnavailableError, match="took longer"):
        find_folder("models:/sentiment@champion")
    assert time.monotonic() - started < 3


def test_a_process_that_prints_nothing_is_an_error(home, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(UnavailableError, match="has ended"):
        find_folder("models:/sentiment@champion")
