"""A newer model is taken up between two requests, and a bad one never is."""

import json
import shutil
import time

import pytest

from sentiment.inference import bundle
from sentiment.utils import files
from tests.helpers.build import tiny_bundle
from tests.helpers.service import service

BODY = {"texts": ["a good film"]}


@pytest.fixture
def models(tmp_path):
    """The folders of two models, and the file that names the one to serve."""
    first, second = (tiny_bundle(tmp_path / name, seed=n) for n, name in enumerate(("one", "two")))
    return first.folder, second.folder, tmp_path / "choice.json"


def choose(choice, number, folder=None, error=None):
    files.write_json(choice, {"number": number, "folder": folder and str(folder), "error": error})


def wait_for(condition):
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def served_model(started):
    return started.post("/v1/classify", BODY).json["model"]


def test_a_newer_model_answers_and_bad_ones_do_not(models, tmp_path):
    first, second, choice = models
    with service(first, choice=str(choice), log="json") as started:
        reloads = 'sentiment_model_reloads_total{result="%s"}'
        assert served_model(started) == "one"
        choose(choice, 1, second)
        wait_for(lambda: served_model(started) == "two")
        assert started.metric(reloads % "taken") == 1
        digest = started.request("GET", "/v1/model").json["digest"]
        assert started.metric(f'sentiment_model_workers{{digest="{digest}",model="two"}}') == 1

        damaged = tmp_path / "damaged"
        shutil.copytree(first, damaged)
        weights = damaged / "weights.npz"
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
        for number, folder in enumerate((damaged, tmp_path / "none", tmp_path), 2):
            choose(choice, number, folder)
            wait_for(lambda n=number: started.metric(reloads % "refused") == n - 1)
        choose(choice, 5, error="the store does not answer")
        wait_for(lambda: started.metric(reloads % "failed") == 1)
        choice.write_text("{")
        time.sleep(1.2)
        assert served_model(started) == "two"
        choose(choice, 6, first)
        wait_for(lambda: served_model(started) == "one")
    events = [json.loads(line) for line in started.log]
    refused = [each for each in events if each["event"] == "model refused"]
    assert len(refused) == 3 and "weights.npz" in refused[0]["error"]
    assert {each["still"] for each in refused} == {"two"}
    assert [each["event"] for each in events].count("model taken up") == 2


def test_a_model_whose_answers_are_no_numbers_is_refused(models):
    first, second, choice = models
    opened = bundle.read(second)
    huge = {
        name: array * 0 + (-3e38 if "recurrent" in name else 3e38)  # infinity less infinity
        for name, array in opened.weights.items()
    }
    bundle.write(
        second, tokenizer=opened.tokenizer, embedding=opened.embedding * 0 + 1, weights=huge,
        manifest=opened.manifest,
    )  # fmt: skip
    with service(first, choice=str(choice)) as started:
        choose(choice, 1, second)
        wait_for(lambda: started.metric('sentiment_model_reloads_total{result="refused"}') == 1)
        assert served_model(started) == "one"
