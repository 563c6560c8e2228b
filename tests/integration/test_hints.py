"""What a hint says leads out: after it, the command that failed works."""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.data import prepared
from sentiment.data.prepare import prepare
from sentiment.inference import bundle
from sentiment.inference.manifest import DataInfo
from sentiment.recipe import default_recipe
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import tiny_bundle
from tests.helpers.commands import ONE, start

# A quick training.
SMALL = ["--dataset", "sample", "--epochs", "1", *ONE, "--no-evaluate"]
FIRST = re.compile(r"""(?:"[^"]*"|'[^']*'|[^,;"'])+""")  # what comes before another advice
PREPARE = "prepare --dataset sample --vocabulary 500"


@pytest.fixture
def project(home, monkeypatch):
    """Make a project with a prepared dataset and a model that was trained on it."""
    monkeypatch.chdir(home)
    paths = ProjectPaths(home)
    chosen = replace(default_recipe().prepare, dataset="sample", vocabulary=500)
    data = prepare(chosen, paths)[0]
    model = tiny_bundle(paths.models / "tiny")
    settings = model.manifest.settings | {"prepare": data.settings}
    bundle.update_manifest(model, settings=settings, data=DataInfo("sample", data.folder.name))
    return paths


def run(command):
    return CliRunner().invoke(app, shlex.split(command))


def without(words, option):
    """Return a command without an option and its value."""
    place = words.index(option)
    has_value = words[place + 1 : place + 2] and not words[place + 1].startswith("--")
    return words[:place] + words[place + 1 + bool(has_value) :]


def obey(hint, command, monkeypatch=None):
    """Do what a hint says; return the command to type then, changed if the hint says so."""
    words, first = shlex.split(command), FIRST.match(hint)[0]
    if option := re.match(
        r"(?:add |if [^,]*, add |it seems [^:]*: |the same command with )?(--.*)", hint
    ):
        text = re.split(r" if | to |, |; | leaves |$", option[1])[0]
        added = shlex.split(text.replace(" with ", " "))
        for name in added:
            words = without(words, name) if name.startswith("--") and name in words else words
        return shlex.join(words + added)
    if option := re.match(r"(?:leave out|the same command without) (--[a-z-]+)", hint):
        return shlex.join(without(words, option[1]))
    if option := re.match(r"choose another (--[a-z-]+)", hint):
        return shlex.join([*without(words, option[1]), option[1], "other"])
    advice = shlex.split(first)
    if advice[:2] == ["rm", "-r"]:
        shutil.rmtree(advice[2])
    elif advice[0] in ("ls", "mv", "kill"):
        subprocess.run(advice, check=True, stdout=subprocess.DEVNULL)
    elif advice[0] == "export":
        monkeypatch.setenv(*advice[1].split("=", 1))
    elif advice[0] == "unset":
        monkeypatch.delenv(advice[1])
    else:
        assert advice[0] == "sentiment", hint
        done = run(shlex.join([*advice[1:], *(SMALL if advice[1:] == ["train"] else [])]))
        assert done.exit_code == 0, (hint, done.output)
    return command


def hint_of(result):
    return result.stderr.rpartition("Try: ")[2].strip().replace("\n", " ")


def follow(command, limit=3, monkeypatch=None):
    """Run a command, and what its hints say, until it works; return the hints."""
    hints = []
    while (result := run(command)).exit_code:
        assert len(hints) < limit and "Try: " in result.stderr, (result.output, hints)
        hints.append(hint_of(result))
        command = obey(hints[-1], command, monkeypatch)
    return hints


def damage(path: Path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["manifest.json", "words.txt", "ngrams.npy", "test.texts.npy"])
@pytest.mark.parametrize("command", [PREPARE, "evaluate --no-track --model tiny"])
def test_the_hints_lead_out_of_a_damaged_dataset(project, name, command):
    damage(next(project.prepared.glob(f"*/{name}")))
    hints = follow(command)
    # `prepare` reads no more than the manifest of a dataset that is there.
    assert hints or command == PREPARE


