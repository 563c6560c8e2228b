"""Test `sentiment predict` on texts."""

import json
import os
import pty
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.inference import resolve
from sentiment.inference.predict import LabelRule
from sentiment.utils.text import escape_control
from tests.helpers.build import tiny_bundle

HEAVY = ("tensorflow", "keras", "mlflow", "tensorflow_datasets", "pandas", "sklearn", "matplotlib")
UNNEEDED = ("rich", "pyarrow", "multiprocessing", "urllib.request")  # for a short text


@pytest.fixture
def model(home):
    # Of this seed the word "good" carries a verdict.
    return tiny_bundle(home / "data" / "models" / "tiny", seed=29)


def predict(*words, **options):
    return CliRunner().invoke(app, ["predict", *words], **options)


def lines(result):
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_a_line_has_label_probability_and_text(model):
    label, probability, text = lines(predict("a good film"))[0].split("  ")
    assert label == ("positive" if float(probability) >= 0.5 else "negative")
    assert text == "a good film"


def test_texts_come_from_arguments_a_pipe_or_a_dash(model):
    both = lines(predict("a good film", "a bad heart"))
    assert both == lines(predict(input="a good film\na bad heart\n"))
    assert both == lines(predict("-", input="a good film\r\na bad heart"))
    assert lines(predict("bad", "-", "film", input="a good film\n"))[1] == both[0]


def test_json_is_one_object_per_line(model):
    objects = [json.loads(line) for line in lines(predict("--json", "a good café film", "bad"))]
    assert [fields["text"] for fields in objects] == ["a good café film", "bad"]
    assert all(0 < fields["probability"] < 1 for fields in objects)


def test_the_newest_model_is_used_unless_another_is_named(model, home):
    other = tiny_bundle(home / "other", seed=35)
    before = lines(predict("a good film"))
    named = lines(predict("--model", str(other.folder), "a good film"))
    assert named != before
    tiny_bundle(home / "data" / "models" / "newer", seed=35)
    assert lines(predict("a good film")) == named


@pytest.mark.parametrize(
    ("words", "given", "message"),
    [
        ([""], None, "text 1 is empty"),
        (["fine", "  "], None, "text 2 is empty"),
        (["... ---"], None, "text 1 holds no word"),
        (["-"], "", "standard input held no text"),
        (["--on-error", "fail"], "good\n\ngood\n", "text 2 is empty"),
        (["--on-error", "fail"], b"caf\xe9\n", "not UTF-8"),
        (["--model", "missing", "fine"], None, "no model is called 'missing'"),
    ],
)
def test_a_text_that_cannot_be_classified_is_named(model, words, given, message):
    result = predict(*words, input=given)
    assert result.exit_code == 1
    assert message in result.stderr and not result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_a_pipe_with_a_bad_line_answers_the_others_and_names_the_line(model, quiet):
    result = predict(*quiet, input=b"good film\n\ncaf\xe9\ngood\n")
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "positive", "-", "-", "positive",
    ]  # fmt: skip
    assert "text 2 is empty" in result.stderr and "text 3: not UTF-8 text" in result.stderr
    assert predict(*quiet, "--on-error", "skip", input="good\n\n").exit_code == 0
    rows = predict("--json", input="good\n\n").stdout.splitlines()
    assert json.loads(rows[1])["label"] is None


def test_a_text_without_a_known_word_has_no_label(model, tmp_path):
    for words in ([], ["--threshold", "0.9"], ["--neutral", "0", "1"]):
        result = predict(*words, "zzz qqq")
        assert result.stdout.split()[0] == "unknown" and float(result.stdout.split()[1]) > 0
    assert json.loads(predict("--json", "zzz qqq").stdout)["label"] == "unknown"
    path = tmp_path / "a.csv"
    path.write_text("text\nzzz qqq\ngood film\n")
    assert predict("--input", path, "--warnings").stdout.splitlines()[0] == (
        "text,label,probability,warnings"
    )
    unknown, known = predict("--input", path, "--warnings").stdout.splitlines()[1:]
    assert unknown.startswith("zzz qqq,unknown,0.") and unknown.endswith(",no-known-word")
    assert known.startswith("good film,positive,0.") and known.endswith(",")
    assert "--warnings needs --input" in predict("--warnings", "good").stderr


