"""Make what a training learns from in a process of its own, while this one imports TensorFlow.

A thread would not do: most of that work holds Python's lock, which the training step needs too.

The process writes one file for each part and prints the part's name. It ends, and removes the files
that are left, when its standard input ends: when it is told to, or when this process is killed.
"""

import contextlib
import json
import mmap
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.prepared import PreparedDataset, open_dataset
from sentiment.utils.signals import INTERRUPTING

Value = TypeVar("Value")
_ALIGNMENT = 64  # bytes, of the arrays in a file


class ReadAhead:
    """The process that makes the parts, as seen from the training."""

    def __init__(
        self, data: PreparedDataset, model: ModelSettings, settings: TrainSettings, split_rule: int
    ):
        job = [str(data.folder), asdict(model), asdict(settings), split_rule]
        # -P: no module is imported from the working directory, where others may have put some.
        command = [sys.executable, "-P", "-m", "sentiment.training.ahead", json.dumps(job)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._lines = iter(self._process.stdout or ())
        self._folder = ""
        self._made: set[str] = set()

    def take(self, part: str) -> Any:
        """Return a part, once; wait for it if necessary.

        Raises LookupError if the process ended without it, whatever the reason: this one can make
        the part as well.
        """
        while part not in self._made:
            line = next(self._lines, None)
            if line is None:
                raise LookupError(part)
            if self._folder:
                self._made.add(line.strip())
            else:
                self._folder = line.strip()
        try:
            return _read(Path(self._folder) / part)
        except OSError as error:
            raise LookupError(part) from error

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):  # it may have ended already
            self._process.communicate()
        if self._folder:  # it may have been killed
            shutil.rmtree(self._folder, ignore_errors=True)


class made_ahead(cached_property[Value]):  # noqa: N801, a decorator like `cached_property`
    """A property that comes from the process ahead, if its owner has an attribute `ahead`."""

    def __init__(self, make: Callable[[Any], Value]):
        def take_or_make(owner: Any) -> Value:
            if owner.ahead is not None:
                with contextlib.suppress(LookupError):
                    value: Value = owner.ahead.take(make.__name__)
                    return value
            return make(owner)

        super().__init__(take_or_make)
        self.__doc__ = make.__doc__


def _write(path: Path, value: Any) -> None:
    """Write a dataclass of arrays; its arrays can then be mapped."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(head), *(buffer.raw() for buffer in buffers)]
    sizes = json.dumps([part.nbytes for part in parts]).encode()
    with path.open("xb") as file:
        file.write(sizes + b"\n")
        for part in parts:
            file.write(bytes(-file.tell() % _ALIGNMENT))
            file.write(part)


def _read(path: Path) -> Any:
    """Return what `_write` wrote, mapped into memory, and remove the file."""
    with path.open("rb") as file:
        sizes = json.loads(file.readline())
        starts, place = [], file.tell()
        for size in sizes:
            place += -place % _ALIGNMENT
            starts.append(place)
            place += size
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    path.unlink()
    head, *arrays = (whole[start : start + size] for start, size in zip(starts, sizes, strict=True))
    return pickle.loads(head, buffers=arrays)  # noqa: S301, our own process wrote it


def _end_with_input(folder: Path) -> None:
    """Wait for the end of the standard input; remove `folder` and end the process."""
    sys.stdin.read()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main() -> None:
    """Make the parts of the job in the first argument."""
    from sentiment.training.reviews import TrainingReviews

    for number in INTERRUPTING:  # the training decides when this process ends
        signal.signal(number, signal.SIG_IGN)
    dataset, model, settings, rule = json.loads(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="sentiment-"))
    waiting = threading.Thread(target=_end_with_input, args=[folder], daemon=True)
    waiting.start()
    try:
        print(folder, flush=True)
        data = open_dataset(Path(dataset))
        reviews = TrainingReviews(data, ModelSettings(**model), TrainSettings(**settings), rule)
        for owner, part in reviews.parts():
            _write(folder / part, getattr(owner, part))
            print(part, flush=True)
        os.close(sys.stdout.fileno())  # there is no other part to wait for
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    waiting.join()


if __name__ == "__main__":
    main()
