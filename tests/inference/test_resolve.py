import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.errors import DamagedFileError, MissingFileError
from sentiment.inference import resolve
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import tiny_bundle


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Four models, one for each way to be chosen; return their folders by that way."""
    named, set_in, newest, boxed = (
        tiny_bundle(folder, seed=seed).folder
        for seed, folder in enumerate(
            (tmp_path / "a", tmp_path / "b", tmp_path / "data" / "models" / "c", tmp_path / "d")
        )
    )
    monkeypatch.setattr(resolve, "PRETRAINED", boxed)
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.delenv("SENTIMENT_MODEL", raising=False)
    return {"named": named, "set_in": set_in, "newest": newest, "boxed": boxed}


def test_the_one_named_the_one_set_the_newest_and_the_one_in_the_box(places, tmp_path, monkeypatch):
    project = ProjectPaths(tmp_path)
    assert resolve.resolve_model(None, ProjectPaths(tmp_path / "none")).folder == places["boxed"]
    assert resolve.resolve_model(None, project).folder == places["newest"]
    monkeypatch.setenv("SENTIMENT_MODEL", str(places["set_in"]))
    assert resolve.resolve_model(None, project).folder == places["set_in"]
    assert resolve.resolve_model(str(places["named"]), project).folder == places["named"]


def test_a_trained_model_is_named_by_its_run(places, tmp_path, monkeypatch):
    project = ProjectPaths(tmp_path)
    assert resolve.resolve_model("c", project).folder == places["newest"]
    monkeypatch.chdir(tmp_path)
    tiny_bundle(tmp_path / "c", seed=5)
    assert resolve.resolve_model("c", project).folder.samefile(
        tmp_path / "c"
    )  # a folder that is here


def test_without_any_the_command_that_makes_one_is_named(places, tmp_path, monkeypatch):
    monkeypatch.setattr(resolve, "PRETRAINED", tmp_path / "nothing")
    with pytest.raises(MissingFileError) as raised:
        resolve.resolve_model(None, ProjectPaths(tmp_path / "none"))
    assert raised.value.hint == "sentiment train"


def test_a_damaged_model_is_not_passed_over_for_the_next(places, tmp_path, monkeypatch):
    (places["newest"] / "weights.npz").write_bytes(b"")
    with pytest.raises(DamagedFileError):
        resolve.resolve_model(None, ProjectPaths(tmp_path))
    monkeypatch.setenv("SENTIMENT_MODEL", str(places["newest"].parent / "gone"))
    with pytest.raises(MissingFileError, match="gone"):
        resolve.resolve_model(None, ProjectPaths(tmp_path))


@pytest.mark.parametrize("command", [["predict", "a good film"], ["evaluate", "--no-track"]])
def test_predict_and_evaluate_choose_alike(command, places, tmp_path, monkeypatch):
    (tmp_path / "mine.csv").write_text("text,label\na good film,1\na bad film,0\n")
    if command[0] == "evaluate":
        command = [*command, "--data", str(tmp_path / "mine.csv")]
    monkeypatch.setenv("SENTIMENT_MODEL", str(places["set_in"]))
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "b " in (result.stderr if command[0] == "predict" else result.stdout)


def test_evaluating_the_model_in_the_box_leaves_the_package_as_it_was(places, tmp_path):
    data = tmp_path / "mine.csv"
    data.write_text("text,label\na good film,1\na bad film,0\n")
    for way, kept in (("newest", False), ("boxed", True)):
        record = places[way] / "bundle.json"
        before = record.read_bytes()
        words = ["evaluate", "--no-track", "--data", str(data), "--model", str(places[way])]
        assert CliRunner().invoke(app, words).exit_code == 0
        assert (record.read_bytes() == before) == kept