def test_without_a_model_the_error_suggests_a_training(home, monkeypatch):
    monkeypatch.setattr(resolve, "PRETRAINED", home / "missing")
    result = predict("fine")
    assert result.exit_code == 1
    assert "no trained model" in result.stderr and "Try: sentiment train" in result.stderr


def test_a_damaged_model_is_named(model):
    (model.folder / "weights.npz").write_bytes(b"")
    result = predict("fine")
    assert result.exit_code == 1
    assert "weights.npz is damaged" in result.stderr and "Try: rm -r " in result.stderr


def test_an_unknown_option_is_a_usage_error(model):
    assert predict("--no-such-option", "fine").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [["--help"], ["predict", "a good film"], ["states", "a good film"]]
    + [
        [name, "--help"]
        for name in ("prepare", "train", "evaluate", "predict", "states", "ui", "lecture")
    ],
)
def test_help_and_predict_import_no_heavy_library(model, words):
    # Help and tables need Rich; a text does not.
    absent = HEAVY + UNNEEDED if words == ["predict", "a good film"] else HEAVY
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent!r}));"
        f"sys.argv = ['sentiment', *{words!r}];"
        "from sentiment.cli import main; main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "Usage" in result.stdout or "film" in result.stdout


COMMAND = [sys.executable, "-c", "from sentiment.cli import main; main()", "predict"]


def run(*words, given=b"", **environment):
    """Run a real process; return its status, standard output and standard error as bytes."""
    result = subprocess.run(
        [*COMMAND, *words], input=given, capture_output=True, env={**os.environ, **environment}
    )
    return result.returncode, result.stdout, result.stderr


def test_threshold_and_neutral_band_include_their_edges():
    assert [LabelRule().label(p) for p in (0.499999, 0.5)] == ["negative", "positive"]
    assert [LabelRule(0.7).label(p) for p in (0.69, 0.7)] == ["negative", "positive"]
    band = LabelRule(neutral=(0.4, 0.6))
    labels = [band.label(p) for p in (0.39, 0.4, 0.5, 0.6, 0.61)]
    assert labels == ["negative", "neutral", "neutral", "neutral", "positive"]


def test_threshold_and_neutral_band_change_the_label(model):
    assert lines(predict("--threshold", "1", "a good film"))[0].startswith("negative")
    assert lines(predict("--threshold", "0", "a good film"))[0].startswith("positive")
    assert lines(predict("--neutral", "0", "1", "a good film"))[0].startswith("neutral")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a good film", []),
        ("good heart unheard thing", []),  # only more than one half counts
        ("good unheard thing", ["unknown-words"]),
        ("unheard thing", ["no-known-word"]),
        ("плохой фильм", ["no-known-word", "other-script"]),
        ("ça déjà vu", ["no-known-word"]),  # Latin script, with accents
        ("good плохой фильм", ["unknown-words", "other-script"]),
        ("good " * 1025, ["cut"]),
        ("good " * 1024, []),
    ],
)
def test_warnings_name_the_reasons_to_doubt_a_prediction(model, text, expected):
    assert json.loads(lines(predict("--json", text))[0])["warnings"] == expected
    err = predict("good", text).stderr
    assert err.count("warning: text 2: ") == len(expected) and "text 1" not in err


def test_many_warnings_are_counted(model):
    err = predict("-", input="unheard\n" * 11).stderr
    assert "warning: 11 texts: all words are unknown" in err and err.count("warning: ") == 1


def test_the_model_is_named(model):
    assert predict("good").stderr == f"model: tiny ({model.folder})\n"
    assert json.loads(predict("--json", "good").stdout)["model"] == "tiny"
    assert not predict("--json", "good").stderr
    assert not predict("--quiet", "unheard").stderr


