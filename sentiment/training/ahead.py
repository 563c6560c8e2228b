"""Make what a training learns from in a process of its own, while this one imports TensorFlow.

A thread would not do: most of that work holds Python's lock, which the training step needs too.

The process writes one file for each part and prints the part's name. It ends, and removes the files
that are left, when its standard input ends: when it is told to, or when this process is killed.
"""

import contextlib
import json
import math
import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np

from sentiment.config import ModelSettings, TrainSettings
from sentiment.data.examples import CountedExamples, Examples
from sentiment.data.prepared import PreparedDataset, open_dataset
from sentiment.data.split import TrainingSplit
from sentiment.training.regression import NgramRegression
from sentiment.utils.signals import INTERRUPTING

Value = TypeVar("Value")
_CLASSES = {c.__name__: c for c in (CountedExamples, Examples, NgramRegression, TrainingSplit)}
Part: TypeAlias = Any  # an array, an object of these classes, a number, or None
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

    def take(self, part: str) -> Part:
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


def _write(path: Path, value: Part) -> None:
    """Write a part: a line that describes it, and its arrays, which can then be mapped."""
    arrays: list[np.ndarray] = []
    form = _describe(value, arrays)
    kinds = [[array.dtype.str, array.shape] for array in arrays]
    with path.open("xb") as file:
        file.write(json.dumps([form, kinds]).encode() + b"\n")
        for array in arrays:
            file.write(bytes(-file.tell() % _ALIGNMENT))
            file.write(np.ascontiguousarray(array).data)


def _describe(value: Part, arrays: list[np.ndarray]) -> Any:
    """Return `value` for JSON, with places in `arrays` for its arrays, which are added there."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if type(value).__name__ in _CLASSES:
        own = {field.name: getattr(value, field.name) for field in fields(value)}
        return {type(value).__name__: {name: _describe(v, arrays) for name, v in own.items()}}
    return value


def _read(path: Path) -> Part:
    """Return what `_write` wrote, mapped into memory, and remove the file."""
    with path.open("rb") as file:
        form, kinds = json.loads(file.readline())
        whole, place = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), file.tell()
    path.unlink()
    arrays = []
    for dtype, shape in kinds:
        place += -place % _ALIGNMENT
        array = np.frombuffer(whole, dtype, math.prod(shape), place).reshape(shape)
        arrays.append(array)
        place += array.nbytes
    return _restore(form, arrays)


def _restore(form: Any, arrays: list[np.ndarray]) -> Part:
    """Return what `_describe` described."""
    if not isinstance(form, dict):
        return form
    [(name, content)] = form.items()
    if name == "array":
        return arrays[content]
    return _CLASSES[name](**{key: _restore(value, arrays) for key, value in content.items()})


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
