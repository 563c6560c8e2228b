import dataclasses
from pathlib import Path

import pytest

from sentiment.config import ModelSettings, PrepareSettings, TrainSettings, flatten_settings
from sentiment.errors import InputError
from sentiment.utils.names import is_plain_name
from sentiment.utils.paths import find_project

KINDS = (PrepareSettings, ModelSettings, TrainSettings)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (ModelSettings, "units", 0),
        (ModelSettings, "dropout", 0.96),
        (ModelSettings, "ngrams", 4),
        (TrainSettings, "learning_rate", float("nan")),
        (TrainSettings, "validation_share", 0.6),
        (PrepareSettings, "vocabulary", 9),
    ],
)
def test_the_error_for_a_value_out_of_range_names_the_option(kind, name, value):
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} must be from"):
        kind(**{name: value})


@pytest.mark.parametrize("kind", KINDS)
def test_settings_have_a_meaning_and_are_frozen(kind):
    for declared in dataclasses.fields(kind):
        assert declared.metadata["meaning"]
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(kind(), declared.name, declared.default)


def test_names_of_settings_are_unique():
    settings = {kind.__name__: dataclasses.asdict(kind()) for kind in KINDS}
    assert len(flatten_settings(settings)) == sum(len(dataclasses.fields(kind)) for kind in KINDS)


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("data", "mlruns", "deep/er"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.delenv("SENTIMENT_HOME", raising=False)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    return tmp_path


def test_a_project_is_found_from_a_subfolder(project):
    assert find_project().root == project


def test_without_a_project_the_working_directory_is_used(project):
    (project / "mlruns").rmdir()
    assert find_project().root == project / "deep" / "er"


def test_sentiment_home_wins(project, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", "../home")
    assert find_project().root == project / "deep" / "home"


def test_tfds_data_dir_wins(project, monkeypatch):
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    assert find_project().tfds == project / "data" / "tensorflow_datasets"
    monkeypatch.setenv("TFDS_DATA_DIR", "~/tfds")
    assert find_project().tfds == Path.home() / "tfds"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("films 2.csv", "films 2"),
        ("tab\there\n.csv", "tab_here_"),
        ("--.x.csv", "x"),
        ("-.csv", "file"),
        ("\u202efilm.csv", "_film"),
        ("caf\udce9.csv", "caf_"),
        (f"{'é' * 120}.csv", "é" * 75),
    ],
)
def test_the_name_of_a_dataset_can_begin_that_of_a_folder(file, name):
    assert PrepareSettings(dataset=file).name == name
    assert is_plain_name(f"{name}-0123abcd")
