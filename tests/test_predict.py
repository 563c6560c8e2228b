import json
import subprocess
import sys

import pytest
from build import tiny_bundle
from typer.testing import CliRunner

from sentiment.cli import app

HEAVY = ("tensorflow", "keras", "mlflow", "tensorflow_datasets", "pandas", "sklearn", "matplotlib")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def model(home):
    return tiny_bundle(home / "data" / "models" / "tiny")


def predict(*words, **options):
    return CliRunner().invoke(app, ["predict", *words], **options)


def lines(result):
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_a_line_has_label_probability_and_text(model):
    label, probability, text = lines(predict("a good film"))[0].split("  ")
    assert label == ("positive" if float(probability) >= 0.5 else "negative")
    assert text == "a good film"


def test_texts_come_as_arguments_from_a_pipe_or_in_the_place_of_a_dash(model):
    both = lines(predict("a good film", "a bad heart"))
    assert both == lines(predict(input="a good film\na bad heart\n"))
    assert both == lines(predict("-", input="a good film\r\na bad heart"))
    assert lines(predict("bad", "-", "film", input="a good film\n"))[1] == both[0]


def test_json_is_one_object_a_line(model):
    objects = [json.loads(line) for line in lines(predict("--json", "a good café film", "bad"))]
    assert [said["text"] for said in objects] == ["a good café film", "bad"]
    assert all(0 < said["probability"] < 1 for said in objects)


def test_the_newest_model_speaks_unless_another_is_named(model, home):
    other = tiny_bundle(home / "elsewhere", seed=5)
    before = lines(predict("a good film"))
    named = lines(predict("--model", str(other.folder), "a good film"))
    assert named != before
    tiny_bundle(home / "data" / "models" / "newer", seed=5)
    assert lines(predict("a good film")) == named


@pytest.mark.parametrize(
    ("words", "given", "message"),
    [
        ([""], None, "text 1 is empty"),
        (["fine", "  "], None, "text 2 is empty"),
        (["... ---"], None, "text 1 holds no word"),
        (["-"], "", "standard input held no text"),
        (["-"], "fine\n\nfine\n", "text 2 is empty"),
        (["-"], b"caf\xe9\n", "not UTF-8"),
        (["--model", "nowhere", "fine"], None, "no model in nowhere"),
    ],
)
def test_what_cannot_be_classified_is_named(model, words, given, message):
    result = predict(*words, input=given)
    assert result.exit_code == 1
    assert message in result.stderr and not result.stdout
    assert "Traceback" not in result.stderr


def test_without_a_model_the_command_that_makes_one_is_named(home):
    result = predict("fine")
    assert result.exit_code == 1
    assert "no trained model" in result.stderr and "Try: sentiment train" in result.stderr


def test_a_broken_model_is_named(model):
    (model.folder / "weights.npz").write_bytes(b"")
    result = predict("fine")
    assert result.exit_code == 1
    assert "weights.npz is damaged" in result.stderr and "Try: sentiment train" in result.stderr


def test_an_unknown_option_is_a_usage_error(model):
    assert predict("--nothing", "fine").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [["--help"], ["predict", "a good film"], ["states", "a good film"]]
    + [
        [name, "--help"]
        for name in ("prepare", "train", "evaluate", "predict", "states", "ui", "lecture")
    ],
)
def test_help_and_predict_import_nothing_heavy(model, words):
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r}));"
        f"sys.argv = ['sentiment', *{words!r}];"
        "from sentiment.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout or "film" in done.stdout
