"""The readouts contrasted: the groups, the arithmetic over seeds, and a real run on the sample."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sentiment import recipe as recipes
from sentiment.cli import _compare_readouts, _console, app
from sentiment.config import ModelSettings, PrepareSettings, TrainSettings
from sentiment.data.prepare import prepare
from sentiment.errors import InputError
from sentiment.evaluation.evaluate import evaluate, read_test_split
from sentiment.experiments import readout_ablation
from sentiment.experiments.ablation_result import AblationResult, NetworkResult, mean_std
from sentiment.experiments.review_groups import Group, in_equal_parts, opinion_centres
from sentiment.inference import bundle
from sentiment.nn import network
from sentiment.tracking import store
from sentiment.utils.paths import ProjectPaths
from sentiment.utils.progress import Progress

TINY = ModelSettings(units=4, embedding=4, ngrams=2, bidirectional=False)


# Groups


def test_lengths_fall_into_quarters_with_their_bounds():
    lengths = np.array([40, 7, 12, 30, 8, 100, 20, 9])
    grouping = in_equal_parts(lengths, 4)
    # Sorted: 7 8 | 9 12 | 20 30 | 40 100.
    assert [(group.least, group.most) for group in grouping.groups] == [
        (7, 8), (9, 12), (20, 30), (40, 100),
    ]  # fmt: skip
    assert grouping.member.tolist() == [3, 0, 1, 2, 0, 3, 2, 1]
    right = np.array([True, False, True, False, True, True, True, False])
    assert grouping.means(right) == (0.5, 0.5, 0.5, 1.0)


def test_equal_lengths_stay_together_and_no_group_is_empty():
    grouping = in_equal_parts(np.array([5, 5, 5, 5, 5, 6]), 4)
    assert grouping.groups == (Group(5.0, 5.0, 5), Group(6.0, 6.0, 1))
    assert in_equal_parts(np.array([3, 3]), 3).groups == (Group(3.0, 3.0, 2),)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 6),
)
def test_groups_share_out_all_reviews_and_their_accuracies_average_to_that_of_all(reviews, count):
    values, right = (np.array(column) for column in zip(*reviews, strict=True))
    grouping = in_equal_parts(values, count)
    sizes = [group.reviews for group in grouping.groups]
    assert sum(sizes) == len(values) and min(sizes) > 0 and len(sizes) <= count
    for number, group in enumerate(grouping.groups):
        inside = (values >= group.least) & (values <= group.most)
        np.testing.assert_array_equal(inside, grouping.member == number)
    assert np.average(grouping.means(right), weights=sizes) == pytest.approx(right.mean())


# Where the opinion stands


def test_the_centre_of_opinion_is_the_weighted_mean_place_of_telling_words():
    ratios = np.array([0.0, 0.0, 0.5, 2.0, -1.0])  # words 2, 3, 4: vague, good, bad
    reviews = [[3, 2, 2, 4], [2, 2, 2, 3], [4], [2, 1, 2], []]
    tokens = np.array([word for review in reviews for word in review])
    offsets = np.cumsum([0] + [len(review) for review in reviews])
    centres = opinion_centres(tokens, offsets, ratios)
    # (2 · 1/8 + 1 · 7/8) / 3 = 3/8; good at the last of four is at 7/8; one word alone at 1/2.
    np.testing.assert_allclose(centres, [3 / 8, 7 / 8, 1 / 2, 1 / 2, 1 / 2])


@given(st.lists(st.lists(st.integers(1, 5), max_size=8), min_size=1, max_size=8))
def test_a_review_read_from_its_end_has_its_opinion_as_far_from_the_other_side(reviews):
    ratios = np.array([0.0, 0.0, 0.2, 1.5, -3.0, 1.0])

    def centres(reviews):
        tokens = np.array([word for review in reviews for word in review], int)
        return opinion_centres(tokens, np.cumsum([0, *map(len, reviews)]), ratios)

    there, back = centres(reviews), centres([review[::-1] for review in reviews])
    assert ((there > 0) & (there < 1)).all()
    np.testing.assert_allclose(there + back, 1.0)


# Over seeds


def made(readout, seed, accuracy, gradients=(1.0, 2.0, 4.0)):
    return NetworkResult(
        readout, seed, f"{readout}-{seed}", "", accuracy, gradients,
        by_length=(accuracy + 0.1, accuracy - 0.1), by_position=(accuracy - 0.05, accuracy + 0.05),
    )  # fmt: skip


def contrast(*networks):
    halves = (Group(1.0, 9.0, 50), Group(10.0, 20.0, 50))
    return AblationResult("films-1", halves, (Group(0.1, 0.4, 50), Group(0.5, 0.9, 50)), networks)


def test_mean_and_sample_standard_deviation_are_those_worked_by_hand():
    # Distances from 3: -2, -1, 3; their squares add up to 14, over two: 7.
    found = mean_std([1.0, 2.0, 6.0])
    assert (found.mean, found.deviation) == (3.0, pytest.approx(7**0.5))
    assert mean_std([0.5]).deviation is None


def test_a_summary_is_over_the_seeds_of_one_readout():
    three = contrast(
        made("last", 0, 0.6), made("max", 0, 0.9), made("last", 1, 0.8), made("max", 1, 0.7)
    )
    assert (three.readouts, three.seeds) == (["last", "max"], [0, 1])
    found = three.summary("last")
    assert found.accuracy == mean_std([0.6, 0.8])
    assert [part.mean for part in found.gradients] == [1, 2, 4]
    assert found.by_length[1].mean == pytest.approx(0.6)


def test_findings_follow_from_the_numbers():
    early, none = (9.0, 9.0, 3.0), (0.0, 0.0, 0.0)
    told = contrast(
        made("last", 0, 0.6), made("mean", 0, 0.7, early), made("max", 0, 0.5, none),
        made("last", 1, 0.7), made("mean", 1, 0.72, early), made("max", 1, 0.75, none),
    ).findings()  # fmt: skip
    # mean: +10 and +2 points, 6 on average; max: -10 and +5, -2.5 on average.
    assert told == [
        "Accuracy with mean is 6.00 points above last (above it with 2 of 2 seeds), "
        "with max is 2.50 points below last (below it with 1 of 2 seeds).",
        "Gradient at the first step over that at the last: "
        "last 0.25, mean 3, max none at the last.",
        "From the shortest reviews to the longest accuracy falls by 20.0 points with last, "
        "falls by 20.0 points with mean, falls by 20.0 points with max.",
        "From opinions that stand early to those that stand late it rises by 10.0 points with "
        "last, rises by 10.0 points with mean, rises by 10.0 points with max.",
    ]


def test_one_group_of_lengths_or_places_rises_and_falls_with_nothing():
    one = (Group(1.0, 9.0, 50),)
    told = AblationResult(
        "films-1", one, one, (made("last", 0, 0.6), made("max", 0, 0.5))
    ).findings()
    assert len(told) == 2 and told[1].startswith("Gradient at the first step")


# A real run


class Listener(Progress):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return ProjectPaths(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def sample(folders):
    return prepare(PrepareSettings(dataset="sample"), folders)[0]


@pytest.fixture(scope="module")
def compared(sample, folders):
    """A contrast over two seeds, what was told meanwhile, and the first weights of each network."""
    starts, listener, begin = [], Listener(), network.add_prior

    def remembered(made, ratios, *, seed):
        begin(made, ratios, seed=seed)
        starts.append(network.get_arrays(made))

    settings = TrainSettings(epochs=1, own_labels=0, seed=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "add_prior", remembered)
        found = readout_ablation.compare_readouts(
            sample, TINY, settings, folders, seeds=2, track=False, progress=listener
        )
    return found, listener.notes, starts


def test_every_readout_is_trained_with_every_seed_and_says_so(compared, folders):
    found, notes, _ = compared
    order = [(made.readout, made.seed) for made in found.networks]
    assert order == [(readout, seed) for seed in (5, 6) for readout in ("last", "mean", "max")]
    assert "training 2 of 6: readout mean, seed 5" in notes
    for made in found.networks:
        assert f"-{made.readout}-seed{made.seed}-" in made.model
        assert (folders.models / made.model / "bundle.json").is_file()


def test_with_one_seed_the_readouts_differ_in_nothing_else(compared, folders):
    found, _, starts = compared
    for first in (0, 3):
        (table, weights), *others = starts[first : first + 3]
        for other_table, other in others:
            np.testing.assert_array_equal(other_table, table)
            assert all(np.array_equal(other[name], array) for name, array in weights.items())
        records = [
            bundle.read(folders.models / made.model).manifest for made in found.networks[first:][:3]
        ]
        assert records[0].data == records[1].data == records[2].data
        stated = [record.settings for record in records]
        assert stated[0]["train"] == stated[1]["train"] == stated[2]["train"]
        shapes = [dict(settings["model"]) for settings in stated]
        assert [shape.pop("readout") for shape in shapes] == list(readout_ablation.READOUTS)
        assert shapes[0] == shapes[1] == shapes[2]
    assert not np.array_equal(starts[0][0], starts[3][0])


def test_what_is_measured_is_what_evaluation_measures(compared, sample, folders):
    found = compared[0]
    test = read_test_split(sample)
    for groups in (found.lengths, found.positions):
        assert sum(group.reviews for group in groups) == len(test.labels) == 80
    for made in found.networks:
        opened = bundle.read(folders.models / made.model)
        assert made.accuracy == evaluate(opened, test).scores.accuracy
        assert opened.manifest.metrics["test/accuracy"] == made.accuracy
        for groups, parts in (
            (found.lengths, made.by_length),
            (found.positions, made.by_position),
        ):
            sizes = [group.reviews for group in groups]
            assert np.average(parts, weights=sizes) == pytest.approx(made.accuracy)
        assert all(0 < norm < 10 for norm in made.gradients)


def test_the_tables_hold_what_the_result_holds(compared, capsys):
    found = compared[0]
    for table in _compare_readouts.tables(found):
        _console.console().print(table)
    out = capsys.readouterr().out
    for readout in readout_ablation.READOUTS:
        summary = found.summary(readout)
        for value in (summary.accuracy, *summary.by_length, *summary.by_position):
            assert f"{100 * value.mean:.2f} ± {100 * value.deviation:.2f} %" in out
        for value in summary.gradients:
            assert f"{value.mean:.1e} ± {value.deviation:.1e}" in out
    for heading in (f"{found.lengths[0].least:.0f}–", f"early {found.positions[0].least:.2f}–"):
        assert heading in out
    assert "80 test reviews" in out and "2 seeds" in out


@pytest.fixture
def command(folders, tmp_path, monkeypatch):
    """`sentiment compare --readout` with a recipe of the sample."""
    monkeypatch.setenv("SENTIMENT_HOME", str(folders.root))
    recipe = tmp_path / "tiny.toml"
    settled = recipes.Recipe(PrepareSettings(dataset="sample"), TINY, TrainSettings())
    recipe.write_text(recipes.to_toml(settled))
    begun = ["compare", "--readout", "--recipe", str(recipe), "--no-track"]
    return lambda *words: CliRunner().invoke(app, [*begun, *map(str, words)])


def test_the_command_prints_tables_and_what_they_say(command, compared, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        readout_ablation,
        "compare_readouts",
        lambda *given, **options: asked.update(options) or compared[0],
    )
    result = command("--seeds", 2)
    assert result.exit_code == 0, result.output
    assert asked["seeds"] == 2 and asked["track"] is False and asked["recipe"] == "tiny"
    assert result.stdout.count("readout") == 3
    flat = " ".join(result.stdout.split())
    for sentence in compared[0].findings():
        assert sentence in flat


def test_json_holds_what_the_result_holds(command, compared, monkeypatch):
    found = compared[0]
    monkeypatch.setattr(readout_ablation, "compare_readouts", lambda *_, **__: found)
    result = command("--json")
    told = json.loads(result.stdout)
    assert told["seeds"] == [5, 6] and list(told["readouts"]) == ["last", "mean", "max"]
    assert told["readouts"]["max"]["accuracy"] == vars(found.summary("max").accuracy)
    assert [made["accuracy"] for made in told["networks"]] == [
        made.accuracy for made in found.networks
    ]
    assert "using" in result.stderr


def test_what_can_not_be_done_is_said_before_any_training(command, sample, folders):
    for words in (["some-run"], ["--filter", "units=4"], ["--seeds", 0]):
        assert command(*words).exit_code == 2
    with pytest.raises(InputError, match="1 seed or more, got 0"):
        readout_ablation.compare_readouts(
            sample, TINY, TrainSettings(), folders, seeds=0, track=False
        )
    last = TrainSettings(seed=2**31 - 1)
    with pytest.raises(InputError, match="--seed must be"):
        readout_ablation.compare_readouts(sample, TINY, last, folders, seeds=2, track=False)


def test_tracked_networks_are_ordinary_runs_with_their_test_measures(sample, tmp_path):
    from mlflow import MlflowClient

    folders = ProjectPaths(tmp_path)
    settings = TrainSettings(epochs=1, own_labels=0)
    found = readout_ablation.compare_readouts(
        sample, TINY, settings, folders, seeds=1, experiment="three"
    )
    assert found.summary("last").accuracy.deviation is None
    client = MlflowClient(store.tracking_uri(folders))
    for made in found.networks:
        run = client.get_run(made.run_id)
        assert run.info.status == "FINISHED"
        assert run.data.params["readout"] == made.readout
        assert run.data.metrics["test/accuracy"] == made.accuracy
