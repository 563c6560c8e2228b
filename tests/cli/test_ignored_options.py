"""An option that would do nothing is a usage error, or a line says that it does nothing."""

import shlex

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.config import PrepareSettings
from sentiment.data.prepare import prepare
from sentiment.errors import InputError, MissingFileError
from sentiment.utils.paths import ProjectPaths


@pytest.mark.parametrize(
    "words",
    [
        'predict "good film" --text-column x',
        'predict "good film" --encoding cp1252',
        'predict "good film" --why --on-error skip',
        "predict --input a.jsonl --delimiter ,",
        "predict --input a.jsonl --no-header",
        "predict --input a.xlsx --encoding cp1252",
        "predict --input a.parquet --quoting csv",
        'states "good film" --text-column x',
        "states --input a.txt --delimiter ,",
        "evaluate --text-column x",
        "evaluate --positive 4,5",
        "evaluate --on-error skip",
        "evaluate --delimiter ,",
        "evaluate --data a.jsonl --no-header",
        "train --dataset sample --no-track --snapshots batch:5",
        "train --dataset sample --no-track --experiment x",
        "train --dataset sample --no-track --no-system-metrics",
        "sweep --dataset sample --no-track --experiment x",
        "compare --seeds 2",
        "compare --recipe default",
        "compare --no-track",
    ],
)
def test_an_option_without_effect_is_a_usage_error(words, home):
    result = CliRunner().invoke(app, shlex.split(words))
    assert result.exit_code == 2, result.output
    option = next(word for word in words.split()[::-1] if word.startswith("--"))
    assert option in result.stderr
    assert not list(home.iterdir())


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "words", ["--port 5003", "--host 0.0.0.0", "--auth", "--allowed-hosts a.example"]
)
def test_ui_refuses_what_a_tracking_server_does_not_use(words, scheme, home, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://127.0.0.1:9")
    result = CliRunner().invoke(app, ["ui", *words.split()])
    assert result.exit_code == 2 and words.split()[0] in result.stderr, result.output
    assert "MLFLOW_TRACKING_URI" in result.stderr and not result.stdout


def test_ui_takes_its_other_options_with_a_tracking_server(home, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr("sentiment.tracking.server.ui_url", lambda *words: words[-1])
    result = CliRunner().invoke(app, ["ui", "--no-browser", "--experiment", "mine"])
    assert result.exit_code == 0 and "The runs are at http://127.0.0.1:9\n" in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        "--dataset sample --text-column x",
        "--dataset sample --on-error skip",
        "--dataset sample --test-share 0.3",
        "--dataset sample --delimiter ,",
        "--dataset sample --archive a.tar.gz",
    ],
)
def test_prepare_refuses_what_the_dataset_does_not_use(words, home):
    result = CliRunner().invoke(app, ["prepare", *shlex.split(words)])
    assert result.exit_code == (1 if "archive" in words else 2), result.output
    assert words.split()[2] in result.stderr


def test_an_archive_is_looked_at_although_the_reviews_are_prepared(tmp_path):

    paths, settings = ProjectPaths(tmp_path), PrepareSettings()
    with pytest.raises(MissingFileError, match=r"no file .*x\.tar\.gz"):
        prepare(settings, paths, archive=tmp_path / "x.tar.gz")
    with pytest.raises(InputError, match="the dataset is sample"):
        prepare(PrepareSettings(dataset="sample"), paths, archive=tmp_path / "x.tar.gz")
