"""Classify the texts of many requests: short ones together, long ones beside the event loop.

A text takes half a millisecond alone, and a tenth of that among sixteen others. So requests that
arrive at the same moment are read in one pass. None waits for others to come: a pass starts as soon
as the event loop has handed over what has arrived.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from sentiment.inference.classifier import Classifier
from sentiment.inference.predict import LabelRule, Prediction, predict

DIRECT = 10_000  # characters that are classified on the event loop, in about 5 ms
_CHUNK = 50_000  # characters that a thread classifies before other requests have their turn
_PER_TEXT = 20  # characters that read as long as what a text takes beside its characters

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Job:
    classifier: Classifier
    rule: LabelRule
    texts: Sequence[str]
    size: int
    answer: asyncio.Future[list[Prediction]]


class Scorer:
    """Classifies the texts of requests. Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: list[_Job] = []
        # One: more would take the interpreter from each other, and from the event loop.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="score")

    async def classify(
        self, classifier: Classifier, rule: LabelRule, texts: Sequence[str]
    ) -> list[Prediction]:
        """Return the prediction for each text. Raises what `predict` raises."""
        size = _size(texts)
        if size > DIRECT:
            predictions: list[Prediction] = []
            for chunk in _chunks(texts):
                predictions += await self.run(predict, classifier, rule, chunk)
            return predictions
        loop = asyncio.get_running_loop()
        job = _Job(classifier, rule, texts, size, loop.create_future())
        if not self._waiting:
            loop.call_soon(self._classify_waiting)
        self._waiting.append(job)
        return await job.answer

    async def run(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Return what `work` returns. It runs in the thread, and ends even if nobody waits."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _classify_waiting(self) -> None:
        """Classify waiting jobs up to a size that does not hold the event loop up."""
        size, count = 0, 0
        while count < len(self._waiting) and (size == 0 or size <= DIRECT):
            size += self._waiting[count].size
            count += 1
        jobs, self._waiting = self._waiting[:count], self._waiting[count:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._classify_waiting)
        groups: dict[tuple[int, LabelRule], list[_Job]] = {}
        for job in jobs:
            if not job.answer.done():  # the client has gone, or its time is over
                groups.setdefault((id(job.classifier), job.rule), []).append(job)
        for group in groups.values():
            _classify(group)


def _classify(jobs: list[_Job]) -> None:
    """Answer jobs of one classifier and one rule."""
    texts = [text for job in jobs for text in job.texts]
    try:
        predictions = predict(jobs[0].classifier, jobs[0].rule, texts)
    except Exception as error:
        for job in jobs:
            job.answer.set_exception(error)
        return
    start = 0
    for job in jobs:
        job.answer.set_result(predictions[start : start + len(job.texts)])
        start += len(job.texts)


def _size(texts: Sequence[str]) -> int:
    return sum(map(len, texts)) + _PER_TEXT * len(texts)


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the texts in parts of about `_CHUNK` characters."""
    start, size = 0, 0
    for end, text in enumerate(texts):
        size += len(text) + _PER_TEXT
        if size > _CHUNK:
            yield texts[start : end + 1]
            start, size = end + 1, 0
    if start < len(texts):
        yield texts[start:]
