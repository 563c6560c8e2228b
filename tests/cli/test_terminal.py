"""A stranger's text moves no cursor, changes no colour and turns no line around."""

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

# A title, a colour, a cleared screen, a link, one byte for `ESC [`, a bell, a line turned around.
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
    monkeypatch.setenv("TERM", "dumb")  # or the colours would be ours
    for name in ("SENTIMENT_MODEL", "MLFLOW_TRACKING_URI", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def model(folders):
    """Write a model whose run has a name of that kind."""
    opened = tiny_bundle(folders.models / "tiny")
    bundle.update_manifest(opened, run=RunInfo("", NAME))
    return opened


@pytest.fixture(scope="module")
def runs(folders):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        points = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
        states = {"ids": np.array([NAME, "b"]), "labels": np.array([1, 0], "i1"), "points": points}
        forged = {**states, "labels": np.array(["x"]), "points": points[:1]}
        made = [
            add_run(folders, f"{NAME}{number}", settings={"units": 16 + number, "recipe": NAME},
                    losses=(0.5, 0.4), right="+++++++-", snapshot=forged if number else states,
                    tags={"host": NAME, "dataset": NAME})
            for number in range(2)
        ]  # fmt: skip
        add_run(folders, f"{NAME}3", status="RUNNING", tags={"host": NAME, "process": "1 2 3"})
    return made


def harmless(said, status=0, shown="good"):
    """Check the status, and that nothing came out raw though it did come out."""
    assert said.status == status, said.err
    for stream in (said.out, said.err):
        assert not (found := OBEYED.search(stream)), (found, stream)
    assert "unforeseen" not in said.err
    assert shown in said.out + said.err
    return said


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
def test_texts_are_printed_without_what_a_terminal_obeys(words):
    said = harmless(call(*words, fed=f"{EVIL}\n".encode()))
    if "--json" in words:
        assert "\\u001b" in said.out or "\\x1b" in said.out


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "txt"])
def test_so_are_files_with_all_their_cells(kind):
    mark = "\t" if kind == "tsv" else ","
    evil = EVIL.removesuffix("\r")
    rows = [mark.join(row) for row in (["text", f"n{evil}"], [f"good {evil}", evil])]
    if kind == "jsonl":
        rows = [json.dumps({"text": f"good {evil}", evil: evil}, ensure_ascii=False)]
    Path(f"in.{kind}").write_text("".join(f"{row}\n" for row in rows), "utf-8")
    said = harmless(call("predict", "--input", f"in.{kind}"))
    assert "\\x1b]0;x" in said.out or "\\u001b]0;x" in said.out
    # What reads a pipe gets the bytes that stood there: it is no terminal.
    if kind != "jsonl":
        assert evil in call("predict", "--input", f"in.{kind}", terminal=False).out


def test_the_worst_reviews_and_names_of_columns():
    rows = f'text,label\n"{EVIL}",neg\n"{EVIL} film",pos\n"bad {MARKUP}",pos\n'
    Path("in.csv").write_text(rows, "utf-8", newline="")
    said = harmless(call("evaluate", "--data", "in.csv", "--no-track"))
    assert "[red]good[/red]" in said.out and "\\x1b" in said.out
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
def test_names_and_tags_of_runs_that_others_have_logged(words, status, runs):
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
def test_messages_that_repeat_what_was_typed(words, status, monkeypatch, tmp_path):
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
def test_messages_that_repeat_what_a_recipe_says(text):
    def escaped(found):
        return f"\\u{ord(found[0]):04x}"

    Path("mine.toml").write_text(OBEYED.sub(escaped, text.replace("\\", "")), "utf-8")
    said = call("train", "--recipe", "mine.toml")
    harmless(said, 2 if "no file" not in said.err and said.status == 2 else 1, "")
    Path("raw.toml").write_text(text, "utf-8", newline="")
    harmless(call("train", "--recipe", "raw.toml"), 1, "")


def test_a_recipe_that_is_shown_can_be_read_again():
    said = harmless(call("train", "--show", "--dataset", NAME))
    Path("shown.toml").write_text(said.out, "utf-8")
    assert recipe.load_recipe("shown.toml").prepare.dataset == NAME


def test_tables_and_facts_are_harmless_too(capsys):
    _console.console().print(_console.facts({NAME: NAME}))
    _console.console().print(_console.table(NAME, {NAME: "left"}, [[NAME]]))
    with _console.show_progress() as progress:
        progress.note(NAME)
        list(progress.track([], NAME, 0))
    said = capsys.readouterr().out
    assert said.count("good") >= 6 and not OBEYED.search(said)


def test_what_json_has_no_number_for_is_null():
    Path("in.csv").write_text("text,label\ngood,pos\nbad,pos\n")
    said = json.loads(call("evaluate", "--data", "in.csv", "--no-track", "--json").out)
    assert said["scores"]["roc_auc"] is None


def test_a_damaged_model_and_a_checkpoint_with_such_a_name(folders):
    place = Path(EVIL.replace("/", ""))
    tiny_bundle(place)
    (place / "words.txt").write_text("x")
    harmless(call("predict", "--model", place, "good"), 1)
    held = folders.checkpoints / f"run{EVIL.replace('/', '')}" / "epoch-0001"
    held.mkdir(parents=True)
    files.write_json(held / "checkpoint.json", {"format": 0})
    for named in (held.parent.name, "none"):
        harmless(call("train", "--resume", named), 1)


def test_a_real_terminal_gets_them_written_out():
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from sentiment.cli import main; main()", "predict", EVIL]
    done = subprocess.run(
        command, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL, env=dict(os.environ)
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            said += os.read(ours, 1 << 16)
        except OSError:  # the end of a terminal that nobody writes to any more
            break
    os.close(ours)
    assert done.returncode == 0 and b"\\x1b]0;x\\x07\\x1b[31m" in said
    assert not OBEYED.search(said.decode("utf-8").replace("\r\n", "\n"))


def test_pages_hold_no_markup_and_nothing_hidden_of_texts_and_names(runs):
    call("predict", "--html", "why.html", f"good {NAME}")
    call("compare", "--html", "runs.html")
    for name in ("why.html", "runs.html"):
        page = Path(name).read_text("utf-8")
        assert "alert(1)" in page and "<script>alert" not in page
        assert not OBEYED.search(page)
        # What a script's data hold can't end the script: it is Bokeh's or an attribute's text.
        assert not re.search(r"</script>\s*<script>alert", page)


def test_all_that_a_terminal_obeys_is_written_out_and_nothing_else():
    for number in [*range(0x2100), *range(0xFFF0, 0x10010)]:
        text = chr(number)
        assert (escape_control(text) != text) == bool(OBEYED.match(text)), hex(number)
        assert (replace_control(text) != text) == bool(OBEYED.match(text))
    assert escape_control("\x1b[2J\x9b\u202e") == "\\x1b[2J\\x9b\\u202e"