def test_bad_lines_of_a_pipe_can_be_skipped_or_written_without_a_label(model):
    given = b"good\n\ncaf\xe9\nbad\n"
    assert len(lines(predict("--on-error", "skip", input=given))) == 2
    printed = lines(predict("--on-error", "null", input=given))
    assert printed[1] == "-  -  " and printed[2].startswith("-  -  caf")
    objects = [
        json.loads(line) for line in lines(predict("--json", "--on-error", "null", input=given))
    ]
    assert [fields["label"] is None for fields in objects] == [False, True, True, False]
    assert "text 3: not UTF-8 text" in predict("--on-error", "skip", input=given).stderr


def test_a_closed_pipe_ends_it_silently(model):
    process = subprocess.Popen(
        [*COMMAND, "--quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    process.stdin.write(b"a good film\n" * 3000)
    process.stdin.close()
    assert process.wait() == 1
    assert process.stderr.read() == b""


@pytest.mark.parametrize("locale", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}])
def test_any_encoding_of_a_terminal_works(model, locale):
    odd = os.fsdecode(b"good \xe9")
    status, out, err = run("good caf\u00e9 \U0001f600", odd, **locale)
    assert status == 0 and b"Traceback" not in err
    assert b"caf\\xe9" in out if "PYTHONIOENCODING" in locale else "caf\u00e9".encode() in out
    status, out, err = run("--json", "good caf\u00e9", odd, **locale)
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["good caf\u00e9", odd]


def on_terminal(*words, **environment):
    """Run a real process whose standard output is a terminal; return its output."""
    reader, terminal = pty.openpty()
    environment = {**os.environ, **environment}
    with subprocess.Popen([*COMMAND, *words], stdout=terminal, stderr=terminal, env=environment):
        os.close(terminal)
        output = b""
        try:
            while data := os.read(reader, 4096):
                output += data
        except OSError:  # the other end is closed
            pass
    os.close(reader)
    return output


def test_control_characters_in_a_text_reach_a_file_but_not_a_terminal(model, tmp_path):
    text = "good \x1b[31mfilm\x07 \u202e"
    assert b"\x1b[31mfilm" in run(text)[1]
    shown = on_terminal(text)
    assert b"\x1b" not in shown and b"\x07" not in shown
    assert rb"good \x1b[31mfilm\x07 \u202e" in shown
    (tmp_path / "a.csv").write_text(f"text\r\n{text}\r\n", newline="")
    shown = on_terminal("--input", str(tmp_path / "a.csv"), "--quiet")
    assert b"\x1b" not in shown and rb"\x1b[31mfilm" in shown
    # The same holds for an error message.
    (tmp_path / "b.csv").write_text("te\x1b]0;xt\ngood\n")
    assert b"\x1b]0;" not in on_terminal("--input", str(tmp_path / "b.csv"))


def test_printable_characters_are_not_escaped():
    assert (
        escape_control("caf\u00e9 \u043f \U0001f600\ttab\n") == "caf\u00e9 \u043f \U0001f600\ttab\n"
    )


def test_no_color_is_respected(model):
    for words in (["good"], ["--threshold", "2", "good"]):
        assert b"\x1b[3" not in on_terminal(*words, NO_COLOR="1", TERM="xterm-256color")


def test_progress_is_drawn_only_on_a_terminal(model, tmp_path):
    (tmp_path / "a.csv").write_text("text\n" + "good\n" * 5000)
    words = ["--input", str(tmp_path / "a.csv"), "--output", str(tmp_path / "out.csv")]
    assert b"2,000 rows" in on_terminal(*words)
    assert b"2,000 rows" not in on_terminal(*words, "--quiet")
    assert b"2,000 rows" not in run(*words)[2]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell):
    # Typer's own switch, or it would use the shell from which the tests were started.
    environment = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    assert b"_SENTIMENT_COMPLETE" in complete(environment, "--show-completion", shell)


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        ("sentiment pre", [b"predict", b"prepare"]),
        ("sentiment predict --text-c", [b"--text-column"]),
        ("sentiment predict --on-error n", [b"null"]),
    ],
)
def test_commands_options_and_choices_are_completed(typed, suggested):
    environment = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    assert complete({"_SENTIMENT_COMPLETE": "complete_bash", **environment}).split() == suggested


def complete(environment, *words):
    code = "import sys; sys.argv[0] = 'sentiment'; from sentiment.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, env=os.environ | environment
    ).stdout
