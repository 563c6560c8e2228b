"""Endpoints answer as the command line does, and refuse what they can't read in one sentence."""

import json

import pytest

from sentiment.inference import bundle
from sentiment.inference.classifier import Classifier
from sentiment.inference.manifest import NeutralBand
from sentiment.inference.predict import LabelRule, predict
from sentiment.inspection import explain
from tests.helpers.build import tiny_bundle
from tests.helpers.service import PAGE, service

TEXTS = ["a good film", "a bad heart, a bad film", "", "...", "qwxz", "none with a heart"]
SECRET = "good film with a secret of mine"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    opened = tiny_bundle(tmp_path_factory.mktemp("models") / "tiny", seed=29)
    (opened.folder / "MODEL_CARD.md").write_text("# A tiny model\n")
    return bundle.update_manifest(opened, neutral_band=NeutralBand(0.25, 0.75, 2492, 0.5289, 0.9))


@pytest.fixture(scope="module")
def served(model):
    with service(model.folder, log="json") as started:
        yield started


def as_json(prediction):
    label, probability, warnings, wrong, evidence = prediction
    return {
        "label": label, "probability": probability and pytest.approx(probability, abs=2e-6),
        "warnings": list(warnings), "evidence": evidence, "error": wrong,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({}, LabelRule()),
        ({"threshold": 0.9}, LabelRule(0.9)),
        ({"threshold": 1}, LabelRule(1.0)),
        ({"neutral": [0.2, 0.8]}, LabelRule(neutral=(0.2, 0.8))),
        ({"neutral": "auto"}, LabelRule(neutral=(0.25, 0.75))),
    ],
)
def test_texts_are_classified_as_by_predict(options, rule, served, model):
    answer = served.post("/v1/classify", {"texts": TEXTS, **options})
    assert answer.status == 200
    expected = predict(Classifier(model), rule, TEXTS)
    assert answer.json == {
        "model": "tiny",
        "neutral": rule.neutral and list(rule.neutral),
        "results": list(map(as_json, expected)),
    }
    assert [each.wrong for each in expected[2:4]] == ["is empty", "holds no word: '...'"]
    assert expected[4].warnings == ("no-known-word",)


def test_many_texts_are_classified_like_few(served, model):
    answer = served.post("/v1/classify", {"texts": TEXTS * 1000})
    expected = predict(Classifier(model), LabelRule(), TEXTS)
    results = answer.json["results"]
    assert len(results) == 6000
    assert results[:6] == results[-6:] == list(map(as_json, expected))
    assert served.post("/v1/classify", {"texts": []}).json["results"] == []


def test_a_text_is_explained_word_by_word(served, model):
    answer = served.post("/v1/explain", {"text": "a bad heart, a good film"}).json
    classifier = Classifier(model)
    trace = explain.trace(classifier, "a bad heart, a good film")
    effects = explain.word_effects(classifier, "a bad heart, a good film")
    assert [row["word"] for row in answer["words"]] == trace.tokens
    assert answer["result"]["probability"] == pytest.approx(effects.probability, abs=2e-6)
    for index, row in enumerate(answer["words"]):
        assert row["probability"] == pytest.approx(trace.probabilities[index], abs=2e-6)
        assert row["effect"] == pytest.approx(effects.effects[index], abs=2e-6)
        assert row["without"] == pytest.approx(effects.without[index], abs=2e-6)
        assert row["known"] is bool(effects.known[index])
    refused = served.post("/v1/explain", {"text": "qwxz"})
    assert refused.status == 422
    assert refused.json == {
        "error": "nothing to explain: the model knows no word of 'qwxz'",
        "hint": "send a text with words that the model knows",
    }


def test_the_hidden_states_are_those_of_the_classifier(served, model):
    answer = served.post("/v1/states", {"text": "a good film"}).json
    classifier = Classifier(model)
    expected = classifier.states(classifier.encode(["a good film"]))
    assert answer["names"] == ["forward_1", "forward_2", "forward_3"]
    assert answer["words"] == ["a", "good", "film"]
    for row, state in zip(answer["states"], expected, strict=True):
        assert row == pytest.approx(state.tolist(), abs=1e-6)
    assert served.post("/v1/states", {"text": ""}).json["states"] == []


def test_the_model_shows_its_digests_its_metrics_and_its_card(served, model):
    answer = served.request("GET", "/v1/model").json
    assert answer["name"] == "tiny" and answer["card"] == "# A tiny model\n"
    assert answer["files"] == model.manifest.files and len(answer["digest"]) == 64
    assert answer["neutral_band"]["low"] == 0.25 and answer["temperature"] == 1.25


def test_a_card_that_is_a_link_to_another_file_is_not_read(tmp_path):
    opened = tiny_bundle(tmp_path / "tiny")
    (tmp_path / "private").write_text("private")
    (opened.folder / "MODEL_CARD.md").symlink_to(tmp_path / "private")
    with service(opened.folder) as started:
        assert started.request("GET", "/v1/model").json["card"] is None