def test_the_hint_prepares_a_missing_dataset_with_the_settings_of_the_model(project):
    shutil.rmtree(project.prepared)
    hints = follow("evaluate --no-track --model tiny")
    assert hints == ["sentiment prepare --dataset sample --vocabulary 500"]


def test_the_hint_leads_out_for_a_model_of_older_token_rules(project):
    """What `prepare` makes today has another key, and the model divides the texts itself."""
    old = bundle.read(project.models / "tiny")
    data = prepared.open_dataset(next(project.prepared.iterdir()))
    digests = {name: split.digest for name, split in data.splits.items()}
    bundle.update_manifest(old, data=DataInfo("sample", "sample-00000000", digests))
    assert follow("evaluate --no-track --model tiny") == []  # the same reviews are here
    shutil.rmtree(project.prepared)
    assert follow("evaluate --no-track --model tiny") == [
        "sentiment prepare --dataset sample --vocabulary 500"
    ]


@pytest.mark.parametrize("name", ["bundle.json", "words.txt", "ngrams.npy", "weights.npz"])
@pytest.mark.parametrize("option", ["", "--model tiny "])
def test_the_hint_leads_out_of_a_damaged_model(project, name, option):
    damage(project.models / "tiny" / name)
    hints = follow(f'predict {option}"good film"')
    # Without the model there is none of its name, and another hint names one.
    assert len(hints) == 1 + bool(option) or not (option or name == "bundle.json")


FILES = {
    "in.csv": "text,label\nA good film,1\nA bad film,0\n",
    "semicolons.csv": "text;label\nA good film;1\n",
    "titles.csv": "texts,label\nA good film,1\nA bad film,0\n",
    "two.csv": "review,comment,label\nA good film,x,1\nA bad film,y,0\n",
    "latin.csv": "text,label\nUn film \xe9mouvant,1\n".encode("cp1252"),
    "wide.txt": "A good film\nA bad film\n".encode("utf-16-le"),
    "stars.csv": "text,label\n" + "".join(f"film {n},{n}\n" for n in range(1, 6)),
    "rows.csv": "text,label\ngood,1\nbad,0\nbad,1,2,3\n",
    "rows.jsonl": '{"text": "good", "label": 1}\n{"text": "x"}\n{"text": "bad", "label": 0}\n',
    "numbers.jsonl": '{"text": "good"}\n{"text": []}\n',
    "parts.csv": "text,label,split\n"
    + "".join(
        f"{p} {n} good,1,{p}\n{p} {n} bad,0,{p}\n" for p in ("train", "test") for n in range(30)
    ),
    "bad.toml": "[x",
    "unknown.toml": "[model]\nnosuch = [1]\n",
}
# Commands that fail, and how the hint begins; after the hint was followed they work.
LEAD_OUT = {
    "predict --input semicolons.csv --delimiter comma": "it seems to be separated by a semicolon",
    "predict --input titles.csv": "--text-column texts",
    "predict --input two.csv": "--text-column review",
    "predict --input latin.csv": "--encoding cp1252 if",
    "predict --input wide.txt": "--encoding utf-16",
    "predict --input in.csv --format nonsense": "--format with csv",
    "predict --input in.csv --delimiter ab": "--delimiter with comma",
    "predict --input in.csv --encoding nonsense": "--encoding with cp1252",
    "predict --input numbers.jsonl --output out.jsonl": "--on-error skip to leave",
    "predict --model tinny good": "--model tiny",
    "predict --model nosuch good": "--model pretrained",
    "evaluate --data stars.csv --no-track": "if higher is better, add --positive 4,5 --neg",
    "evaluate --data rows.csv --no-track": "--on-error skip leaves out",
    "prepare --dataset sample --archive in.csv": "leave out --archive",
    "prepare --dataset parts.csv --test in.csv": "leave out --test",
}
# Commands that can't work: the hint is another one, which does.
INSTEAD = {
    "predict --why zzzz": "sentiment predict",
    "predict -": "sentiment predict",
    "lecture --text zzzz --html l.html": "sentiment lecture",
    "prepare --dataset missing.csv": "sentiment prepare --dataset sample",
    "train --recipe nosuch": "sentiment train --show",
    "train --recipe bad.toml": "sentiment train --show",
    "train --recipe unknown.toml": "sentiment train --show",
    "sweep --space bad.toml": "sentiment sweep --show-space",
    "sweep --space unknown.toml": "sentiment sweep --show-space",
    "train --resume tiny": "sentiment evaluate --model",
    "predict --input empty": "ls empty",
}


