"""The MLflow model reads the column `text` or refuses its input: in a program and over HTTP."""

import json
import urllib.error
import urllib.request

import numpy as np
import pandas
import pytest
from mlflow.exceptions import MlflowException

from sentiment.inference.classifier import Classifier
from sentiment.tracking import server
from sentiment.utils.ports import base_url, free_port
from tests.helpers.build import tiny_bundle
from tests.helpers.logged import load_logged, save_model, start_model

TEXTS = ["a good film", "a bad heart, a bad film"]
TITLES = ["bad", "good"]
FRAME = pandas.DataFrame({"title": TITLES, "text": TEXTS, "n": [3, 4]})
JSON, CSV = "application/json", "text/csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a saved model."""
    tmp = tmp_path_factory.mktemp("saved")
    save_model(tiny_bundle(tmp / "bundle").folder, tmp / "model")
    return tmp / "model"


@pytest.fixture(scope="module")
def model(folder):
    return load_logged(str(folder))


@pytest.fixture(scope="module")
def expected(folder):
    from sentiment.inference.bundle import read

    return Classifier(read(folder / "artifacts" / "bundle")).predict(TEXTS).tolist()


@pytest.fixture(scope="module")
def url(folder, paths):
    """The address of a server of the model."""
    port = free_port(0)
    base = base_url("127.0.0.1", port)
    with server.running(start_model(folder, port), f"{base}/health"):
        yield f"{base}/invocations"


def post(url, body, kind):
    """Send `body`; return the status and the content of the answer."""
    request = urllib.request.Request(url, body.encode(), {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def records(frame):
    return frame.to_dict(orient="records")


@pytest.mark.parametrize(
    "given",
    [
        TEXTS, tuple(TEXTS), np.array(TEXTS), np.array(TEXTS, object), FRAME["text"],
        FRAME["text"].rename("review"), FRAME, FRAME[["text", "title", "n"]], FRAME[["text"]],
        FRAME.set_index("title"), FRAME.rename(index={0: "x", 1: "y"}),
        {"n": [1, 2], "text": TEXTS}, pandas.DataFrame(TEXTS),
    ],
)  # fmt: skip
def test_texts_and_tables_with_a_column_text_are_read_in_a_program(given, model, expected):
    answers = model.predict(given)
    assert isinstance(answers, list)
    assert answers == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (FRAME[["title", "n"]], "no column 'text'; it has title, n"),
        (FRAME[["text"]].rename(columns={"text": "review"}), "no column 'text'; it has review"),
        (pandas.DataFrame([TEXTS]), "no column 'text'; it has 0, 1"),
        (FRAME[["text", "n", "text"]], "two columns 'text' (1 and 3) in text, n, text"),
        (FRAME.assign(text=[1, 2]), "text 1 is 1 (int)"),
        (FRAME.assign(text=["a", None]), "text 2 is NaN"),
        (["a", None], "text 2 is None"),
        (np.array([TEXTS]), "expected texts, got ndarray of 2 dimensions"),
        ("a good film", "expected texts, got one string"),
    ],
)
def test_anything_else_is_refused_in_a_program(given, message, model):
    with pytest.raises(MlflowException) as caught:
        model.predict(given)
    assert message in str(caught.value) and caught.value.get_http_status_code() == 400


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"inputs": TEXTS}, JSON),
        ({"instances": TEXTS}, JSON),
        ({"inputs": {"title": TITLES, "text": TEXTS}}, JSON),
        ({"instances": records(FRAME)}, JSON),
        ({"dataframe_records": records(FRAME)}, JSON),
        ({"dataframe_records": records(FRAME[["n", "text", "title"]])}, JSON),
        ({"dataframe_split": FRAME.to_dict(orient="split")}, JSON),
        ({"dataframe_split": {"columns": ["text"], "data": [[text] for text in TEXTS]}}, JSON),
        (FRAME.to_csv(index=False), CSV),
        (FRAME.to_csv(), CSV),
        (FRAME[["text", "n"]].to_csv(index=False), CSV),
        (FRAME[["text"]].to_csv(index=False), CSV),
    ],
)
def test_texts_and_tables_with_a_column_text_are_read_by_a_server(body, kind, url, expected):
    status, answer = post(url, body if isinstance(body, str) else json.dumps(body), kind)
    assert status == 200, answer
    assert answer == {"predictions": pytest.approx(expected, abs=1e-7)}


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("id,review\n7,good\n8,bad\n", CSV, "no column 'text'; it has id, review"),
        ("review\ngood\n", CSV, "no column 'text'; it has review"),
        ("A good film.\nA bad one.\n", CSV, "no column 'text'; it has A good film."),
        ("id;text\n7;good\n", CSV, "no column 'text'; it has id;text"),
        ("text,n,text\ngood,1,bad\n", CSV, "two columns 'text' (1 and 3)"),
        ("text\n7\n", CSV, "text 1 is 7 (int)"),
        ("text,n\ngood,1\n,2\n", CSV, "text 2 is NaN"),
        ("text\ngood, as ever\nbad, as ever\n", CSV, "put quotes around texts with commas"),
        ("id,text\n1,good, as ever\n2,bad, too\n", CSV, "put quotes around texts with commas"),
        ({"dataframe_records": [{"a": "good", "b": "bad"}]}, JSON, "no column 'text'; it has a, b"),
        ({"dataframe_records": [{"text": "a"}, {"txt": "b"}]}, JSON, "text 2 is NaN"),
        ({"dataframe_records": [{"text": "a"}, {"text": None}]}, JSON, "text 2 is NaN"),
        ({"dataframe_records": [{"text": "a"}, {"text": 7}]}, JSON, "text 2 is 7 (int)"),
        (
            {"dataframe_split": {"columns": ["text", "text"], "data": [["good", "bad"]]}}, JSON,
            "two columns 'text' (1 and 2) in text, text",
        ),
        ({"dataframe_split": {"data": [["good", "bad"]]}}, JSON, "it has 0, 1"),
        ({"inputs": {"title": TITLES}}, JSON, "no column 'text'; it has title"),
        ({"inputs": ["good", None]}, JSON, "text 2 is None"),
        ({"inputs": ["good", float("nan")]}, JSON, "text 2 is NaN"),
        ({"inputs": [1, 2]}, JSON, "text 1 is 1 (int64)"),
        ({"inputs": "good"}, JSON, "expected texts, got ndarray of 0 dimensions"),
        ({"inputs": [["good", "bad"]]}, JSON, "expected texts, got ndarray of 2 dimensions"),
    ],
)  # fmt: skip
def test_a_server_refuses_anything_else_and_names_the_columns(body, kind, message, url):
    status, answer = post(url, body if isinstance(body, str) else json.dumps(body), kind)
    assert status == 400, answer
    assert message in answer["message"]
    assert post(url, json.dumps({"inputs": TEXTS}), JSON)[0] == 200


def test_no_texts_are_no_error(model, url):
    assert model.predict([]) == model.predict(FRAME[:0]) == []
    assert post(url, '{"inputs": []}', JSON) == (200, {"predictions": []})
    assert post(url, "text\n", CSV) == (200, {"predictions": []})


def test_the_example_that_is_stored_with_the_model_is_one_that_a_server_reads(folder, url):
    status, answer = post(url, (folder / "serving_input_example.json").read_text(), JSON)
    assert status == 200 and len(answer["predictions"]) == 1
