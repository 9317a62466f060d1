"""What one search sees of an index: its vectors at one moment, as an exact list, a graph, or both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np

from textsim.errors import ArtifactError
from textsim.matching.index.graph import Graph
from textsim.matching.index.listed import Listed, unit
from textsim.matching.index.store import Store
from textsim.matching.index.tables import Reading, Row, Vectors
from textsim.onnx.products import products

# Of a graph's rows so many times as many are compared as are wanted: by shortened vectors their order is about right.
_MORE = 2

CANDIDATES = 32
"""Rows that a search looks at more closely, at least: those with the largest cosines."""

_MOST_KNOWN = 20_000
# Of so few rows that a filter leaves, every vector is compared; of more, the graph is asked first.
_FEW_ALLOWED = 4096


class GraphRecord(TypedDict):
    """What the database keeps of the graph: the file's name and bytes, and the last key that the graph covers."""

    name: str
    bytes: int
    last_key: int


class Candidates(NamedTuple):
    """The rows nearest to a query, the nearest first: `keys` int64 (n,), `cosines` float32 (n,)."""

    keys: np.ndarray
    cosines: np.ndarray


@dataclass(frozen=True)
class Snapshot:
    """An index's vectors at one moment.

    Attributes:
        change: the number of the transaction that made it so.
        texts: how many rows there are.
        record, graph: of the graph that covers the rows up to a key; None where there is none.
        removed: keys that the graph holds and the index does not any more, int64 (n,), rising.
        projection: the number of what vectors are projected with; 0 where they are not.
        listed: all other rows.
        known: rows that were read since.
    """

    change: int
    texts: int
    record: GraphRecord | None
    graph: Graph | None
    removed: np.ndarray
    projection: int
    listed: Listed
    known: dict[int, Row] = field(default_factory=dict)

    @staticmethod
    def take(store: Store, output_dim: int, previous: Snapshot | None = None) -> Snapshot:
        """The present state of a store; what `previous` has of it already is not read again."""
        for attempt in range(3):
            try:
                with store.read() as reading:
                    return _take(reading, store.folder, output_dim, previous)
            except ArtifactError:
                # A writer may have put another graph in place since the transaction began.
                if attempt == 2:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def rows(self, store: Store, keys: Iterable[int]) -> dict[int, Row]:
        """The rows of some keys, by key; without those that are not stored any more."""
        found = {key: self.known[key] for key in keys if key in self.known}
        missing = [key for key in keys if key not in found]
        if missing:
            with store.read() as reading:
                read = reading.rows(missing)
            if len(self.known) < _MOST_KNOWN:
                self.known.update(read)
            found.update(read)
        return found

    def vectors(self, store: Store, keys: np.ndarray) -> Vectors:
        """The vectors of some keys, int64 (n,), rising; without those that are not stored any more."""
        # What a graph covers has lower keys than what is listed.
        own = self.listed.keys
        first = int(np.searchsorted(keys, own[0])) if len(own) else len(keys)
        listed = self.listed.encoded[np.searchsorted(own, keys[first:])]
        if first == 0:
            return Vectors(keys, listed)
        with store.read() as reading:
            read = reading.vectors(keys[:first].tolist())
        # Of no vectors the database does not tell the width.
        encoded = read.encoded.reshape(-1, listed.shape[1])
        return Vectors(np.concatenate([read.keys, keys[first:]]), np.concatenate([encoded, listed]))

    def nearest(
        self, store: Store, directions: np.ndarray, count: int, allowed: np.ndarray | None = None
    ) -> list[Candidates]:
        """The stored rows of the largest cosines; of the graph's rows, about these.

        Args:
            store: that of the snapshot.
            directions: of the queries, at length 1: float32 (n, output_dim).
            count: rows to find for each; fewer where there are fewer.
            allowed: keys among which to look, int64 (n,), rising; None for all.
        """
        found = [_sorted(*pair) for pair in self.listed.nearest(directions, count, allowed)]
        if self.graph is None or self.record is None:
            return found
        with store.read() as reading:
            for place, keys in enumerate(self._nearest_in_graph(directions, _MORE * count, allowed)):
                vectors = reading.vectors(keys.tolist())
                if len(vectors.keys):
                    cosines = products(directions[place : place + 1], unit(vectors.encoded))[0]
                    found[place] = _merged(found[place], Candidates(vectors.keys, cosines), count)
        return found

    def _nearest_in_graph(
        self, directions: np.ndarray, count: int, allowed: np.ndarray | None
    ) -> list[np.ndarray]:
        """Keys of the graph, as many as `count` or a few more."""
        assert self.graph is not None and self.record is not None
        total = len(self.graph)
        if allowed is not None:
            allowed = allowed[: np.searchsorted(allowed, self.record["last_key"], side="right")]
            if len(allowed) <= max(count, _FEW_ALLOWED):
                return [allowed] * len(directions)
        left = total - len(self.removed) if allowed is None else len(allowed)
        # As many more as are taken away again on average, twice that to be safe.
        sought = count if left == total else min(total, 2 * count * total // max(1, left))
        results = []
        for place, keys in enumerate(self.graph.nearest(directions, sought)):
            more = sought
            while True:
                kept = keys[~np.isin(keys, self.removed)]
                kept = kept if allowed is None else kept[np.isin(kept, allowed)]
                if len(kept) >= min(count, left) or more >= total:
                    break
                more *= 4
                (keys,) = self.graph.nearest(directions[place : place + 1], more)
            results.append(kept[:count])
        return results


def _take(reading: Reading, folder: Path | None, output_dim: int, previous: Snapshot | None) -> Snapshot:
    record: GraphRecord | None = reading.get("graph")
    last_key = 0 if record is None else record["last_key"]
    if previous is not None and previous.record == record:
        graph = previous.graph
    elif record is not None:
        assert folder is not None
        graph = open_graph(reading, folder, record)
    else:
        graph = None
    number = reading.get("projection")
    if previous is not None and (previous.record, previous.projection) == (record, number):
        listed = previous.listed
    else:
        projection = reading.projection() if number else None
        # A projection to more than half of the numbers would cost what it saves.
        wide = projection is None or 2 * projection.shape[1] > output_dim
        listed = Listed.empty(output_dim, None if wide else projection)
    still = np.isin(listed.keys, reading.keys_after(last_key), assume_unique=True)
    after = max(last_key, int(listed.keys[-1]) if len(listed.keys) else 0)
    return Snapshot(
        change=reading.get("change"),
        texts=reading.get("texts"),
        record=record,
        graph=graph,
        removed=reading.removed(),
        projection=number,
        listed=listed.changed(still, list(reading.vectors_after(after))),
    )


def open_graph(reading: Reading, folder: Path, record: GraphRecord, *, writable: bool = False) -> Graph:
    """The graph of a record.

    Raises:
        ArtifactError: its file is missing, or is not as it was written.
    """
    path = folder / record["name"]
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ArtifactError(
            f"{path} is missing. The rows are all there: `textsim index compact` makes it anew."
        ) from error
    if size != record["bytes"]:
        raise ArtifactError(
            f"{path} holds {size} bytes. Expected {record['bytes']}: it was cut short or altered. The rows are all "
            "there: `textsim index compact` makes it anew."
        )
    return Graph(reading.projection(), path, writable=writable)


def _sorted(keys: np.ndarray, cosines: np.ndarray) -> Candidates:
    """The largest cosines first; in their stored order those that are equal but for rounding."""
    order = np.argsort(-cosines.round(6), kind="stable")
    return Candidates(keys[order], cosines[order])


def _merged(one: Candidates, other: Candidates, count: int) -> Candidates:
    keys, cosines = (np.concatenate(parts) for parts in zip(one, other, strict=True))
    order = np.argsort(keys)
    return Candidates(*(values[:count] for values in _sorted(keys[order], cosines[order])))
