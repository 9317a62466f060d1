"""What one search sees of an index: its vectors at one moment, as an exact list, a graph, or both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np

from textsim.errors import ArtifactError
from textsim.matching.index.graph import Graph
from textsim.matching.index.products import largest, products
from textsim.matching.index.store import Store
from textsim.matching.index.tables import Reading, Row, Vectors

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
        keys: of all other rows, int64 (n,), rising.
        encoded: their vectors, float32 (n, output_dim).
        scales: what brings those to length 1, float32 (n,).
        known: rows that were read since.
    """

    change: int
    texts: int
    record: GraphRecord | None
    graph: Graph | None
    removed: np.ndarray
    keys: np.ndarray
    encoded: np.ndarray
    scales: np.ndarray
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
        listed = np.isin(keys, self.keys, assume_unique=True)
        encoded = self.encoded[np.searchsorted(self.keys, keys[listed])]
        if listed.all():
            return Vectors(keys, encoded)
        # What a graph covers has lower keys than what is listed.
        with store.read() as reading:
            read = reading.vectors(keys[~listed].tolist())
        return Vectors(np.concatenate([read.keys, keys[listed]]), np.concatenate([read.encoded, encoded]))

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
        found = self._nearest_listed(directions, count, allowed)
        if self.graph is None or self.record is None:
            return found
        with store.read() as reading:
            for place, keys in enumerate(self._nearest_in_graph(directions, count, allowed)):
                vectors = reading.vectors(keys.tolist())
                if len(vectors.keys):
                    cosines = products(directions[place : place + 1], unit(vectors.encoded))[0]
                    found[place] = _merged(found[place], Candidates(vectors.keys, cosines), count)
        return found

    def _nearest_listed(
        self, directions: np.ndarray, count: int, allowed: np.ndarray | None
    ) -> list[Candidates]:
        cosines = products(directions, self.encoded) * self.scales
        if allowed is not None:
            cosines[:, ~np.isin(self.keys, allowed, assume_unique=True)] = -np.inf
        places = largest(cosines, count)
        cosines = np.take_along_axis(cosines, places, axis=1)
        found = []
        for row, values in zip(places, cosines, strict=True):
            inside = values > -np.inf
            found.append(_sorted(self.keys[row[inside]], values[inside]))
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
        before = previous.keys, previous.encoded
    else:
        graph = None
        if record is not None:
            assert folder is not None
            graph = open_graph(reading, folder, record)
        before = np.empty(0, np.int64), np.empty((0, output_dim), np.float32)
    keys = reading.keys_after(last_key)
    still = np.isin(before[0], keys, assume_unique=True)
    after = max(last_key, int(before[0][-1]) if len(before[0]) else 0)
    blocks = [before[1][still], *(block.encoded for block in reading.vectors_after(after))]
    encoded = np.concatenate(blocks)
    return Snapshot(
        change=reading.get("change"),
        texts=reading.get("texts"),
        record=record,
        graph=graph,
        removed=reading.removed(),
        keys=keys,
        encoded=encoded,
        scales=_scales(encoded),
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


def unit(encoded: np.ndarray) -> np.ndarray:
    """Vectors at length 1; at length 0 where a vector has none."""
    result: np.ndarray = encoded * _scales(encoded)[:, None]
    return result


def _scales(encoded: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(encoded, axis=1)
    scales: np.ndarray = np.where(lengths > 0, 1 / np.where(lengths > 0, lengths, 1), 0)
    return scales.astype(np.float32)


def _sorted(keys: np.ndarray, cosines: np.ndarray) -> Candidates:
    """The largest cosines first; in their stored order those that are equal but for rounding."""
    order = np.argsort(-cosines.round(6), kind="stable")
    return Candidates(keys[order], cosines[order])


def _merged(one: Candidates, other: Candidates, count: int) -> Candidates:
    keys, cosines = (np.concatenate(parts) for parts in zip(one, other, strict=True))
    order = np.argsort(keys)
    return Candidates(*(values[:count] for values in _sorted(keys[order], cosines[order])))
