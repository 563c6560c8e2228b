"""The list of models, and which of them answers."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.inference import bundle, resolve
from sentiment.inference.manifest import DataInfo
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import tiny_bundle


def write(home, name, *, seed=0, reviews=None, accuracy=None, dataset="mine"):
    """Write a model that was created `seed` seconds after midnight."""
    made = tiny_bundle(home / "data" / "models" / name, seed=seed)
    metrics = {} if accuracy is None else {"test/accuracy": accuracy}
    manifest = replace(made.manifest, data=DataInfo(dataset, "mine-0", reviews=reviews))
    return bundle.write(
        made.folder, tokenizer=made.tokenizer, embedding=made.embedding, weights=made.weights,
        manifest=replace(manifest, metrics=metrics),
    )  # fmt: skip


def listed():
    result = CliRunner().invoke(app, ["models", "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def answering(home):
    """Return the name that `models` marks, after a look at what `resolve_model` opens."""
    fields = listed()
    opened = resolve.resolve_model(None, ProjectPaths(home)).folder
    marked = [each for each in fields["models"] if each["model"] == fields["default"]]
    assert [each["folder"] for each in marked] == [str(opened)]
    return fields["default"]


def test_the_bundled_model_answers_until_a_trained_one_is_large_enough(home):
    assert answering(home) == "pretrained"
    write(home, "small", seed=3, reviews=9_999)
    assert answering(home) == "pretrained"
    assert listed()["reason"].endswith("no trained model has learnt from 10,000 reviews.")
    write(home, "large", seed=1, reviews=10_000)
    assert answering(home) == "large"
    assert "newest trained model of at least 10,000 reviews" in listed()["reason"]


def test_the_variable_names_the_model_that_answers(home, monkeypatch):
    write(home, "large", reviews=10_000)
    folder = write(home, "other").folder
    for named in ("other", str(folder), "pretrained"):
        monkeypatch.setenv("SENTIMENT_MODEL", named)
        assert answering(home) == ("pretrained" if named == "pretrained" else "other")
        assert listed()["reason"].endswith("SENTIMENT_MODEL names it.")
    monkeypatch.setenv("SENTIMENT_MODEL", "lost")
    assert listed()["default"] is None and "looks for lost, which is not" in listed()["reason"]
    monkeypatch.setenv("SENTIMENT_MODEL", "~nosuch/x")
    assert listed()["default"] is None and "finds no model" in listed()["reason"]


def test_the_table_has_a_row_for_each_model_and_a_star(home):
    write(home, "small", reviews=100, accuracy=0.875)
    lines = CliRunner().invoke(app, ["models"]).stdout.splitlines()
    assert lines[2].split()[:3] == ["*", "pretrained", "imdb"]
    assert lines[3].split()[:5] == ["small", "mine", "87.50", "%", "2026-01-01"]
    assert lines[4].startswith("`sentiment predict` uses pretrained: ")


def test_the_size_is_that_of_the_files(home):
    folder = write(home, "small").folder
    row = next(each for each in listed()["models"] if each["model"] == "small")
    files = [path for path in folder.iterdir() if path.name != "bundle.json"]
    assert row["size"] == sum(path.stat().st_size for path in files)


def test_a_damaged_model_is_named_and_stops_nothing(home):
    write(home, "large", reviews=10_000)
    manifest = write(home, "broken", reviews=10_000).folder / "bundle.json"
    manifest.write_text(manifest.read_text().replace("10000", "20000"))
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 0
    assert f"not listed, since it is damaged: {manifest.parent}\n" in result.stderr
    assert "large" in result.stdout and "finds no model" in result.stdout


def test_a_store_that_is_damaged_or_away_is_named_and_stops_nothing(home, monkeypatch):
    (home / "mlruns").mkdir()
    (home / "mlruns" / "mlflow.db").write_bytes(b"no database")
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 0 and "pretrained" in result.stdout
    assert result.stderr.startswith("Registered models are not listed: ")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 0 and "pretrained" in result.stdout
    first, second = result.stderr.splitlines()[:2]
    assert first == "asking the tracking server for registered models"
    assert second.startswith(
        "Registered models are not listed: the tracking store http://127.0.0.1:9"
    )


@pytest.mark.parametrize("words", [["models"], ["models", "--json"]])
def test_without_a_server_mlflow_is_not_imported(home, words):
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['mlflow', 'keras', 'tensorflow', 'pandas', 'scipy']))\n"
        "from sentiment.cli import main; main()"
    )
    run = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert run.returncode == 0 and not run.stderr and "pretrained" in run.stdout


def test_a_model_of_a_file_is_listed_by_its_name_at_80_columns(home, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    write(home, "of-a-file", dataset=f"films.csv:{'0f' * 32}")
    write(home, "of-a-long-name", dataset="long" * 100)
    folder = write(home, "forged").folder
    manifest = json.loads((folder / "bundle.json").read_text("utf-8"))
    manifest["files"] = {"words.txt": {"bytes": 10**400}}
    (folder / "bundle.json").write_text(json.dumps(files.add_checksum(manifest)), "utf-8")
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 0, result.output
    assert "films.csv " in result.stdout and "0f0f" not in result.stdout
    assert " longlonglonglonglonglon… " in result.stdout
    assert " of-a-file " in result.stdout and " forged " in result.stdout
