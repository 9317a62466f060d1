"""What `/metrics` tells Prometheus."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)


class Metrics:
    """Counts of one process; with several workers, `page` adds them up (PROMETHEUS_MULTIPROC_DIR)."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "textsim_requests", "Requests answered.", ("path", "method", "status"), registry=registry
        )
        self.seconds = Histogram(
            "textsim_request_seconds", "Time of a request.", ("path",), buckets=_SECONDS, registry=registry
        )
        self.batch = Histogram(
            "textsim_batch_items", "Items computed together.", ("kind",), buckets=_SIZES, registry=registry
        )
        self.decisions = Counter(
            "textsim_decisions", "Decisions about pairs and first hits.", ("decision",), registry=registry
        )
        self.truncated = Counter(
            "textsim_truncated_texts", "Texts longer than the model reads.", registry=registry
        )
        self.indistinct = Counter(
            "textsim_indistinct_pairs",
            "Pairs of different texts that are one to the model.",
            registry=registry,
        )
        self.tokens = Counter("textsim_tokens", "Tokens read.", registry=registry)
        self.unknown_tokens = Counter(
            "textsim_unknown_tokens", "Tokens read that the model does not know.", registry=registry
        )
        self.cache = Counter(
            "textsim_cache",
            "Texts looked up among those that were encoded before.",
            ("outcome",),
            registry=registry,
        )
        self.documents = Gauge(
            "textsim_index_texts", "Texts in the index.", registry=registry, multiprocess_mode="mostrecent"
        )

    def page(self) -> bytes:
        """The page in Prometheus's text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)
