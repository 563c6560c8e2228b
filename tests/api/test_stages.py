"""The stages as functions: the same settings as the commands, results, errors, and silence."""

import inspect
import os
import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import pytest
import typer

import sentiment
from sentiment import cli
from sentiment.api import options
from sentiment.errors import InputError, MissingFileError
from sentiment.recipe import default_recipe
from sentiment.utils.progress import LineProgress, Progress
from tests.helpers.build import tiny_bundle

TINY = {
    "dataset": "sample", "units": 2, "embedding": 2, "ngrams": 1, "bidirectional": False,
    "teacher": "off", "sentence_members": 0,
}  # fmt: skip
# What a function calls otherwise than the command, and what only one of them has.
RENAMED = {"track": "tracking"}
ONLY_COMMAND = {
    "prepare": set(),
    "train": {"workers", "master", "profile", "show_only"},
    "evaluate": {"as_json"},
    "compare": {"html", "as_json", "readout", "recipe", "seeds", "track"},
}
ONLY_FUNCTION = {"progress", "project"}


def command_options(name):
    """Return the default of each option of a command, by the name that the function uses."""
    command = typer.main.get_command(cli.app).get_command(None, name)
    parameters = {
        one.name: one.default for one in command.params if one.name not in ("help", "help_all")
    }
    return {
        RENAMED.get(one, one): parameters[one] for one in parameters.keys() - ONLY_COMMAND[name]
    }


@pytest.mark.parametrize("name", ["prepare", "train", "evaluate", "compare"])
def test_a_stage_has_the_options_of_its_command_with_the_same_defaults(name):
    found = command_options(name)
    parameters = dict(inspect.signature(getattr(sentiment, name)).parameters)
    if name == "compare":
        assert parameters.pop("tracking").default is None  # only an address makes sense
    assert parameters.keys() - ONLY_FUNCTION == found.keys()
    # None stands for the environment variable that the option reads too.
    assert found.pop("experiment", "sentiment") == options.experiment_name(None)
    for option, default in found.items():
        own = parameters[option].default
        is_repeated = parameters[option].kind is inspect.Parameter.VAR_POSITIONAL
        assert (default or None) == (None if is_repeated else own or None), option


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def lines():
    return []


@pytest.fixture(scope="module")
def trained(project, lines):
    """Return the result of a small training, which is logged to a store of its own."""
    store = f"sqlite:///{project / 'elsewhere.db'}"
    return sentiment.train(**TINY, name="tiny", project=project, tracking=store,
                           snapshots="off", experiment="try", progress=lines.append)  # fmt: skip


def test_a_training_returns_its_model_and_its_measures(trained, project, lines):
    assert trained.folder == project / "data" / "models" / "tiny"
    assert len(trained.epochs) == 1 and trained.run_id
    assert trained.evaluation.scores.reviews == 80
    assert {"preparing", "epochs", "evaluation"} <= trained.seconds.keys()
    model = sentiment.load(trained.folder)
    settings = model.classifier.bundle.manifest.settings
    assert settings["train"] == asdict(default_recipe().train) | {
        "teacher": "off", "sentence_members": 0
    }  # fmt: skip
    assert "training tiny" in lines and any(line.startswith("epoch 1/1") for line in lines)
    with pytest.raises(FrozenInstanceError):
        trained.name = "other"


def test_evaluating_again_gives_the_same_and_tells_what_the_model_has_seen(trained, project):
    evaluation = sentiment.evaluate(trained.folder, tracking=False, project=project, mistakes=1)
    assert evaluation.scores == trained.evaluation.scores
    assert evaluation.model == "tiny" and evaluation.data == "test"
    assert evaluation.overlap.seen == 0 and len(evaluation.mistakes) == 1


def test_a_file_is_evaluated_as_by_the_command(trained, tmp_path):
    (tmp_path / "own.csv").write_text("words;stars\na good film;5\na bad film;1\n", "utf-8")
    evaluation = sentiment.evaluate(
        sentiment.load(trained.folder), tmp_path / "own.csv", text_column="words",
        label_column="stars", positive="4,5", negative="1,2", delimiter=";", tracking=False,
        project=tmp_path,
    )  # fmt: skip
    assert evaluation.scores.reviews == 2 and evaluation.data == "own"


def test_an_address_is_another_store_and_what_the_program_had_chosen_comes_back(trained, project):
    import mlflow

    before = mlflow.get_tracking_uri(), mlflow.is_tracking_uri_set()
    store = f"sqlite:///{project / 'elsewhere.db'}"
    comparison = sentiment.compare("tiny", tracking=store, experiment="try", project=project)
    assert [run.bare_name for run in comparison.runs] == ["tiny"]
    assert comparison.runs[0].metrics["test/accuracy"] == trained.evaluation.scores.accuracy
    assert not (project / "mlruns").exists()
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert (mlflow.get_tracking_uri(), mlflow.is_tracking_uri_set()) == before
    with pytest.raises(InputError, match="no run matches units=3"):
        sentiment.compare(filters=["units=3"], tracking=store, experiment="try", project=project)


