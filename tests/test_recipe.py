import re
import tomllib
from dataclasses import asdict, replace
from importlib import resources

import pytest
from typer.testing import CliRunner

from sentiment import recipe
from sentiment.cli import app
from sentiment.config import READ_SETTINGS, ModelSettings, PrepareSettings, TrainSettings
from sentiment.errors import InputError, MissingFileError
from sentiment.recipe import Recipe
from tests.helpers.commands import ALONE


def show(*words):
    result = CliRunner().invoke(app, ["train", *words, "--show"])
    assert result.exit_code == 0, result.output
    return result.stdout


# Settings of a dataset; the default recipe leaves them as they are.
OF_DATA = {"dataset", "text_column", "label_column", *READ_SETTINGS}
OF_DATA |= {"positive", "negative", "on_error", "test", "test_share"}


def test_the_default_recipe_names_every_setting():
    text = resources.files("sentiment").joinpath("recipes", "default.toml").read_text("utf-8")
    named = {name for table in tomllib.loads(text).values() for name in table}
    every = {name for table in recipe.TABLES for name in asdict(getattr(Recipe(), table))}
    assert every - named == OF_DATA


def test_the_default_recipe_has_a_teacher_and_a_network_of_sentences():
    default = recipe.load_recipe("default")
    assert (default.train.teacher, default.train.members) == ("regression", 1)
    assert default.prepare.vocabulary_from == "all" and not default.model.repeats
    assert default.model.negation and default.train.sentence_members == 1


def test_a_model_without_the_newer_settings_means_one_network_alone():
    assert (TrainSettings().teacher, TrainSettings().members) == ("off", 1)
    assert PrepareSettings().vocabulary_from == "train" and ModelSettings().repeats
    assert PrepareSettings().least_negated == 0 and not ModelSettings().negation
    assert TrainSettings().sentence_members == 0
    assert recipe.load_recipe(ALONE[1]) == Recipe(name="alone")


def test_the_recipe_words_has_no_ngrams_and_reads_the_final_state():
    words, default = recipe.load_recipe("words"), recipe.load_recipe("default")
    assert (words.model.ngrams, words.model.readout, words.model.layers) == (1, "last", 1)
    assert not words.model.bidirectional
    assert words.prepare == replace(default.prepare, least_word=75, least_negated=0)
    assert (words.train.teacher, words.train.members) == ("regression", 3)
    assert not words.model.negation and words.train.sentence_members == 0


def test_the_recipe_best_has_more_networks_rounds_and_words():
    best, default = recipe.load_recipe("best"), recipe.load_recipe("default")
    assert best.prepare.least_word < default.prepare.least_word
    assert best.train.members > default.train.members
    assert best.train.own_labels > default.train.own_labels
    assert best.model == default.model


def test_a_file_changes_only_the_settings_that_it_names(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[prepare]\ndataset = "sample"\n[model]\nunits = 7\n[train]\nlearning_rate = 1\n'
    )
    default = recipe.load_recipe("default")
    expected = Recipe(
        replace(default.prepare, dataset="sample"),
        replace(default.model, units=7),
        replace(default.train, learning_rate=1),
        name="mine",
    )
    assert recipe.load_recipe(str(path)) == expected
    alone = Recipe(
        PrepareSettings(dataset="sample"),
        ModelSettings(units=7),
        TrainSettings(learning_rate=1),
        name="mine",
    )
    assert recipe.load_recipe(str(path), base=Recipe()) == alone


def test_the_output_of_show_is_a_recipe_with_the_same_settings(tmp_path):
    path = tmp_path / "shown.toml"
    path.write_text(show("--recipe", "words", "--units", "9", "--dataset", 'a "quoted" ☕.csv'))
    shown = recipe.load_recipe(str(path))
    assert shown.model.units == 9 and shown.model.ngrams == 1
    assert shown.prepare.dataset == 'a "quoted" ☕.csv'
    assert show("--recipe", str(path)) == path.read_text()


def test_options_override_the_recipe_even_with_a_default_value():
    default, words = ModelSettings().units, recipe.load_recipe("words").model.units
    assert default != words
    assert f"units = {words}\n" in show("--recipe", "words")
    assert f"units = {default}\n" in show("--recipe", "words", "--units", str(default))


def test_show_trains_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("SENTIMENT_HOME", str(tmp_path))
    show("--dataset", "sample")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[model]\nunitz = 3", "[model] has no setting unitz"),
        ("[modell]\nunits = 3", "modell is none of the tables prepare, model, train"),
        ("units = 3", "units is none of the tables"),
        ('[model]\nunits = "3"', "units must be of type int, got '3'"),
        ("[model]\nunits = 3.5", "units must be of type int, got 3.5"),
        ("[model]\nbidirectional = 1", "bidirectional must be of type bool, got 1"),
        ("[model]\nunits = 0", "--units must be from 1 to 1024, got 0"),
        ("[train]\nlearning_rate = nan", "--learning-rate must be from"),
        ('[model]\nreadout = "first"', "--readout must be one of last, mean, max, got 'first'"),
        ("[model\nunits = 3", "is not TOML"),
    ],
)
def test_an_invalid_recipe_is_an_error(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(message)):
        recipe.load_recipe(str(path))


def test_an_absent_recipe_is_missing(tmp_path):
    with pytest.raises(MissingFileError, match="one of best, default, words"):
        recipe.load_recipe(str(tmp_path / "absent"))
