"""What a hint says leads out: after it, the command that failed works."""

import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.config import PrepareSettings
from sentiment.data import prepared
from sentiment.data.prepare import prepare
from sentiment.inference import bundle
from sentiment.inference.manifest import DataInfo
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import tiny_bundle

PREPARE = "prepare --dataset sample --vocabulary 500"


@pytest.fixture
def project(home, monkeypatch):
    """Make a project with a prepared dataset and a model that was trained on it."""
    monkeypatch.chdir(home)
    paths = ProjectPaths(home)
    data = prepare(PrepareSettings(dataset="sample", vocabulary=500), paths)[0]
    model = tiny_bundle(paths.models / "tiny")
    settings = model.manifest.settings | {"prepare": data.settings}
    bundle.update_manifest(model, settings=settings, data=DataInfo("sample", data.folder.name))
    return paths


def run(command):
    return CliRunner().invoke(app, shlex.split(command))


def follow(command, limit=3):
    """Run a command, and what its hints say, until it works; return the hints."""
    hints = []
    while (result := run(command)).exit_code:
        assert len(hints) < limit, (result.output, hints)
        hint = result.stderr.rpartition("Try: ")[2].replace("\n", " ")
        hints.append(hint)
        words = shlex.split(hint.partition(", ")[0])
        if words[:2] == ["rm", "-r"]:
            shutil.rmtree(words[2])
        else:
            assert words[0] == "sentiment", hint
            assert run(shlex.join(words[1:])).exit_code == 0, hint
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
    assert hints == ["sentiment prepare --dataset sample --vocabulary 500 "]


def test_the_hint_leads_out_for_a_model_of_older_token_rules(project):
    """What `prepare` makes today has another key, and the model divides the texts itself."""
    old = bundle.read(project.models / "tiny")
    data = prepared.open_dataset(next(project.prepared.iterdir()))
    digests = {name: split.digest for name, split in data.splits.items()}
    bundle.update_manifest(old, data=DataInfo("sample", "sample-00000000", digests))
    assert follow("evaluate --no-track --model tiny") == []  # the same reviews are here
    shutil.rmtree(project.prepared)
    assert follow("evaluate --no-track --model tiny") == [
        "sentiment prepare --dataset sample --vocabulary 500 "
    ]


def test_the_hint_leads_out_of_a_damaged_model(project):
    damage(project.models / "tiny" / "bundle.json")
    assert len(follow('predict "good film"')) == 1
