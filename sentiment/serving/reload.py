"""Take up a newer model while the service runs.

The supervisor looks the model up, in a process of its own, and writes the folder that it finds to a
file. Each worker reads that file every second, opens a model that is new to it beside the one it
serves, and changes over only if it is whole and answers.
"""

import asyncio
import json
import logging
import threading
from pathlib import Path
from typing import Any

from sentiment.errors import SentimentError
from sentiment.serving import logs
from sentiment.serving.model_lookup import find_folder
from sentiment.serving.served_model import ServedModel, manifest_digest, open_model
from sentiment.serving.service import Service
from sentiment.utils import files

_POLL_SECONDS = 1.0


class ModelWatch(threading.Thread):
    """Looks every `seconds` where `name` leads, and writes the answer to `choice`."""

    def __init__(self, name: str | None, choice: Path, seconds: float):
        super().__init__(name="model-watch", daemon=True)
        self._name = name
        self._choice = choice
        self._seconds = seconds
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Look until `stop` is called."""
        number = 0
        while not self._stop_event.wait(self._seconds):
            number += 1
            content: dict[str, Any] = {"number": number, "folder": None, "error": None}
            try:
                content["folder"] = str(find_folder(self._name, self._stop_event))
            except SentimentError as error:
                content["error"] = logs.message_of(error)
            if not self._stop_event.is_set():
                files.write_json(self._choice, content)

    def stop(self) -> None:
        """End the thread, and a look-up that is under way."""
        self._stop_event.set()


async def follow(service: Service, choice: Path) -> None:
    """Take up the model whose folder `choice` names, whenever it changes. Runs until cancelled."""
    seen = 0
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        try:
            content = json.loads(choice.read_bytes())
        except (OSError, ValueError):  # nothing was looked up yet
            continue
        if content["number"] == seen:
            continue
        seen = content["number"]
        if content["error"]:
            _report(service, "failed", content["error"])
        else:
            await _change(service, Path(content["folder"]))


async def _change(service: Service, folder: Path) -> None:
    """Serve the model in `folder`, unless it is served already or is not good."""
    if manifest_digest(folder) == service.model.digest:
        return
    try:
        model: ServedModel = await asyncio.to_thread(open_model, folder)
    except (SentimentError, OSError, MemoryError) as error:
        _report(service, "refused", logs.message_of(error))
        return
    before = service.model.name
    service.take_up(model)
    service.metrics.reloads.labels("taken").inc()
    logs.log_event("model taken up", model=model.name, digest=model.digest, before=before)


def _report(service: Service, result: str, error: str) -> None:
    service.metrics.reloads.labels(result).inc()
    event = "model refused" if result == "refused" else "look for a newer model failed"
    logs.log_event(event, level=logging.WARNING, still=service.model.name, error=error)
