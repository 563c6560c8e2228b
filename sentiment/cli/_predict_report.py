"""What `sentiment predict` says about the rows that it has scored."""

from pathlib import Path
from typing import TYPE_CHECKING

from sentiment.cli._terminal import print_message
from sentiment.utils.text import count_of

if TYPE_CHECKING:
    from sentiment.inference.scoring import ScoringJob

STANDARD_INPUT = Path("standard input")  # what `--input -` is called in messages


def report(job: "ScoringJob", *, by_text: bool) -> None:
    """Print bad rows and warnings: one by one for a few texts, counted for many."""
    from sentiment.inference.predict import WARNINGS

    tally = job.tally
    for fact in tally.named:
        print_message(fact)
    if tally.bad:
        action = "left out" if job.rules.on_error == "skip" else "written without a label"
        print_message(f"{count_of(tally.bad, f'bad {job.reader.unit}')} {action}")
    if tally.blank:
        print_message(f"{count_of(tally.blank, f'blank {job.reader.unit}')} left out")
    for fact in tally.doubts:
        print_message(f"warning: {fact}")
    if tally.doubtful > len(tally.doubts):
        print_message(f"warning: {count_of(tally.doubtful, 'row')} of this kind in all")
    if by_text and sum(tally.warnings.values()) <= len(tally.warned):
        for number, name in tally.warned:
            print_message(f"warning: text {number}: {WARNINGS[name]}")
        return
    for name, count in tally.warnings.items():
        print_message(f"warning: {count_of(count, 'text')}: {WARNINGS[name]}")
