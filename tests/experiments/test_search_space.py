"""Search spaces, and usage errors of the commands for several machines."""

import pytest
from typer.testing import CliRunner

from sentiment.cli import app
from sentiment.errors import InputError
from sentiment.experiments import search_space
from sentiment.recipe import Recipe


def run(*words, status=2):
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == status, result.output
    # A usage error is printed in a frame, which breaks its lines.
    return " ".join(result.output.replace("│", " ").split())


def parsed(text):
    return search_space.parse(text, "mine.toml")


def test_a_range_has_the_type_of_its_setting():
    space = parsed("[model]\nunits = { low = 2, high = 8 }\ndropout = { low = 0, high = 1 }")
    units, dropout = space.settings.values()
    assert units.is_integer and (units.low, units.high) == (2, 8)
    assert not dropout.is_integer and type(dropout.low) is float


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "mine.toml names no setting to try"),
        ("[model]\nunits = { low = 8, high = 2 }", "units: low must be a number below high"),
        ("[model]\nunits = { low = 2 }", "units needs a list of choices"),
        ("[model]\nunits = []", "units needs a list of choices"),
        ("[train]\nlearning_rate = { low = 0, high = 1, log = true }", "low must be above 0"),
        ("[model]\nunit = [3]", "unit is no setting of [model]"),
        ("[other]\nunits = [3]", "other is none of the tables"),
        ("[model", "is not TOML"),
    ],
)
def test_an_invalid_space_is_refused(text, part):
    with pytest.raises(InputError) as raised:
        parsed(text)
    assert part in raised.value.fact and raised.value.hint == "sentiment sweep --show-space"


def test_a_recipe_has_values_only_inside_the_space():
    own = Recipe().model.units
    assert parsed(f"[model]\nunits = [{own}, 3]").values_of(Recipe()) == {"units": own}
    assert parsed(f"[model]\nunits = [{own + 1}]").values_of(Recipe()) is None
    outside = f"[model]\nunits = {{ low = {own + 1}, high = {own + 2} }}"
    assert parsed(outside).values_of(Recipe()) is None


def test_the_default_space_is_printed_and_valid():
    result = CliRunner().invoke(app, ["sweep", "--show-space"])
    assert result.exit_code == 0 and parsed(result.output).settings
    assert result.output == search_space.load_space("default").text


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["sweep", "--resume", "s", "--seed", "1"], "own plan: leave out --seed"),
        (["sweep", "--resume", "s", "--space", "x", "--no-track"], "leave out --no-track, --space"),
        (["sweep", "--minutes", "nan"], "expected a number of minutes"),
        (["sweep", "--master", "local", "--no-track"], "not with --no-track"),
        (["train", "--master", "local"], "--master needs --workers"),
        (["predict", "--master", "local", "A film."], "needs --engine spark"),
        (["predict", "--engine", "spark", "--json"], "does not support --json"),
        (["predict", "--engine", "spark"], "needs --input and --output"),
    ],
)
def test_conflicting_options_are_usage_errors(words, part):
    assert part in run(*words)


def test_a_cluster_of_a_different_size_is_a_usage_error(monkeypatch):
    monkeypatch.setenv(
        "TF_CONFIG",
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}',
    )
    assert "TF_CONFIG has 2 workers, got --workers 3" in run("train", "--workers", "3")


@pytest.mark.parametrize("output", ["out.csv", "out.txt"])
def test_spark_writes_the_format_that_it_reads(output):
    words = ["predict", "--engine", "spark", "--input", "in.jsonl", "--output", output]
    assert "expected files of one format" in run(*words, status=1)
