"""What the endpoints of a worker share."""

from dataclasses import dataclass, field
from typing import cast

from fastapi import Request

from sentiment.serving.batching import Scorer
from sentiment.serving.metrics import Metrics
from sentiment.serving.served_model import ServedModel
from sentiment.serving.settings import ServiceSettings


@dataclass
class Service:
    """A worker's model, its counters and its settings.

    draining: it ends, and takes no new work from a load balancer.
    """

    settings: ServiceSettings
    model: ServedModel
    scorer: Scorer = field(default_factory=Scorer)
    metrics: Metrics = field(default_factory=Metrics)
    draining: bool = False

    def __post_init__(self) -> None:
        self._count_model(1)

    def take_up(self, model: ServedModel) -> None:
        """Answer the next requests with another model; those under way keep theirs."""
        self._count_model(0)
        self.model = model
        self._count_model(1)

    def _count_model(self, workers: int) -> None:
        self.metrics.model.labels(self.model.name, self.model.digest).set(workers)


def service_of(request: Request) -> Service:
    """Return the service that answers a request."""
    return cast(Service, request.app.state.service)