def test_the_store_of_the_program_comes_back(trained, project, monkeypatch):
    import mlflow

    own = f"sqlite:///{project / 'own.db'}"
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    mlflow.set_tracking_uri(own)
    try:
        store = f"sqlite:///{project / 'elsewhere.db'}"
        sentiment.compare(tracking=store, experiment="try", project=project)
        assert mlflow.get_tracking_uri() == os.environ["MLFLOW_TRACKING_URI"] == own
    finally:
        mlflow.set_tracking_uri(None)


def test_a_model_is_exported_as_a_page(trained, tmp_path):
    exported = sentiment.export(sentiment.load(trained.folder), tmp_path / "page.html")
    assert exported.format == "html" and exported.model == "tiny"
    assert exported.size == (tmp_path / "page.html").stat().st_size > 10_000
    with pytest.raises(InputError, match="there is no format 'pdf'; there is html"):
        sentiment.export(trained.folder, tmp_path / "page.pdf", "pdf")


def test_preparing_takes_settings_paths_and_numbers_of_numpy(tmp_path):
    numpy = pytest.importorskip("numpy")
    rows = [f"text {n} {w},{w}" for n in range(8) for w in ("good", "bad")]
    path = tmp_path / "own.csv"
    path.write_text("\n".join(["text,label", *rows]), "utf-8")
    data = sentiment.prepare(
        dataset=path, positive="good", negative="bad", vocabulary=numpy.int64(1000),
        project=tmp_path,
    )  # fmt: skip
    assert data.settings["vocabulary"] == 1000
    assert sum(split.reviews for split in data.splits.values()) == 16


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sentiment.train(unit=3), TypeError, "no setting unit; is it units"),
        (lambda: sentiment.train(units=0), InputError, "from 1 to 1024, got 0"),
        (lambda: sentiment.train(units="8"), InputError, "of type int, got '8'"),
        (lambda: sentiment.train(recipe="none"), MissingFileError, "none"),
        (lambda: sentiment.train(snapshots="always"), InputError, "off, epoch or batch:N"),
        (lambda: sentiment.train(resume="last", units=8), InputError, "run's own settings"),
        (lambda: sentiment.train(resume="last"), MissingFileError, "no training can be resumed"),
        (lambda: sentiment.train(name="pretrained"), InputError, "the bundled model"),
        (lambda: sentiment.prepare(dataset="no.csv"), MissingFileError, "no.csv"),
        (lambda: sentiment.evaluate("absent"), MissingFileError, "absent"),
        (lambda: sentiment.compare(), MissingFileError, "no runs"),
        (lambda: sentiment.compare(filters=["units"]), InputError, "expected NAME"),
        (lambda: sentiment.export("absent", "page.html"), MissingFileError, "absent"),
    ],
)
def test_errors_are_those_of_the_package_and_nothing_is_printed(home, capfd, call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert capfd.readouterr() == ("", "")


def test_progress_goes_nowhere_to_standard_error_or_to_a_function(capsys):
    own = Progress()
    assert options.to_progress(own) is own
    options.to_progress(False).note("one")
    options.to_progress(True).note("two")
    lines = []
    assert isinstance(options.to_progress(lines.append), LineProgress)
    options.to_progress(lines.append).note("three")
    assert lines == ["three"] and capsys.readouterr() == ("", "two\n")


def test_loading_and_the_names_of_stages_import_no_heavy_library(tmp_path):
    tiny_bundle(tmp_path / "model")
    heavy = ("tensorflow", "keras", "mlflow", "tensorflow_datasets", "pandas", "sklearn", "scipy")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({heavy!r}))\n"
        "import sentiment\n"
        "from sentiment import Evaluation, TrainingResult, compare, evaluate, prepare, train\n"
        f"sentiment.export(sentiment.load({str(tmp_path / 'model')!r}), 'page.html')\n"
        "print(sentiment.evaluate('model', 'own.csv', tracking=False).scores.reviews)"
    )
    (tmp_path / "own.csv").write_text("text,label\na good film,pos\na bad film,neg\n", "utf-8")
    environment = {**os.environ, "SENTIMENT_HOME": str(tmp_path),
                   "PYTHONPATH": str(Path(__file__).parents[2])}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          cwd=tmp_path, env=environment)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2\n" and done.stderr == ""
    assert (tmp_path / "page.html").is_file()
