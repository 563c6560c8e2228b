import re
from types import SimpleNamespace

from sentiment.tracking import tags
from sentiment.tracking.description import describe_run, describe_version

PARAMETERS = {
    "units": "16", "bidirectional": "True", "ngrams": "3", "readout": "max", "seed": "7",
    "cell": "lstm",
}  # fmt: skip
TAGS = {
    tags.MODEL: "brave-otter",
    tags.COMMAND: "sentiment train --seed 7",
    "recipe": "words",
    "dataset": "imdb",
}


def make_run(metrics=None, **more):
    data = SimpleNamespace(params=PARAMETERS, tags=TAGS | more, metrics=metrics or {})
    info = SimpleNamespace(run_id="r1", run_name="90.00% brave-otter", experiment_id="5")
    return SimpleNamespace(info=info, data=data)


def test_a_run_that_has_begun_says_what_it_is_and_how_to_repeat_it():
    text = describe_run(make_run(), set())
    assert text.startswith("Not measured on test reviews yet.")
    assert "lstm with 16 units, which reads words and n-grams of up to 3 words in both" in text
    assert "the maximum of all states. Recipe **words**, data set **imdb**, seed 7." in text
    assert "```\nsentiment train --seed 7\n```" in text


def test_the_result_comes_first_and_then_links_to_what_the_run_logged():
    metrics = {"best/validation/accuracy": 0.915, "best/validation/loss": 0.25}
    run = make_run(metrics, best_epoch="4", test_accuracy="90.00 % of 10 reviews")
    first, *rest = describe_run(run, {"report.html", "evaluation"}).split("\n\n")
    assert first.startswith("**Test accuracy: 90.00 % of 10 reviews.** Look at [")
    assert "(#/experiments/5/runs/r1/artifacts/report.html)" in first
    assert "(#/experiments/5/runs/r1/artifacts/evaluation)" in first
    assert "comparison.html" not in first  # there is none
    assert "Validation of the best epoch, 4: accuracy 91.50 %, loss 0.2500." in rest


def test_what_a_person_has_added_is_kept():
    text = describe_run(make_run(**{tags.NOTE: "Written before ours."}), set())
    assert text.endswith("\n---\nWritten before ours.")
    own = describe_run(make_run(), set()) + "It was the seed."
    again = describe_run(make_run(**{tags.NOTE: own}), set())
    assert again == own and again.count("Not measured") == 1


def test_a_failure_is_part_of_the_description():
    assert "**Failed**: out of memory" in describe_run(make_run(failure="out of memory"), set())


def test_a_version_names_its_run_and_its_limits():
    text = describe_version(make_run(best_epoch="4"))
    assert text.startswith("Epoch 4 of the run [brave-otter](#/experiments/5/runs/r1).")
    assert "misses irony" in text


def test_no_name_is_markup_ends_a_block_or_looks_like_the_last_line():
    name = "a <img src=x>\x1b[31m\u202e\n\n---\n[x](javascript:1) ``` *b*"
    hostile = {"recipe": name, "dataset": name, tags.MODEL: name, "failure": name}
    run = make_run(
        best_epoch="4", **hostile, **{tags.COMMAND: f"sentiment train --recipe '{name}'"}
    )
    text = describe_run(run, set())
    assert text.count("\n---\n") == 1 and text.endswith("\n\n---\n")
    assert not {"\x1b", "\u202e"} & set(text + describe_version(run))
    blocks = re.findall(r"^(`{4,})\n([^\n]*)\n\1$", text, re.M)
    assert [line.partition(" -")[0] for _, line in blocks] == [
        "sentiment train",
        "sentiment predict",
    ]
    plain = text
    for fence, line in blocks:
        plain = plain.replace(f"{fence}\n{line}\n{fence}", "")
    for prose in (plain, describe_version(run)):
        assert not re.search(r"(?<!\\)(<|```|\[x|\*b)", prose)
    again = describe_run(make_run(best_epoch="4", **hostile, **{tags.NOTE: text}), set())
    assert again.count("\n---\n") == 1