@pytest.fixture
def texts(project):
    for name, content in FILES.items():
        data = content if isinstance(content, bytes) else content.encode()
        (project.root / name).write_bytes(data)
    (project.root / "empty").mkdir()
    return project


@pytest.mark.parametrize("command", LEAD_OUT)
def test_after_what_the_hint_says_the_command_works(texts, command):
    (hint,) = follow(command)
    assert hint.startswith(LEAD_OUT[command])


@pytest.mark.parametrize("command", INSTEAD)
def test_the_command_that_the_hint_names_works(texts, command):
    failed = run(command)
    hint = hint_of(failed)
    assert failed.exit_code == 1 and hint.startswith(INSTEAD[command]), failed.output
    obey(hint, command)


def test_a_row_without_its_label_can_be_left_out(texts):
    hint = hint_of(run("evaluate --no-track --data rows.jsonl"))
    assert hint.endswith("; --on-error skip leaves out such rows")
    assert run("evaluate --no-track --data rows.jsonl --on-error skip").exit_code == 0


def test_the_process_that_holds_a_lock_can_be_ended_as_the_hint_says(texts):
    code = (
        "import sys, time; from pathlib import Path; from sentiment.utils.locks import file_lock\n"
        "with file_lock(Path(sys.argv[1])): print(flush=True); time.sleep(60)"
    )
    lock = str(texts.root / ".out.csv.lock")
    holder = subprocess.Popen([sys.executable, "-c", code, lock], stdout=subprocess.PIPE)
    holder.stdout.readline()
    command = "predict --input in.csv --output out.csv"
    hint = hint_of(run(command))
    assert hint == f"wait for it, or end it: kill {holder.pid}"
    obey(hint.partition(": ")[2], command)
    holder.communicate(timeout=30)
    assert run(command).exit_code == 0


@pytest.mark.slow
def test_the_hints_about_runs_and_stores_lead_out(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "localhost:9")
    hints = follow("runs", 4, monkeypatch)
    assert [hint.partition(", ")[0] for hint in hints] == [
        "export MLFLOW_TRACKING_URI=http://localhost:9",
        "unset MLFLOW_TRACKING_URI",
        "sentiment train",
    ]
    assert follow("train --name tiny " + shlex.join(SMALL)) == ["choose another --name"]
    assert follow("promote") == ["sentiment evaluate --model other"]
    for command, hint in {
        "promote nosuch": "sentiment runs",
        "compare --filter units=999": "sentiment compare",
        "runs --experiment nosuch": "sentiment train",
        "predict --model models:/sentiment@none good": "--model models:/sentiment@champion",
        "train --resume nosuch": "sentiment train",
    }.items():
        failed = run(command)
        assert failed.exit_code == 1 and hint_of(failed) == hint, failed.output
        if hint != "sentiment train":  # which has been followed
            done = run(obey(hint, command))
            assert hint.startswith("sentiment") or done.exit_code == 0


@pytest.mark.slow
def test_the_hint_about_a_damaged_store_leads_out(home):
    def in_a_process(command):  # this one keeps the old database open
        process = start(*shlex.split(command), home=home)
        return process.communicate(timeout=120)[1], process.returncode

    (home / "mlruns").mkdir()
    (home / "mlruns" / "mlflow.db").write_bytes(b"no database" * 1000)
    hint = in_a_process("runs")[0].rpartition("Try: ")[2].strip()
    assert hint.startswith("mv ") and hint.endswith("; the next training creates a new store")
    obey(hint, "runs")
    assert in_a_process("runs")[0].endswith("Try: sentiment train\n")
    assert in_a_process(f"train {shlex.join(SMALL)}")[1] == 0
    assert in_a_process("runs")[1] == 0
