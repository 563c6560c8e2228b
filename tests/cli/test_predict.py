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
UNNEEDED = ("rich", "pyarrow", "multiprocessing", "urllib.request")  # by a short text


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.delenv("SENTIMENT_MODEL", raising=False)
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


def test_without_a_model_the_command_that_makes_one_is_named(home, monkeypatch):
    monkeypatch.setattr(resolve, "PRETRAINED", home / "nothing")
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
    # Help and tables are drawn with Rich; a text is answered without it.
    absent = HEAVY + UNNEEDED if words == ["predict", "a good film"] else HEAVY
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent!r}));"
        f"sys.argv = ['sentiment', *{words!r}];"
        "from sentiment.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout or "film" in done.stdout


COMMAND = [sys.executable, "-c", "from sentiment.cli import main; main()", "predict"]


def run(*words, given=b"", **environment):
    """Run a real process; return its status, standard output and standard error as bytes."""
    done = subprocess.run(
        [*COMMAND, *words], input=given, capture_output=True, env={**os.environ, **environment}
    )
    return done.returncode, done.stdout, done.stderr


def test_the_threshold_and_the_band_decide_at_their_very_edges():
    assert [LabelRule().label(p) for p in (0.499999, 0.5)] == ["negative", "positive"]
    assert [LabelRule(0.7).label(p) for p in (0.69, 0.7)] == ["negative", "positive"]
    band = LabelRule(neutral=(0.4, 0.6))
    labels = [band.label(p) for p in (0.39, 0.4, 0.5, 0.6, 0.61)]
    assert labels == ["negative", "neutral", "neutral", "neutral", "positive"]


def test_threshold_and_band_reach_the_label(model):
    assert lines(predict("--threshold", "1", "a good film"))[0].startswith("negative")
    assert lines(predict("--threshold", "0", "a good film"))[0].startswith("positive")
    assert lines(predict("--neutral", "0", "1", "a good film"))[0].startswith("neutral")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a good film", []),
        ("good heart unheard thing", []),  # one half is not above one half
        ("good unheard thing", ["unknown-words"]),
        ("unheard thing", ["no-known-word"]),
        ("плохой фильм", ["no-known-word", "other-script"]),
        ("ça déjà vu", ["no-known-word"]),  # Latin, accents and all
        ("good плохой фильм", ["unknown-words", "other-script"]),
        ("good " * 1025, ["cut"]),
        ("good " * 1024, []),
    ],
)
def test_warnings_name_what_makes_an_answer_doubtful(model, text, expected):
    assert json.loads(lines(predict("--json", text))[0])["warnings"] == expected
    err = predict("good", text).stderr
    assert err.count("warning: text 2: ") == len(expected) and "text 1" not in err


def test_many_warnings_are_counted(model):
    err = predict("-", input="unheard\n" * 11).stderr
    assert "warning: 11 texts: all words are unknown" in err and err.count("warning: ") == 1


def test_the_model_that_spoke_is_named(model):
    assert predict("good").stderr == f"model: tiny ({model.folder})\n"
    assert json.loads(predict("--json", "good").stdout)["model"] == "tiny"
    assert not predict("--json", "good").stderr
    assert not predict("--quiet", "unheard").stderr


def test_bad_lines_of_a_pipe_can_be_left_out_or_kept(model):
    given = b"good\n\ncaf\xe9\nbad\n"
    assert len(lines(predict("--on-error", "skip", input=given))) == 2
    kept = lines(predict("--on-error", "null", input=given))
    assert kept[1] == "-  -  " and kept[2].startswith("-  -  caf")
    objects = [
        json.loads(line) for line in lines(predict("--json", "--on-error", "null", input=given))
    ]
    assert [said["label"] is None for said in objects] == [False, True, True, False]
    assert "text 3: not UTF-8 text" in predict("--on-error", "skip", input=given).stderr


def test_a_reader_that_has_gone_ends_it_quietly(model):
    process = subprocess.Popen(
        [*COMMAND, "--quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    process.stdin.write(b"a good film\n" * 3000)
    process.stdin.close()
    assert process.wait() == 1
    assert process.stderr.read() == b""


@pytest.mark.parametrize("locale", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}])
def test_no_encoding_of_a_terminal_breaks_it(model, locale):
    odd = os.fsdecode(b"good \xe9")
    status, out, err = run("good caf\u00e9 \U0001f600", odd, **locale)
    assert status == 0 and b"Traceback" not in err
    assert b"caf\\xe9" in out if "PYTHONIOENCODING" in locale else "caf\u00e9".encode() in out
    status, out, err = run("--json", "good caf\u00e9", odd, **locale)
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["good caf\u00e9", odd]


def on_terminal(*words, **environment):
    """Run a real process whose standard output is a terminal; return what reached it."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, **environment}
    with subprocess.Popen([*COMMAND, *words], stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        got = b""
        try:
            while data := os.read(ours, 4096):
                got += data
        except OSError:  # the other end is closed
            pass
    os.close(ours)
    return got


def test_escapes_in_a_text_reach_a_file_but_no_terminal(model, tmp_path):
    text = "good \x1b[31mfilm\x07 \u202e"
    assert b"\x1b[31mfilm" in run(text)[1]
    shown = on_terminal(text)
    assert b"\x1b" not in shown and b"\x07" not in shown
    assert rb"good \x1b[31mfilm\x07 \u202e" in shown
    (tmp_path / "a.csv").write_text(f"text\r\n{text}\r\n", newline="")
    shown = on_terminal("--input", str(tmp_path / "a.csv"), "--quiet")
    assert b"\x1b" not in shown and rb"\x1b[31mfilm" in shown
    # Nor by way of an error message.
    (tmp_path / "b.csv").write_text("te\x1b]0;xt\ngood\n")
    assert b"\x1b]0;" not in on_terminal("--input", str(tmp_path / "b.csv"))


def test_what_a_terminal_shows_stays_as_it_is():
    assert (
        escape_control("caf\u00e9 \u043f \U0001f600\ttab\n") == "caf\u00e9 \u043f \U0001f600\ttab\n"
    )


def test_no_color_is_kept_to(model):
    for words in (["good"], ["--threshold", "2", "good"]):
        assert b"\x1b[3" not in on_terminal(*words, NO_COLOR="1", TERM="xterm-256color")


def test_progress_is_drawn_on_a_terminal_alone(model, tmp_path):
    (tmp_path / "a.csv").write_text("text\n" + "good\n" * 5000)
    words = ["--input", str(tmp_path / "a.csv"), "--output", str(tmp_path / "out.csv")]
    assert b"2,000 rows" in on_terminal(*words)
    assert b"2,000 rows" not in on_terminal(*words, "--quiet")
    assert b"2,000 rows" not in run(*words)[2]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_gets_a_script_that_completes(shell):
    # Typer's own switch: what it would find is the shell that the tests were started from.
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    assert b"_SENTIMENT_COMPLETE" in completed(named, "--show-completion", shell)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("sentiment pre", [b"prepare", b"predict"]),
        ("sentiment predict --text-c", [b"--text-column"]),
        ("sentiment predict --on-error n", [b"null"]),
    ],
)
def test_commands_options_and_choices_are_completed(typed, offered):
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    assert completed({"_SENTIMENT_COMPLETE": "complete_bash", **asked}).split() == offered


def completed(environment, *words):
    code = "import sys; sys.argv[0] = 'sentiment'; from sentiment.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, env=os.environ | environment
    ).stdout