DEEP = b'{"texts": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"texts": ["a"], "treshold": 1, "x": 2}', 422, "unknown field: treshold, x"),
        (b"{}", 422, "texts: field required"),
        (b'{"texts": "a"}', 422, "texts: input should be a valid"),
        (b'{"texts": ["a", 1]}', 422, "texts[1]: input should be a valid string"),
        (b'{"texts": [null]}', 422, "texts[0]: input should be a valid string"),
        (b'{"texts": [], "threshold": "0.5"}', 422, "threshold: input should be a valid number"),
        (b'{"texts": [], "threshold": true}', 422, "threshold: input should be a valid number"),
        (b'{"texts": [], "threshold": NaN}', 422, "threshold: "),
        (b'{"texts": [], "threshold": 1e999}', 422, "threshold: "),
        (b'{"texts": [], "threshold": -1}', 422, "threshold: input should be greater than"),
        (b'{"texts": [], "neutral": [0.7, 0.3]}', 422, "expected probabilities from 0 to 1"),
        (b'{"texts": [], "neutral": [0.3]}', 422, "neutral: expected [low, high]"),
        (b'{"texts": [], "neutral": "aut"}', 422, "neutral: expected [low, high]"),
        (b'{"texts": [], "neutral": [0, 1], "threshold": 1}', 422, "neutral replaces threshold"),
        (b'["a"]', 422, "the body is not a JSON object"),
        (b"", 400, "the body is not valid JSON"),
        (b"{", 400, "the body is not valid JSON"),
        (b'{"texts": ["\xff"]}', 400, "the body is not valid JSON"),
        (b'{"texts": ["\\ud800"]}', 400, "the body is not valid JSON"),
        (DEEP, 400, "the body is not valid JSON"),
        (b'{"texts": ["' + b"a" * 1_000_001 + b'"]}', 422, "texts[0]: string should have at most"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_that_makes_no_sense_is_refused_in_one_sentence(body, status, message, served):
    answer = served.request("POST", "/v1/classify", body, Content_Type="application/json")
    assert answer.status == status, answer.body
    assert message in answer.json["error"] and "\n" not in answer.json["error"]
    assert answer.json["hint"]
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize("path", ["/v1/classify", "/v1/explain", "/v1/states", "/invocations"])
def test_a_form_of_another_site_is_refused(path, served):
    body = b'{"texts": ["a"]}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert served.request("POST", path, body, Content_Type=kind).status == 415


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"inputs": TEXTS}, "application/json"),
        ({"instances": TEXTS}, "application/json; charset=utf-8"),
        ({"dataframe_split": {"columns": ["text"], "data": [[each] for each in TEXTS]}}, None),
        ({"dataframe_records": [{"id": 1, "text": each} for each in TEXTS]}, None),
        ('text\n"a good film"\n"a bad heart, a bad film"\n""\n...\nqwxz\nnone with a heart\n', 0),
    ],
)
def test_mlflows_formats_are_answered_in_mlflows_shape(body, kind, served, model):
    content = body if isinstance(body, str) else json.dumps(body)
    kind = "text/csv" if isinstance(body, str) else kind or "application/json"
    answer = served.request("POST", "/invocations", content.encode(), Content_Type=kind)
    expected = map(as_json, predict(Classifier(model), LabelRule(), TEXTS))
    rows = [{name: each[name] for name in ("label", "probability")} for each in expected]
    assert answer.json == {"predictions": rows}


def test_other_paths_and_methods_are_refused(served):
    assert served.request("GET", "/none").status == 404
    assert served.request("GET", "/v1/classify").status == 405
    assert served.request("GET", "/../../etc/passwd").status == 404
    assert "hint" in served.request("GET", "/none").json


def test_the_page_is_sent_whole_and_once(served):
    answer = served.request("GET", "/", Accept_Encoding="gzip")
    assert answer.body.decode() == PAGE and "Content-Encoding" not in answer.headers
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = served.request("GET", "/", If_None_Match=answer.headers["ETag"])
    assert (again.status, again.body) == (304, b"")


def test_the_list_of_endpoints_needs_no_other_server(served):
    document = served.request("GET", "/openapi.json").json
    assert set(document["paths"]) == {
        "/v1/classify", "/v1/explain", "/v1/states", "/v1/model", "/invocations", "/healthz",
        "/readyz", "/metrics",
    }  # fmt: skip
    reference = document["paths"]["/v1/classify"]["post"]["requestBody"]["content"]
    name = reference["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert set(document["components"]["schemas"][name]["properties"]) == {
        "texts", "threshold", "neutral",
    }  # fmt: skip
    for path in ("/docs", "/docs.css", "/docs.js"):
        answer = served.request("GET", path)
        assert answer.status == 200 and b"://" not in answer.body
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_requests_are_counted_and_logged_without_their_texts(served):
    before = served.metric('sentiment_requests_total{path="/v1/classify",status="200"}')
    answer = served.post("/v1/classify", {"texts": [SECRET]})
    served.request("GET", f"/{SECRET.replace(' ', '%20')}?q={SECRET.replace(' ', '+')}")
    served.post("/v1/classify", {"texts": [SECRET, 1]})
    after = served.metric('sentiment_requests_total{path="/v1/classify",status="200"}')
    assert after == before + 1
    lines = [json.loads(line) for line in served.log]
    (line,) = [each for each in lines if each.get("id") == answer.headers["x-request-id"]]
    assert (line["path"], line["status"], line["texts"]) == ("/v1/classify", 200, 1)
    assert "secret" not in "".join(served.log)
    assert lines[0]["event"] == "serving"
