"""`sentiment lecture`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment.cli import _console
from sentiment.cli._options import ModelOption
from sentiment.cli._terminal import print_message
from sentiment.utils.opening import output_path
from sentiment.utils.paths import find_project

if TYPE_CHECKING:
    from rich.console import Console

    from sentiment.inspection.unrolled import SmallNetwork
    from sentiment.inspection.walkthrough import Walkthrough
    from sentiment.nn.lecture import LectureExample

_SENTENCE = "It begins badly, yet the ending is wonderful."
_HINT = f'sentiment lecture --html lecture.html --text "{_SENTENCE}"'
EXAMPLES = {
    "sentiment lecture": "five units and three steps, in the terminal",
    "sentiment lecture --html lecture.html": "every number, step by step, as a page",
    'sentiment lecture --html lecture.html --text "A dull start."': "with a text of your own",
}
_DECIMALS = 4  # of the numbers of a state


def command(
    seed: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="random seed of the samples and the initial weights"),
    ] = 0,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="write every number, step by step, as a page that works offline"
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="sentence that a trained model reads on the page"),
    ] = None,
    model: ModelOption = None,
) -> None:
    """Show, with small numbers, how a hidden state feeds the classifier."""
    if html is None and (text is not None or model is not None):
        raise typer.BadParameter("--text and --model need --html FILE")
    # Before the lecture, so that a bad sentence, model or path is reported at once.
    reading = None if html is None else _read(_SENTENCE if text is None else text, model)
    target = None if html is None else output_path(html)
    from sentiment.nn.lecture import LectureExample

    example = LectureExample(seed)
    untrained = example.network()
    _show_lecture(example)
    if target is not None and reading is not None:
        _write_page(target, example, untrained, reading)
        print_message(f"lecture written to {html}")


def _read(text: str, model: str | None) -> "Walkthrough":
    from sentiment.inference import resolve
    from sentiment.inference.classifier import Classifier
    from sentiment.inspection import walkthrough

    bundle = resolve.resolve_model(model, find_project())
    return walkthrough.walk_through(Classifier(bundle), text, hint=_HINT)


def _write_page(
    target: Path, example: "LectureExample", untrained: "SmallNetwork", reading: "Walkthrough"
) -> None:
    from sentiment.reports import lecture
    from sentiment.utils import files

    networks = {"before training": untrained, "after training": example.network()}
    page = lecture.page(lecture.Example(example.samples, example.labels, networks), reading)
    files.write_text(target, page)


def _show_lecture(example: "LectureExample") -> None:
    target = _console.console()
    _show_training(target, example)
    _show_final_states(target, example)
    _show_readouts(target, example)


def _show_training(target: "Console", example: "LectureExample") -> None:
    from sentiment.nn import lecture

    size, steps, features = lecture.SAMPLES, lecture.TIMESTEPS, lecture.FEATURES
    units, last_pass = lecture.UNITS, lecture.SAMPLES * (lecture.PASSES - 1)
    target.print(
        f"{size} samples x {steps} timesteps x {features} features "
        f"through SimpleRNN({units}, return_state=True)\n"
        f"kernel {features}x{units} + recurrent_kernel {units}x{units} + bias {units}: "
        f"{example.parameters} parameters\n"
        "h_t = tanh(x_t kernel + h_(t-1) recurrent_kernel + bias), h_0 = 0\n"
        "label: 1 if the first feature is larger at the last timestep than at the first\n"
    )
    target.print("[bold]1. Train on one sample at a time, and print its hidden state after each")
    for step in example.train():
        # The first pass and the last show the change; those between would fill pages.
        if step.number <= size or step.number > last_pass:
            state = _console.signed(step.state, _DECIMALS)
            target.print(
                f"step {step.number:3d}  sample {step.sample}  loss {step.loss:.4f}  "
                f"state [{state}]",
                markup=False,
            )
        elif step.number == last_pass:
            target.print(f"... {last_pass - size} more steps ...")


def _show_final_states(target: "Console", example: "LectureExample") -> None:
    target.print("\n[bold]2. The classifier sees only the final state of a sample")
    columns = {"sample": "right", "hidden state after the last timestep": "left", "label": "right"}
    columns["P(label 1)"] = "right"
    samples = zip(example.states(), example.labels, example.probabilities(), strict=True)
    rows = [
        (number, _console.signed(state, _DECIMALS), int(label), f"{probability:.3f}")
        for number, (state, label, probability) in enumerate(samples, 1)
    ]
    target.print(_console.table(None, columns, rows))


def _show_readouts(target: "Console", example: "LectureExample") -> None:
    target.print("\n[bold]3. What it could see instead: every timestep, or a pool of them")
    sequences, readouts = example.encode(), example.readouts()
    states = {f"h_{step}": state for step, state in enumerate(sequences[0], 1)}
    states["final state: h_3"] = readouts.final[0]
    states["mean pooling over time"] = readouts.mean[0]
    states["max pooling over time"] = readouts.largest[0]
    rows = [(name, _console.signed(state, _DECIMALS)) for name, state in states.items()]
    target.print(_console.table("sample 1", {"readout": "left", "five units": "left"}, rows))
    target.print(
        "The final state is what the recurrence has remembered. The mean gives every\n"
        "step the same weight. The maximum takes each unit from the step where it was\n"
        "largest, so it is no state that the network was ever in.\n"
        f"With return_sequences=True the same {example.parameters} weights are an encoder:\n"
        f"a state for every timestep, {' x '.join(map(str, sequences.shape))}.",
        markup=False,
    )
