"""What the server counts, for Prometheus."""

from __future__ import annotations

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client import Counter
from prometheus_client import Gauge
from prometheus_client import Histogram

_SECONDS = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters of one server; no label ever holds what a client wrote."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        # Its memory, its time on the processors and its open files.
        prometheus_client.ProcessCollector(registry=registry)
        self.requests = Counter(
            "affect_requests_total",
            "Requests answered.",
            ["endpoint", "code"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "affect_request_seconds",
            "From the headers of a request to its answer, which is then sent.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.pictures = Counter(
            "affect_pictures_total",
            "Pictures by what became of them.",
            ["result"],
            registry=registry,
        )
        self.batch_size = Histogram(
            "affect_batch_size",
            "Pictures in one call of the model.",
            buckets=_SIZES,
            registry=registry,
        )
        self.model_seconds = Histogram(
            "affect_model_seconds",
            "One call of the model.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.queue_seconds = Histogram(
            "affect_queue_seconds",
            "How long a picture waited for its call.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.queued = Gauge(
            "affect_queued_pictures", "Pictures that wait.", registry=registry
        )
        self.version = Gauge(
            "affect_model_version",
            "Version that answers; 0 before the first is ready.",
            registry=registry,
        )
        self.loads = Counter(
            "affect_model_loads_total",
            "Versions loaded, or given up.",
            ["result"],
            registry=registry,
        )

    def text(self) -> tuple[bytes, str]:
        """Returns the page for Prometheus, and its content type."""
        page = prometheus_client.generate_latest(self._registry)
        return page, prometheus_client.CONTENT_TYPE_LATEST
