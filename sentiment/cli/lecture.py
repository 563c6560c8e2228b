"""`sentiment lecture`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment.cli import _console
from sentiment.cli._common import ModelOption
from sentiment.cli._terminal import say
from sentiment.utils.paths import find_project

if TYPE_CHECKING:
    import numpy as np

    from sentiment.inspection.walkthrough import Walkthrough

_SENTENCE = "It begins badly, yet the ending is wonderful."
_HINT = f'sentiment lecture --html lecture.html --text "{_SENTENCE}"'


def command(
    seed: Annotated[int, typer.Option(min=0, help="of the samples and the first weights")] = 0,
    html: Annotated[
        Path | None,
        typer.Option(help="write every number, step by step, as a page that needs no network"),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="a sentence that a trained model reads on that page")
    ] = None,
    model: ModelOption = None,
) -> None:
    """Show how a hidden state becomes the classifier's input, in numbers to follow by hand."""
    if html is None and (text is not None or model is not None):
        raise typer.BadParameter("--text and --model go with --html FILE")
    # Before the lecture, so that a sentence or a model that won't do is told at once.
    reading = None if html is None else _read(_SENTENCE if text is None else text, model)
    from sentiment.nn import lecture

    taught = lecture.LectureExample(seed)
    before = taught.network()
    _show_lecture(taught)
    if html is not None and reading is not None:
        from sentiment.reports import lecture as lecture_page
        from sentiment.utils import files

        networks = {"before training": before, "after training": taught.network()}
        example = lecture_page.Example(taught.samples, taught.labels, networks)
        with files.atomic_file(html) as aside:
            aside.write_text(lecture_page.page(example, reading), "utf-8")
        say(f"lecture written to {html}")


def _read(text: str, model: str | None) -> "Walkthrough":
    from sentiment.inference import resolve
    from sentiment.inference.classifier import Classifier
    from sentiment.inspection import walkthrough

    opened = resolve.resolve_model(model, find_project())
    return walkthrough.walk_through(Classifier(opened), text, hint=_HINT)


def _show_lecture(taught) -> None:
    from sentiment.nn import lecture

    target = _console.console()
    size, steps, features = lecture.SAMPLES, lecture.TIMESTEPS, lecture.FEATURES
    units, last = lecture.UNITS, lecture.SAMPLES * (lecture.PASSES - 1)
    target.print(
        f"{size} samples x {steps} timesteps x {features} features "
        f"through SimpleRNN({units}, return_state=True)\n"
        f"kernel {features}x{units} + recurrent_kernel {units}x{units} + bias {units}: "
        f"{taught.parameters} parameters\n"
        "h_t = tanh(x_t kernel + h_(t-1) recurrent_kernel + bias), h_0 = 0\n"
        "label: 1 where the first feature is larger at the last timestep than at the first\n"
    )
    target.print("[bold]1. Train on one sample at a time, and look at its final state after each")
    for step in taught.train():
        # The first pass and the last show the change; those between would fill pages.
        if step.number <= size or step.number > last:
            target.print(
                f"step {step.number:3d}  sample {step.sample}  loss {step.loss:.4f}  "
                f"hidden state [{_numbers(step.state)}]",
                markup=False,
            )
        elif step.number == last:
            target.print(f"... {last - size} steps more ...")
    _show_table(target, taught)
    _show_contrast(target, taught)


def _show_table(target, taught) -> None:
    target.print("\n[bold]2. All that the classifier sees of a sample is its final state")
    columns = {"sample": "right", "hidden state after the last timestep": "left", "label": "right"}
    columns["P(label 1)"] = "right"
    rows = [
        (number, _numbers(state), int(label), f"{probability:.3f}")
        for number, (state, label, probability) in enumerate(
            zip(taught.states(), taught.labels, taught.probabilities(), strict=True), 1
        )
    ]
    target.print(_console.table(None, columns, rows))


def _show_contrast(target, taught) -> None:
    target.print("\n[bold]3. What it could see instead: every timestep, or a pool of them")
    sequences, readouts = taught.encode(), taught.readouts()
    rows = [(f"h_{step}", _numbers(state)) for step, state in enumerate(sequences[0], 1)]
    rows += [
        ("final state: h_3 as it is", _numbers(readouts.final[0])),
        ("mean pooling over time", _numbers(readouts.mean[0])),
        ("max pooling over time", _numbers(readouts.largest[0])),
    ]
    target.print(_console.table("sample 1", {"readout": "left", "five units": "left"}, rows))
    target.print(
        "The final state holds what the recurrence has kept. The mean weighs every step alike.\n"
        "The maximum takes each unit from the step where it was largest: no state was ever so.\n"
        f"With return_sequences=True the same {taught.parameters} weights are an encoder:\n"
        f"a state for every timestep, {' x '.join(map(str, sequences.shape))}.",
        markup=False,
    )


def _numbers(values: "Iterable[float] | np.ndarray") -> str:
    return " ".join(f"{value:+.4f}" for value in values)
