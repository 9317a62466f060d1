"""What answers requests: a matcher, an index where there is one, and the batching of small requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from textsim.artifacts.pretrained import find_model
from textsim.artifacts.saved_model import CARD
from textsim.config.cores import available_cores
from textsim.errors import ConfigError
from textsim.matching.cache import VectorCache
from textsim.matching.decisions import Decision
from textsim.matching.explain import Explanation
from textsim.matching.index.entries import Entry
from textsim.matching.index.search import Hit
from textsim.matching.index.text_index import TextIndex, wanted_values
from textsim.matching.text_matcher import TextMatcher, TokenizedTexts
from textsim.serving.batching import Batcher
from textsim.serving.metrics import Metrics
from textsim.serving.settings import ServiceSettings, read_keys
from textsim.text.vocabulary import UNK_ID

CACHE_BYTES = 256 << 20
"""Memory for encoded texts that are asked for again."""

MOST_WAITING = 64
"""How many of the largest requests may wait for a free thread. Those that come on top would wait for too long."""

MOST_CHANGES = 1024
"""How many changes of the index may wait for the one before them."""


def check(settings: ServiceSettings) -> None:
    """Loads all that is served, once, so that what is wrong with it is one error before anything listens.

    Raises:
        ArtifactError: the model or the index is not whole, or they do not belong together.
        ConfigError: the file of keys cannot be read.
    """
    matcher = TextMatcher.load(settings.model, threads=1)
    if settings.index is not None:
        TextIndex.open(Path(settings.index), matcher).close()
    if settings.api_key_file:
        read_keys(settings.api_key_file)


class Query(NamedTuple):
    """A text to search for."""

    text: str
    k: int
    filter: Mapping[str, Any] | None


class Engine:
    """The computations of one process. Scores and vectors are those of the Python API, to the bit.

    Args:
        settings: what is served.
        metrics: told what was computed.

    Raises:
        ArtifactError: the model or the index is not whole, or they do not belong together.
    """

    def __init__(self, settings: ServiceSettings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.name = find_model(settings.model).name
        threads = settings.threads or available_cores()
        # A thread a batch: batches side by side use the cores better than threads inside one.
        self.matcher = TextMatcher.load(settings.model, threads=1)
        self.matcher.cache = VectorCache(CACHE_BYTES, self._observe_cache)
        self._index = self._open()
        limits = threads, settings.max_batch, MOST_WAITING * settings.max_batch
        self.score = Batcher(self._score, *limits, self._observe("score"))
        self.encode = Batcher(self._encode, *limits, self._observe("encode"))
        self.search = Batcher(self._search, *limits, self._observe("search"))
        # In a thread of its own: a change waits for minutes where another process writes as long.
        self._change: Batcher[Callable[[], Any], Any] = Batcher(
            lambda changes: [change() for change in changes], threads=1, max_items=1, max_waiting=MOST_CHANGES
        )
        self.metrics.documents.set(0 if self._index is None else len(self._index))

    def warm_up(self) -> None:
        """Runs each computation once, so that the first request finds all of it loaded."""
        self._score([("你好", "您好")])
        if self._index is not None:
            self._index.search("你好", 1)

    def close(self) -> None:
        """Ends what is running. A change that still waits for another process is given up."""
        for batcher in (self.score, self.encode, self.search):
            batcher.close()
        if self._index is not None:
            self._index.close()
        self._change.close()

    @property
    def index(self) -> TextIndex:
        """The index.

        Raises:
            ConfigError: none is served.
        """
        if self._index is None:
            raise ConfigError(
                "no index is served: start the service with index=..., a folder that `textsim index build` makes."
            )
        return self._index

    @property
    def documents(self) -> int | None:
        """Texts in the index; None where none is served."""
        return None if self._index is None else len(self._index)

    def explain(self, text_a: str, text_b: str) -> Explanation:
        """See `TextMatcher.explain`."""
        read = self.matcher.read([text_a, text_b], ("text_a", "text_b").__getitem__)
        found = self.matcher.explain(text_a, text_b)
        self._count(read)
        return found

    async def put(self, id: str, text: str, payload: Mapping[str, Any]) -> int:
        """Stores a text under an id in place of those it had. Returns the number of texts."""

        def put() -> int:
            read = self.matcher.read([text], lambda _: "text")
            self.index.add([Entry(text, id, payload)], replace=True)
            self._count(read)
            return self._counted()

        documents: int = (await self._change([put]))[0]
        return documents

    async def delete(self, id: str) -> int | None:
        """Removes an id. Returns the number of texts; None where it was not there."""

        def delete() -> int | None:
            removed = self.index.remove([id])
            documents = self._counted()
            return documents if removed else None

        documents: int | None = (await self._change([delete]))[0]
        return documents

    def reload(self) -> int:
        """Opens the index anew; requests that are running end with the old one. Returns the number of texts."""
        _ = self.index
        self._index = self._open()
        return self._counted()

    def page(self) -> bytes:
        """What `/metrics` shows."""
        # Other processes may have changed the index.
        self.metrics.documents.set(self.documents or 0)
        return self.metrics.page()

    def describe(self) -> dict[str, Any]:
        """The model's name, cuts and card, and the size of the index."""
        saved = self.matcher.saved
        below = saved.calibration.no_match_below
        return {
            "model": self.name,
            "threshold": saved.threshold,
            "no_match_below": saved.threshold if below is None else below,
            "width": self.matcher.output_dim,
            "max_length": self.matcher.max_length,
            "documents": self.documents,
            "card": (find_model(self.settings.model) / CARD).read_text(encoding="utf-8"),
        }

    def tokens_of(self, texts: Sequence[str]) -> int:
        """Tokens that the model reads of texts."""
        return sum(len(key) // 4 for key in self.matcher.read(texts).keys)

    def _open(self) -> TextIndex | None:
        return (
            None if self.settings.index is None else TextIndex.open(Path(self.settings.index), self.matcher)
        )

    def _counted(self) -> int:
        documents = len(self.index)
        self.metrics.documents.set(documents)
        return documents

    def _score(self, pairs: Sequence[tuple[str, str]]) -> list[Decision]:
        n = len(pairs)

        def where(place: int) -> str:
            return f"pairs[{place % n}], {'text_a' if place < n else 'text_b'}"

        read = self.matcher.read([*(a for a, _ in pairs), *(b for _, b in pairs)], where)
        result = self.matcher.compare(read[:n], read[n:], self.matcher.cache)
        decisions = self.matcher.decisions(result)
        for decision in decisions:
            self.metrics.decisions.labels(decision.decision).inc()
        self.metrics.indistinct.inc(int(result.indistinct.sum()))
        self._count(read)
        return decisions

    def _search(self, queries: Sequence[Query]) -> list[list[Hit]]:
        results: list[list[Hit]] = [[] for _ in queries]
        alike: dict[Any, list[int]] = {}
        for place, query in enumerate(queries):
            alike.setdefault((query.k, wanted_values(query.filter)), []).append(place)
        read = self.matcher.read([query.text for query in queries])
        for (k, _), places in alike.items():
            found = self.index.search_read(read.take(places), k, filter=queries[places[0]].filter)
            for place, hits in zip(places, found, strict=True):
                results[place] = hits
        # Where one of them raised, the others are searched for again.
        for hits in results:
            self.metrics.decisions.labels(hits[0].decision if hits else "no match").inc()
        self._count(read)
        return results

    def _encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        read = self.matcher.read(texts)
        encoded, rows = self.matcher.encode_keys(read.keys, self.matcher.cache)
        self._count(read)
        return list(encoded[rows])

    def _count(self, read: TokenizedTexts) -> None:
        """Tells the metrics of texts that were computed."""
        ids = np.frombuffer(b"".join(read.keys), np.int32)
        self.metrics.truncated.inc(int(read.truncated.sum()))
        self.metrics.tokens.inc(len(ids))
        self.metrics.unknown_tokens.inc(int((ids == UNK_ID).sum()))

    def _observe_cache(self, hits: int, misses: int) -> None:
        self.metrics.cache.labels("hit").inc(hits)
        self.metrics.cache.labels("miss").inc(misses)

    def _observe(self, kind: str) -> Any:
        return self.metrics.batch.labels(kind).observe
