import shlex
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from sentiment import load
from sentiment.cli import app
from sentiment.errors import DamagedFileError, InputError, MissingFileError
from sentiment.inference import bundle, resolve
from sentiment.inference.manifest import DataInfo, RunInfo
from sentiment.inference.trained_models import MIN_REVIEWS
from sentiment.utils import files
from sentiment.utils.paths import ProjectPaths
from tests.helpers.build import tiny_bundle


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Four models, one for each way to choose; return their folders."""
    named, in_variable, newest, bundled = (
        tiny_bundle(folder, seed=seed).folder
        for seed, folder in enumerate(
            (tmp_path / "a", tmp_path / "b", tmp_path / "data" / "models" / "c", tmp_path / "d")
        )
    )
    monkeypatch.setattr(resolve, "PRETRAINED", bundled)
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    monkeypatch.delenv("SENTIMENT_MODEL", raising=False)
    return {"named": named, "in_variable": in_variable, "newest": newest, "bundled": bundled}


def test_the_order_is_named_then_variable_then_newest_then_bundled(models, tmp_path, monkeypatch):
    project, empty = ProjectPaths(tmp_path), ProjectPaths(tmp_path / "none")
    assert resolve.resolve_model(None, empty).folder == models["bundled"]
    assert resolve.resolve_model(None, project).folder == models["newest"]
    monkeypatch.setenv("SENTIMENT_MODEL", str(models["in_variable"]))
    assert resolve.resolve_model(None, project).folder == models["in_variable"]
    assert resolve.resolve_model(str(models["named"]), project).folder == models["named"]


def test_a_trained_model_is_named_by_its_run_unless_a_folder_has_that_name(
    models, tmp_path, monkeypatch
):
    project = ProjectPaths(tmp_path)
    assert resolve.resolve_model("c", project).folder == models["newest"]
    monkeypatch.chdir(tmp_path)
    tiny_bundle(tmp_path / "c", seed=5)
    assert resolve.resolve_model("c", project).folder.samefile(tmp_path / "c")


def test_without_a_model_the_hint_is_to_train_one(models, tmp_path, monkeypatch):
    monkeypatch.setattr(resolve, "PRETRAINED", tmp_path / "nothing")
    with pytest.raises(MissingFileError) as raised:
        resolve.resolve_model(None, ProjectPaths(tmp_path / "none"))
    assert raised.value.hint == "sentiment train"


def test_a_damaged_model_is_not_skipped(models, tmp_path, monkeypatch):
    (models["newest"] / "weights.npz").write_bytes(b"")
    with pytest.raises(DamagedFileError):
        resolve.resolve_model(None, ProjectPaths(tmp_path))
    monkeypatch.setenv("SENTIMENT_MODEL", str(models["newest"].parent / "gone"))
    with pytest.raises(MissingFileError, match="gone"):
        resolve.resolve_model(None, ProjectPaths(tmp_path))


@pytest.mark.parametrize("command", [["predict", "a good film"], ["evaluate", "--no-track"]])
def test_predict_and_evaluate_choose_the_same_model(command, models, tmp_path, monkeypatch):
    (tmp_path / "mine.csv").write_text("text,label\na good film,1\na bad film,0\n")
    if command[0] == "evaluate":
        command = [*command, "--data", str(tmp_path / "mine.csv")]
    monkeypatch.setenv("SENTIMENT_MODEL", str(models["in_variable"]))
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "b " in (result.stderr if command[0] == "predict" else result.stdout)


def test_evaluating_the_bundled_model_leaves_the_package_unchanged(models, tmp_path):
    data = tmp_path / "mine.csv"
    data.write_text("text,label\na good film,1\na bad film,0\n")
    for model, unchanged in (("newest", False), ("bundled", True)):
        path = models[model] / "bundle.json"
        before = path.read_bytes()
        words = ["evaluate", "--no-track", "--data", str(data), "--model", str(models[model])]
        assert CliRunner().invoke(app, words).exit_code == 0
        assert (path.read_bytes() == before) == unchanged


def test_a_small_model_never_replaces_the_bundled_one_by_itself(models, tmp_path, monkeypatch):
    project = ProjectPaths(tmp_path)
    for seed, (name, data) in enumerate(
        {
            "large": DataInfo("mine", "mine-0", reviews=MIN_REVIEWS),
            "newer": DataInfo("mine", "mine-0", reviews=MIN_REVIEWS + 1),
            "small": DataInfo("mine", "mine-0", reviews=MIN_REVIEWS - 1),
            "old-sample": DataInfo("sample", "sample-0"),
            "sample": DataInfo("sample", "sample-0", reviews=MIN_REVIEWS),
        }.items(),
        start=5,
    ):
        bundle.update_manifest(tiny_bundle(project.models / name, seed=seed), data=data)
    assert resolve.resolve_model(None, project).name == "newer"
    assert resolve.model_argument(project.models / "newer", project) is None
    shutil.rmtree(project.models / "newer")
    assert load().classifier.bundle.name == "large"
    shutil.rmtree(project.models / "large")
    assert resolve.resolve_model(None, project).name == "c"  # its size is not known
    shutil.rmtree(project.models / "c")
    assert resolve.resolve_model(None, project).folder == models["bundled"]
    assert load().classifier.bundle.folder == models["bundled"]
    for name in ("small", "sample"):
        assert resolve.model_argument(project.models / name, project) == name
        assert resolve.resolve_model(name, project).name == name
    monkeypatch.setenv("SENTIMENT_MODEL", "small")
    assert resolve.resolve_model(None, project).name == "small"
    monkeypatch.delenv("SENTIMENT_MODEL")
    monkeypatch.setattr(resolve, "PRETRAINED", tmp_path / "nothing")
    assert resolve.resolve_model(None, project).name == "sample"


def test_the_argument_that_names_a_model_leads_to_it_from_every_folder(
    models, tmp_path, monkeypatch
):
    project = ProjectPaths(tmp_path)
    data = DataInfo("sample", "sample-0")
    bundle.update_manifest(tiny_bundle(project.models / "s", seed=9), data=data)
    monkeypatch.chdir(tmp_path)
    tiny_bundle(tmp_path / "s", seed=5)
    argument = resolve.model_argument(project.models / "s", project)
    assert resolve.resolve_model(argument, project).folder == project.models / "s"


def test_the_number_of_training_reviews_is_in_the_manifest(tmp_path):
    written = tiny_bundle(tmp_path / "a")
    assert "reviews" not in files.read_json(tmp_path / "a" / "bundle.json", hint="")["data"]
    bundle.update_manifest(written, data=DataInfo("mine", "mine-0", reviews=7))
    assert bundle.read(tmp_path / "a").manifest.data.reviews == 7
    for wrong in (-1, True, 7.0, "7"):
        bundle.update_manifest(written, data=DataInfo("mine", "mine-0", reviews=wrong))
        with pytest.raises(DamagedFileError, match=r"data\.reviews is not a whole number"):
            bundle.read(tmp_path / "a")


@pytest.fixture
def runs(models, tmp_path):
    """Two models of runs with ids, in a project without a tracking store; return the project."""
    project = ProjectPaths(tmp_path)
    for name, run_id in {"first-try": "ab12" + "0" * 28, "100%": "ab13" + "0" * 28}.items():
        written = tiny_bundle(project.models / name, seed=len(name))
        bundle.update_manifest(written, run=RunInfo(run_id, name))
    return project


@pytest.mark.parametrize(
    ("typed", "folder"),
    [
        ("first-try", "first-try"),
        ("91.02% first-try", "first-try"),
        ("100.00% 100%", "100%"),
        ("ab12" + "0" * 28, "first-try"),
        ("ab13", "100%"),
        (f"runs:/ab12{'0' * 28}/model", "first-try"),
        (f"runs:/ab12{'0' * 28}", "first-try"),
    ],
)
def test_a_trained_model_has_every_name_that_an_output_prints(typed, folder, runs):
    assert resolve.resolve_model(typed, runs).folder == runs.models / folder


def test_pretrained_is_the_bundled_model_whatever_is_in_the_folder(runs, models, monkeypatch):
    small = DataInfo("sample", "sample-0")
    bundle.update_manifest(tiny_bundle(runs.models / "pretrained", seed=9), data=small)
    monkeypatch.chdir(runs.models)
    assert resolve.resolve_model("pretrained", runs).folder == models["bundled"]
    own = resolve.model_argument(runs.models / "pretrained", runs)
    assert own == str(runs.models / "pretrained")


@pytest.mark.parametrize(
    ("typed", "fact", "choice"),
    [
        ("frist-try", "; is it first-try", "first-try"),
        ("pretraind", "; is it pretrained", "pretrained"),
        ("zzz", "; there is pretrained, ", "pretrained"),
        ("ab1", "no model is called 'ab1'", "pretrained"),  # too short for an id
        ("data/models/101%", "; is it data/models/100%", "data/models/100%"),
    ],
)
def test_a_miss_lists_the_nearest_names(typed, fact, choice, runs, monkeypatch):
    monkeypatch.chdir(runs.root)
    with pytest.raises(MissingFileError) as raised:
        resolve.resolve_model(typed, runs)
    assert fact in raised.value.fact
    assert raised.value.hint == f"--model {shlex.quote(choice)}"


def test_several_models_of_one_name_are_listed(runs):
    copied = shutil.copytree(runs.models / "first-try", runs.models / "copy")
    with pytest.raises(InputError, match="2 models are called 'ab12': copy, first-try") as raised:
        resolve.resolve_model("ab12", runs)
    assert raised.value.hint == "--model copy"
    assert resolve.resolve_model("copy", runs).folder == copied


def test_a_name_never_leads_out_of_the_folder_of_models(runs, tmp_path):
    (runs.models / "link").symlink_to(tmp_path / "a", target_is_directory=True)
    with pytest.raises(InputError, match="is a link"):
        resolve.resolve_model("link", runs)
    with pytest.raises(MissingFileError):
        resolve.resolve_model("..", runs)


def test_a_damaged_model_does_not_hide_the_others(runs):
    (tiny_bundle(runs.models / "damaged").folder / "bundle.json").write_text("{")
    assert resolve.resolve_model("ab13", runs).name == "100%"
    with pytest.raises(DamagedFileError, match="damaged"):
        resolve.resolve_model("damaged", runs)


def test_the_id_of_a_local_run_is_found_without_mlflow(runs):
    (runs.root / "mlruns").mkdir()
    (runs.root / "mlruns" / "mlflow.db").write_bytes(b"")
    code = (
        "import sys; sys.modules['mlflow'] = None\n"
        "import sentiment\n"
        "for name in ('ab12', 'runs:/ab12' + '0' * 28 + '/model'):\n"
        "    print(sentiment.load(name))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert output.stdout.count("first-try in ") == 2, output.stderr


@pytest.mark.parametrize("command", ["predict", "evaluate", "states", "lecture"])
def test_the_help_says_how_many_reviews_the_default_model_needs(command):
    help_text = CliRunner().invoke(app, [command, "--help"]).output
    assert f"newest model of at least {MIN_REVIEWS:,} reviews" in " ".join(help_text.split())
