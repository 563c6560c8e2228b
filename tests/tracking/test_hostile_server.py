"""What a tracking server says chooses no path, fills no memory and runs nothing."""

import itertools
import tracemalloc

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.errors import InputError, SentimentError, UnavailableError
from sentiment.inference import bundle
from sentiment.tracking import history, limits, registry
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import tiny_bundle
from tests.helpers.hostile_server import hostile_server, logged_model, model_version

CHAMPION = "models:/sentiment@champion"
MIB = bytes(1 << 20)


def ask(address, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def files_below(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "source",
    [
        "models://home/x",
        "models:/{home}/../planted",
        "models:/../planted",
        "models:/m/../../../planted",
        "models:/m?/../../planted",
        "models:/.hidden",
        "models:/",
        "/etc",
        "models:/m\n",
    ],
)
def test_a_source_leads_nowhere_outside_the_cache(tmp_path, monkeypatch, source):
    home = tmp_path / "project"
    home.mkdir()
    source = source.format(home=home)
    content = {
        path.name: path.read_bytes() for path in tiny_bundle(tmp_path / "b").folder.iterdir()
    }

    def answer(path, _):
        if "alias" in path:
            return model_version(source)
        if "logged-models" in path:
            return logged_model(source.removeprefix("models:/"))
        return content.get(path.rpartition("/")[2])

    before = files_below(tmp_path)
    with hostile_server(answer) as address:
        ask(address, monkeypatch)
        with pytest.raises(InputError, match="the id of a model is a plain file name"):
            registry.download_bundle(ProjectPaths(home), CHAMPION)
    assert files_below(tmp_path) == before


def test_a_link_in_the_cache_is_not_followed(tmp_path, monkeypatch):
    paths = ProjectPaths(tmp_path / "project")
    paths.registry.mkdir(parents=True)
    (paths.registry / "m-1").symlink_to(tmp_path / "elsewhere")
    with hostile_server(lambda path, _: model_version("models:/m-1")) as address:
        ask(address, monkeypatch)
        with pytest.raises(InputError, match="is a link"):
            registry.download_bundle(paths, CHAMPION)
    assert not (tmp_path / "elsewhere").exists()


def test_only_the_files_of_a_model_are_taken_whatever_the_server_lists(tmp_path, monkeypatch):
    paths = ProjectPaths(tmp_path / "project")
    model = tiny_bundle(tmp_path / "b").folder
    asked = []

    def answer(path, parameters):
        if "alias" in path:
            return model_version("models:/m-1")
        if "logged-models" in path:
            return logged_model("m-1")
        if parameters:  # a list of files
            return {"files": [{"path": "../../../planted", "is_dir": False, "file_size": 4}]}
        asked.append(path)
        file = model / path.rpartition("/")[2]
        return file.read_bytes() if file.is_file() else b"planted"

    with hostile_server(answer) as address:
        ask(address, monkeypatch)
        saved = registry.download_bundle(paths, CHAMPION)
    assert saved == paths.registry / "m-1" and bundle.read(saved).name
    assert {path.name for path in saved.iterdir()} == set(registry.BUNDLE_FILES)
    assert files_below(tmp_path / "project") == sorted(saved.iterdir())
    assert {path.rpartition("/")[2] for path in asked} == set(registry.BUNDLE_FILES)


def test_the_files_of_a_model_are_those_that_a_bundle_has(tmp_path):
    assert set(registry.BUNDLE_FILES) == {
        path.name for path in tiny_bundle(tmp_path / "b").folder.iterdir()
    }


def test_an_endless_answer_is_refused_early(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_ANSWER_BYTES", 4 << 20)
    sent = itertools.count()

    def endless():
        for _ in range(200):
            next(sent)
            yield MIB

    with hostile_server(lambda *_: endless()) as address:
        ask(address, monkeypatch)
        tracemalloc.start()
        try:
            with pytest.raises(UnavailableError, match="its answer is larger than 4 MiB"):
                history.list_runs(ProjectPaths(tmp_path))
            assert tracemalloc.get_traced_memory()[1] < 40 << 20
        finally:
            tracemalloc.stop()
    assert next(sent) < 40  # the limit, and what the sockets hold


def test_an_endless_file_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 4 << 20)

    def answer(path, _):
        if "alias" in path:
            return model_version("models:/m-1")
        if "logged-models" in path:
            return logged_model("m-1")
        return itertools.repeat(MIB, 200)

    with hostile_server(answer) as address:
        ask(address, monkeypatch)
        with pytest.raises(SentimentError, match="its answer is larger than 4 MiB"):
            registry.download_bundle(ProjectPaths(tmp_path), CHAMPION)
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"null", b"{}", b"\xff", b"<html>", {"model_version": 7}, {"runs": 7},
        {"model_version": {"version": "x", "source": None}},
        model_version("models:/m", version="-1e9"), {"experiment": {"experiment_id": {}}},
        {"model_version": {"version": "9" * 5000, "source": "models:/m-1"}},
        b'{"a":' * 20_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "words", [["predict", "--model", CHAMPION, "A film."], ["runs"], ["promote"], ["sync"]]
)
def test_a_server_that_talks_nonsense_is_one_line(home, monkeypatch, content, words):
    with hostile_server(lambda *_: content) as address:
        ask(address, monkeypatch)
        result = CliRunner().invoke(app, words)
    if words != ["sync"]:  # nothing waits to be sent
        assert result.exit_code == 1, result.output
        assert "Error: " in result.stderr and "Try: " in result.stderr
    assert "unexpected error" not in result.stderr and "Traceback" not in result.output
    assert not files_below(home)
