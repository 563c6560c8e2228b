"""The comparison of readouts, by a real training of tiny networks on the sample."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from sentiment.cli import _compare_readouts, _console, app
from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.errors import InputError
from sentiment.evaluation.evaluate import evaluate, read_test_split
from sentiment.experiments import readout_ablation
from sentiment.inference import bundle
from sentiment.nn import network
from sentiment.recipe import Recipe, to_toml
from sentiment.tracking import store
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

TINY = ModelSettings(units=4, embedding=4, ngrams=2, bidirectional=False)


class NoteRecorder(Progress):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def compared(sample, paths):
    """A comparison over two seeds, its notes, and the initial weights of each network."""
    initial, recorder, add_prior = [], NoteRecorder(), network.add_prior

    def record(built, ratios, *, seed):
        add_prior(built, ratios, seed=seed)
        initial.append(network.get_arrays(built))

    settings = TrainSettings(epochs=1, own_labels=0, seed=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "add_prior", record)
        result = readout_ablation.compare_readouts(
            sample, TINY, settings, paths, seeds=2, track=False, progress=recorder
        )
    return result, recorder.notes, initial


def test_every_readout_is_trained_with_every_seed(compared, paths):
    result, notes, _ = compared
    order = [(item.readout, item.seed) for item in result.networks]
    assert order == [(readout, seed) for seed in (5, 6) for readout in ("last", "mean", "max")]
    assert "training 2 of 6: readout mean, seed 5" in notes
    for item in result.networks:
        assert f"-{item.readout}-seed{item.seed}-" in item.model
        assert (paths.models / item.model / "bundle.json").is_file()


def test_networks_of_one_seed_differ_only_in_their_readout(compared, paths):
    result, _, initial = compared
    for first in (0, 3):
        (table, weights), *others = initial[first : first + 3]
        for other_table, other in others:
            np.testing.assert_array_equal(other_table, table)
            assert all(np.array_equal(other[name], array) for name, array in weights.items())
        manifests = [
            bundle.read(paths.models / item.model).manifest for item in result.networks[first:][:3]
        ]
        assert manifests[0].data == manifests[1].data == manifests[2].data
        settings = [manifest.settings for manifest in manifests]
        assert settings[0]["train"] == settings[1]["train"] == settings[2]["train"]
        shapes = [dict(kinds["model"]) for kinds in settings]
        assert [shape.pop("readout") for shape in shapes] == list(readout_ablation.READOUTS)
        assert shapes[0] == shapes[1] == shapes[2]
    assert not np.array_equal(initial[0][0], initial[3][0])


def test_measures_equal_those_of_an_evaluation(compared, sample, paths):
    result = compared[0]
    test = read_test_split(sample)
    for groups in (result.lengths, result.positions):
        assert sum(group.reviews for group in groups) == len(test.labels) == 80
    for item in result.networks:
        model = bundle.read(paths.models / item.model)
        assert item.accuracy == evaluate(model, test).scores.accuracy
        assert model.manifest.metrics["test/accuracy"] == item.accuracy
        for groups, parts in (
            (result.lengths, item.by_length),
            (result.positions, item.by_position),
        ):
            sizes = [group.reviews for group in groups]
            assert np.average(parts, weights=sizes) == pytest.approx(item.accuracy)
        assert all(0 < norm < 10 for norm in item.gradients)


def test_the_tables_have_the_numbers_of_the_result(compared, capsys):
    result = compared[0]
    for table in _compare_readouts.tables(result):
        _console.console().print(table)
    out = capsys.readouterr().out
    for readout in readout_ablation.READOUTS:
        summary = result.summary(readout)
        for value in (summary.accuracy, *summary.by_length, *summary.by_position):
            assert f"{100 * value.mean:.2f} ± {100 * value.deviation:.2f} %" in out
        for value in summary.gradients:
            assert f"{value.mean:.1e} ± {value.deviation:.1e}" in out
    for heading in (f"{result.lengths[0].least:.0f}–", f"early {result.positions[0].least:.2f}–"):
        assert heading in out
    assert "80 test reviews" in out and "2 seeds" in out


@pytest.fixture
def command(paths, tmp_path, monkeypatch):
    """Run `sentiment compare --readout` with a recipe for the sample."""
    monkeypatch.setenv("SENTIMENT_HOME", str(paths.root))
    recipe = tmp_path / "tiny.toml"
    settings = Recipe(PrepareSettings(dataset="sample"), TINY, TrainSettings())
    recipe.write_text(to_toml(settings))
    given = ["compare", "--readout", "--recipe", str(recipe), "--no-track"]
    return lambda *words: CliRunner().invoke(app, [*given, *map(str, words)])


def test_the_command_prints_tables_and_findings(command, compared, monkeypatch):
    options = {}
    monkeypatch.setattr(
        readout_ablation,
        "compare_readouts",
        lambda *_, **given: options.update(given) or compared[0],
    )
    result = command("--seeds", 2)
    assert result.exit_code == 0, result.output
    assert options["seeds"] == 2 and options["track"] is False and options["recipe"] == "tiny"
    assert result.stdout.count("readout") == 3
    output = " ".join(result.stdout.split())
    for sentence in compared[0].findings():
        assert sentence in output


def test_json_has_the_numbers_of_the_result(command, compared, monkeypatch):
    expected = compared[0]
    monkeypatch.setattr(readout_ablation, "compare_readouts", lambda *_, **__: expected)
    result = command("--json")
    content = json.loads(result.stdout)
    assert content["seeds"] == [5, 6] and list(content["readouts"]) == ["last", "mean", "max"]
    assert content["readouts"]["max"]["accuracy"] == vars(expected.summary("max").accuracy)
    assert [item["accuracy"] for item in content["networks"]] == [
        item.accuracy for item in expected.networks
    ]
    assert "using" in result.stderr


def test_invalid_options_fail_before_any_training(command, sample, paths):
    for words in (["some-run"], ["--filter", "units=4"], ["--seeds", 0]):
        assert command(*words).exit_code == 2
    with pytest.raises(InputError, match="1 seed or more, got 0"):
        readout_ablation.compare_readouts(
            sample, TINY, TrainSettings(), paths, seeds=0, track=False
        )
    largest = TrainSettings(seed=2**31 - 1)
    with pytest.raises(InputError, match="--seed must be"):
        readout_ablation.compare_readouts(sample, TINY, largest, paths, seeds=2, track=False)


def test_tracked_networks_are_runs_with_test_metrics(sample, tmp_path):
    from mlflow import MlflowClient

    paths = ProjectPaths(tmp_path)
    settings = TrainSettings(epochs=1, own_labels=0)
    result = readout_ablation.compare_readouts(
        sample, TINY, settings, paths, seeds=1, experiment="three"
    )
    assert result.summary("last").accuracy.deviation is None
    client = MlflowClient(store.tracking_uri(paths))
    for item in result.networks:
        run = client.get_run(item.run_id)
        assert run.info.status == "FINISHED"
        assert run.data.params["readout"] == item.readout
        assert run.data.metrics["test/accuracy"] == item.accuracy
