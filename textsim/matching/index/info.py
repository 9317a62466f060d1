"""What an index holds, how it searches, and how much of the nearest its graph finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from textsim.matching.index.largest import largest
from textsim.matching.index.listed import unit
from textsim.matching.index.snapshot import CANDIDATES, Snapshot
from textsim.matching.index.store import Store
from textsim.onnx.products import products


@dataclass(frozen=True)
class IndexInfo:
    """What is known about an index.

    Attributes:
        model: the bundled model's name, or the folder that it was loaded from; None where it was not loaded.
        texts: stored texts.
        ids: their different ids.
        columns: of their payloads.
        width: numbers of a vector.
        search: "exact" where all cosines are computed; "graph" where candidates come from a graph.
        in_graph: texts that the graph covers; the others' cosines are all computed.
        removed: texts in the graph that were removed since; `compact` takes them out.
        bytes: of the index's files; None in memory.
    """

    model: str | None
    texts: int
    ids: int
    columns: tuple[str, ...]
    width: int
    search: Literal["exact", "graph"]
    in_graph: int
    removed: int
    bytes: int | None


def describe(model: str | None, store: Store, snapshot: Snapshot) -> IndexInfo:
    """What is known about the index of a snapshot."""
    with store.read() as reading:
        ids, columns = reading.count_ids(), reading.get("columns")
    size = None
    if store.folder is not None:
        size = sum(path.stat().st_size for path in store.folder.iterdir())
    return IndexInfo(
        model=model,
        texts=snapshot.texts,
        ids=ids,
        columns=tuple(columns),
        width=snapshot.listed.encoded.shape[1],
        search="exact" if snapshot.graph is None else "graph",
        in_graph=snapshot.texts - len(snapshot.listed.keys),
        removed=len(snapshot.removed),
        bytes=size,
    )


def measure_recall(store: Store, snapshot: Snapshot, queries: int, k: int) -> float:
    """The fraction of the `k` other stored texts nearest to a text that a search for its vector finds, in [0, 1].

    Args:
        store, snapshot: of the index.
        queries: how many stored texts to search for, evenly drawn; all cosines with all others are computed.
        k: how many neighbours count.
    """
    if snapshot.graph is None or snapshot.texts < 2:
        return 1.0
    with store.read() as reading:
        keys = reading.keys_after(0)
        asked = reading.vectors(
            keys[np.linspace(0, len(keys) - 1, min(queries, len(keys)), dtype=int)].tolist()
        )
        directions = unit(asked.encoded)
        # One more: the text itself.
        best = np.full((len(directions), k + 1), -np.inf, np.float32)
        for block in reading.vectors_after(0):
            cosines = np.concatenate([best, products(directions, unit(block.encoded))], axis=1)
            best = np.take_along_axis(cosines, largest(cosines, k + 1), axis=1)
    # By cosines, as equal texts have equal ones.
    bars = np.sort(best, axis=1)[:, 0] - 1e-6
    found = snapshot.nearest(store, directions, max(k + 1, CANDIDATES))
    counts = [(candidates.cosines >= bar).sum() - 1 for candidates, bar in zip(found, bars, strict=True)]
    return float(np.clip(counts, 0, k).mean() / min(k, snapshot.texts - 1))
