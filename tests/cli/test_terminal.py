"""Test that texts and names can't move the cursor, change colors or reverse a line."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sentiment import recipe
from sentiment.cli import _console
from sentiment.inference import bundle
from sentiment.inference.manifest import RunInfo
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.text import escape_control, replace_control
from tests.helpers.build import tiny_bundle
from tests.helpers.stored import add_run
from tests.helpers.terminal import OBEYED, call

# Sets a title, a color, clears the screen, a link, one byte for `ESC [`, reverses the line.
EVIL = "\x1b]0;x\x07\x1b[31m\x1b[2J\x1b]8;;http://x\x1b\\\x9b1m\x7f\u202egood\u2066\u200f\u061c\r"
MARKUP = "[red]good[/red] </script><script>alert(1)</script>"
NAME = EVIL + MARKUP
PAGE = EVIL.replace("/", "") + ".html"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return ProjectPaths(tmp_path_factory.mktemp("evil"))


@pytest.fixture(autouse=True)
def at_home(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(folders.root))
    monkeypatch.setenv("TERM", "dumb")  # or the colors would be those of the program
    for name in ("SENTIMENT_MODEL", "MLFLOW_TRACKING_URI", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def model(folders):
    """Write a model. Control characters in the name of its run would be refused."""
    model = tiny_bundle(folders.models / "tiny")
    bundle.update_manifest(model, run=RunInfo("", MARKUP))
    return model


@pytest.fixture(scope="module")
def runs(folders):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        points = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
        states = {"ids": np.array([NAME, "b"]), "labels": np.array([1, 0], "i1"), "points": points}
        forged = {**states, "labels": np.array(["x"]), "points": points[:1]}
        run_ids = [
            add_run(folders, f"{NAME}{number}", settings={"units": 16 + number, "recipe": NAME},
                    losses=(0.5, 0.4), right="+++++++-", snapshot=forged if number else states,
                    tags={"host": NAME, "dataset": NAME})
            for number in range(2)
        ]  # fmt: skip
        add_run(folders, f"{NAME}3", status="RUNNING", tags={"host": NAME, "process": "1 2 3"})
    return run_ids


def harmless(result, status=0, shown="good"):
    """Check the status, and that the text was printed without control characters."""
    assert result.status == status, result.err
    for stream in (result.out, result.err):
        assert not (found := OBEYED.search(stream)), (found, stream)
    assert "unexpected error" not in result.err
    assert shown in result.out + result.err
    return result


@pytest.mark.parametrize(
    "words",
    [
        ["predict", EVIL],
        ["predict", "--json", EVIL],
        ["predict", "--trace", "--why", EVIL],
        ["predict", "--trace", "--json", EVIL],
        ["predict", "-"],
        ["states", EVIL],
        ["states", "--steps", "last", "-"],
        ["predict", "--html", PAGE, EVIL],
    ],
    ids=lambda words: ascii(words)[:30],
)
def test_texts_are_printed_without_control_characters(words):
    result = harmless(call(*words, fed=f"{EVIL}\n".encode()))
    if "--json" in words:
        assert "\\u001b" in result.out or "\\x1b" in result.out


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "txt"])
def test_files_are_printed_without_control_characters(kind):
    mark = "\t" if kind == "tsv" else ","
    evil = EVIL.removesuffix("\r")
    rows = [mark.join(row) for row in (["text", f"n{evil}"], [f"good {evil}", evil])]
    if kind == "jsonl":
        rows = [json.dumps({"text": f"good {evil}", evil: evil}, ensure_ascii=False)]
    Path(f"in.{kind}").write_text("".join(f"{row}\n" for row in rows), "utf-8")
    result = harmless(call("predict", "--input", f"in.{kind}"))
    assert "\\x1b]0;x" in result.out or "\\u001b]0;x" in result.out
    # A pipe gets the bytes unchanged.
    if kind != "jsonl":
        assert evil in call("predict", "--input", f"in.{kind}", terminal=False).out


def test_mistakes_and_column_names_are_escaped():
    rows = f'text,label\n"{EVIL}",neg\n"{EVIL} film",pos\n"bad {MARKUP}",pos\n'
    Path("in.csv").write_text(rows, "utf-8", newline="")
    result = harmless(call("evaluate", "--data", "in.csv", "--no-track"))
    assert "[red]good[/red]" in result.out and "\\x1b" in result.out
    harmless(call("evaluate", "--data", "in.csv", "--no-track", "--json"))
    Path("in.csv").write_text(f'"{EVIL}"\ngood\n', "utf-8", newline="")
    for words in (["predict", "--input"], ["states", "--input"], ["evaluate", "--data"]):
        harmless(call(*words, "in.csv"), 1)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["runs"], 0), (["runs", "--json"], 0), (["compare"], 0), (["compare", "--json"], 0),
        (["compare", "--columns", f"units,{NAME}"], 1), (["compare", "--sort", NAME], 1),
        (["compare", "--filter", f"units={NAME}"], 1), (["compare", "--filter", NAME], 2),
        (["compare", f"{NAME}0", f"{NAME}1"], 0), (["compare", NAME], 1),
        (["compare", "--html", PAGE], 0),
        (["promote", NAME], 1), (["promote", f"{NAME}0"], 1),
        (["runs", "--stale"], 0), (["runs", "--stale", "--older-than", "0"], 0),
        (["runs", "--experiment", NAME], 1),
    ],
    ids=lambda value: ascii(value)[:40],
)  # fmt: skip
def test_names_and_tags_of_runs_are_escaped(words, status, runs):
    harmless(call(*words), status)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ([NAME], 2), ([f"--{NAME}"], 2), (["predict", f"--{NAME}"], 2),
        (["predict", "--threshold", NAME], 2), (["predict", "--on-error", NAME], 2),
        (["predict", "--input", NAME], 1), (["predict", "--input", f"{NAME}.csv"], 1),
        (["predict", "--input", "in.csv", "--output", f"{NAME}.tsv"], 2),
        (["predict", "--input", "in.csv", "--output", f"no{NAME}/out.csv"], 0),
        (["predict", "--model", NAME, "good"], 1),
        (["predict", "--model", f"models:/{NAME}", "x"], 1),
        (["states", "--output", NAME, "good"], 1),
        (["states", "--output", f"{NAME}/a.csv", "x"], 1),
        (["evaluate", "--data", NAME], 1), (["evaluate", "--data", f"{NAME}.csv"], 1),
        (["prepare", "--dataset", NAME], 1),
        (["prepare", "--archive", NAME, "--dataset", "imdb"], 1),
        (["train", "--recipe", NAME], 1), (["train", "--resume", NAME], 1),
        (["train", "--readout", NAME], 2), (["train", "--show", "--dataset", NAME], 0),
        (["train", "--dataset", "sample", "--snapshots", NAME, "--no-track"], 2),
        (["serve", "--model", NAME], 1), (["lecture", "--text", NAME, "--html", PAGE], 0),
    ],
    ids=lambda value: ascii(value)[:50],
)  # fmt: skip
def test_messages_escape_what_was_typed(words, status, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    Path("in.csv").write_text("text\ngood\n")
    harmless(call(*words), status)


@pytest.mark.parametrize(
    "text",
    [
        f'[model]\nunits = "{EVIL}"', f'["{EVIL}"]', f'[model]\n"{EVIL}" = 1', f"{EVIL}",
        f'[prepare]\ndataset = "{EVIL}"', f'[model]\nreadout = "{EVIL}"',
    ],
    ids=lambda text: ascii(text)[:20],
)  # fmt: skip
def test_messages_escape_what_a_recipe_holds(text):
    def escaped(found):
        return f"\\u{ord(found[0]):04x}"

    Path("mine.toml").write_text(OBEYED.sub(escaped, text.replace("\\", "")), "utf-8")
    result = call("train", "--recipe", "mine.toml")
    usage_error = "no file" not in result.err and result.status == 2
    harmless(result, 2 if usage_error else 1, "")
    Path("raw.toml").write_text(text, "utf-8", newline="")
    harmless(call("train", "--recipe", "raw.toml"), 1, "")


def test_a_shown_recipe_can_be_read():
    result = harmless(call("train", "--show", "--dataset", NAME))
    Path("shown.toml").write_text(result.out, "utf-8")
    assert recipe.load_recipe("shown.toml").prepare.dataset == NAME


def test_tables_and_notes_are_escaped(capsys):
    _console.console().print(_console.facts({NAME: NAME}))
    _console.console().print(_console.table(NAME, {NAME: "left"}, [[NAME]]))
    with _console.show_progress() as progress:
        progress.note(NAME)
        list(progress.track([], NAME, 0))
    printed = capsys.readouterr().out
    assert printed.count("good") >= 6 and not OBEYED.search(printed)


def test_json_has_null_for_a_number_that_is_not_finite():
    Path("in.csv").write_text("text,label\ngood,pos\nbad,pos\n")
    fields = json.loads(call("evaluate", "--data", "in.csv", "--no-track", "--json").out)
    assert fields["scores"]["roc_auc"] is None


def test_paths_of_models_and_checkpoints_are_escaped(folders):
    folder = Path(EVIL.replace("/", ""))
    tiny_bundle(Path("tiny")).folder.rename(folder)
    (folder / "words.txt").write_text("x")
    harmless(call("predict", "--model", folder, "good"), 1)
    checkpoint = folders.checkpoints / f"run{EVIL.replace('/', '')}" / "epoch-0001"
    checkpoint.mkdir(parents=True)
    files.write_json(checkpoint / "checkpoint.json", {"format": 0})
    for name in (checkpoint.parent.name, "none"):
        harmless(call("train", "--resume", name), 1)


def test_a_real_terminal_gets_escaped_text():
    reader, terminal = pty.openpty()
    command = [sys.executable, "-c", "from sentiment.cli import main; main()", "predict", EVIL]
    result = subprocess.run(
        command, stdout=terminal, stderr=terminal, stdin=subprocess.DEVNULL, env=dict(os.environ)
    )
    os.close(terminal)
    output = b""
    while True:
        try:
            output += os.read(reader, 1 << 16)
        except OSError:  # the other end is closed
            break
    os.close(reader)
    assert result.returncode == 0 and b"\\x1b]0;x\\x07\\x1b[31m" in output
    assert not OBEYED.search(output.decode("utf-8").replace("\r\n", "\n"))


def test_pages_escape_texts_and_names(runs):
    call("predict", "--html", "why.html", f"good {NAME}")
    call("compare", "--html", "runs.html")
    for name in ("why.html", "runs.html"):
        page = Path(name).read_text("utf-8")
        assert "alert(1)" in page and "<script>alert" not in page
        assert not OBEYED.search(page)
        # Data can't end a script: it is inside Bokeh's JSON or an attribute.
        assert not re.search(r"</script>\s*<script>alert", page)


def test_exactly_the_characters_that_a_terminal_obeys_are_escaped():
    for number in [*range(0x2100), *range(0xFFF0, 0x10010)]:
        text = chr(number)
        assert (escape_control(text) != text) == bool(OBEYED.match(text)), hex(number)
        assert (replace_control(text) != text) == bool(OBEYED.match(text))
    assert escape_control("\x1b[2J\x9b\u202e") == "\\x1b[2J\\x9b\\u202e"
