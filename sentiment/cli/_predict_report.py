"""What `sentiment predict` says about the rows that it has scored."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment.cli._terminal import print_message
from sentiment.utils.text import count_of

if TYPE_CHECKING:
    from sentiment.inference.scoring import ScoringJob


@dataclass(frozen=True)
class Display:
    """What is printed about typed or piped texts. html: the page to write, if any."""

    trace: bool
    why: bool
    html: Path | None
    as_json: bool
    quiet: bool
    evidence: bool

    @property
    def explains(self) -> bool:
        """Whether explanations are wanted."""
        return bool(self.trace or self.why or self.html)


STANDARD_INPUT = Path("standard input")  # what `--input -` is called in messages


def report(job: "ScoringJob", *, by_text: bool) -> None:
    """Print bad rows and warnings: one by one for a few texts, counted for many."""
    from sentiment.inference.predict import WARNINGS

    tally = job.tally
    report_bad_rows(job)
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


def report_bad_rows(job: "ScoringJob") -> None:
    """Print what is wrong with the first bad rows, and the number of all."""
    for fact in job.tally.named:
        print_message(fact)
    if job.tally.bad:
        action = "left out" if job.rules.on_error == "skip" else "written without a label"
        print_message(f"{count_of(job.tally.bad, f'bad {job.reader.unit}')} {action}")
