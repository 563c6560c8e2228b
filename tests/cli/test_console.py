"""Test progress in a terminal, and what stays there afterwards."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from sentiment.cli import _console
from sentiment.utils.progress import BatchMetrics, EpochMetrics

EPOCH = EpochMetrics(
    epoch=1, epochs=2, seconds=2.5, reviews_per_second=1234.5, train_loss=0.5, train_accuracy=0.75,
    validation_loss=0.25, validation_accuracy=0.875, best=True,
)  # fmt: skip
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")
EPOCH_LINE = (
    "epoch 1/2  train loss 0.5000 accuracy 75.0 %  validation loss 0.2500 accuracy 87.5 %  "
    "2.5 s  1,234 reviews/s  best so far"
)


def batch(number):
    return BatchMetrics(
        epoch=1, epochs=2, batch=number, batches=40, loss=0.625, accuracy=0.5,
        reviews_per_second=5000.0, seconds_left=7.4,
    )  # fmt: skip


@pytest.fixture
def screen():
    return Console(file=io.StringIO(), force_terminal=True, width=130, highlight=False)


def test_a_bar_is_updated_at_intervals_and_replaced_by_the_line_of_the_epoch(screen, monkeypatch):
    now = iter([10.0, 10.0, 10.05, 10.2, 10.2])  # seconds; each update asks twice
    monkeypatch.setattr(_console.time, "monotonic", lambda: next(now))
    progress = _console.LiveProgress(screen)
    for number in (1, 2, 20):
        progress.batch(batch(number))
    drawn = screen.file.getvalue()
    assert f"epoch 1/2  {'╌' * 20}  batch 1/40  loss 0.6250  accuracy 50.0 %" in drawn
    assert "batch 2/40" not in drawn  # 0.05 s after the last update
    assert f"{'━' * 10}{'╌' * 10}  batch 20/40" in drawn and "5,000 reviews/s  7 s left" in drawn
    assert "\x1b[?25l" in drawn  # the cursor is hidden
    progress.epoch(EPOCH)
    rest = screen.file.getvalue().removeprefix(drawn)
    assert "\x1b[?25h" in rest and rest.endswith(f"{EPOCH_LINE}\n")
    progress.close()
    assert screen.file.getvalue() == drawn + rest


@pytest.mark.parametrize("width", [80, 125, 126])
def test_no_line_of_a_training_is_wider_than_the_terminal(width):
    screen = Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False)
    progress = _console.LiveProgress(screen)
    long = {"epoch": 10, "epochs": 12, "reviews_per_second": 17_623.0}
    progress.batch(replace(batch(999), batches=1250, seconds_left=123.4, **long))
    progress.epoch(replace(EPOCH, seconds=123.4, **long))
    progress.note(f"saved in {'/long' * 30}, and then " + "more of a long note " * 10)
    progress.note("first\n  second, " + "which is long " * 12)
    [*progress.track("abc", "encoding unsupervised", 50_000)]
    lines = _CONTROL.sub("\n", screen.file.getvalue()).splitlines()
    assert max(len(line) for line in lines if "/long/" not in line) <= width
    live, *_, last = [line for line in lines if line.startswith("epoch 10/12  ")]
    assert "123 s left" in live and "accuracy 87.5 %" in last
    assert ("17,623 reviews/s" in last) is (width == 126) and ("best so far" in last) is (
        width == 126
    )
    assert "first" in lines and lines[lines.index("first") + 1].startswith("  second, which")
    assert lines[lines.index("first") + 2].startswith("    ")
    assert "/long" * 30 in screen.file.getvalue() and any(re.match(r"  \w", line) for line in lines)


def test_a_live_line_is_cut_rather_than_wrapped():
    screen = Console(file=io.StringIO(), force_terminal=True, width=30, highlight=False)
    progress = _console.LiveProgress(screen)
    progress.batch(batch(1))
    assert screen.file.getvalue().count("\n") == 0


def test_the_cursor_is_shown_again_after_an_interrupted_epoch(screen):
    progress = _console.LiveProgress(screen)
    progress.batch(batch(1))
    progress.close()
    assert screen.file.getvalue().rpartition("\x1b[?25l")[2].count("\x1b[?25h") == 1


def test_a_tracked_task_yields_its_items(screen):
    progress = _console.LiveProgress(screen)
    assert [*progress.track("abc", "reading", 3)] == ["a", "b", "c"]
    assert "reading" in screen.file.getvalue() and "3/3" in screen.file.getvalue()


def test_without_a_terminal_progress_is_printed_as_lines(capsys):
    with _console.show_progress() as progress:
        assert [*progress.track("abc", "reading", 3000)] == ["a", "b", "c"]
        progress.batch(batch(1))
        progress.epoch(EPOCH)
    assert capsys.readouterr().out == f"reading: 3,000\n{EPOCH_LINE}\n"
