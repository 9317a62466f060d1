"""Approximate nearest neighbours among many vectors: a graph in a file, which searches read in place."""

from __future__ import annotations

import mmap
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from textsim.errors import ArtifactError
from textsim.extras import needed_for
from textsim.io.atomic import atomic_file
from textsim.onnx.products import products

WIDTH = 256
"""Numbers of a vector in a graph. Vectors of more are projected to the directions in which they differ most."""

_CONNECTIVITY = 16
# How thoroughly neighbours are sought, for each vector that comes in and for each search.
_EXPANSIONS = 64, 448
_FAST_EXPANSIONS = 48, 32
_SAMPLE = 20_000


class Graph:
    """A hierarchical graph of vectors: a search follows links to nearer and nearer ones, and compares few.

    It holds a shortened vector of each key, in one byte a number, so what it finds are candidates: the whole
    vectors tell which of them are nearest.

    Args:
        projection: float32 (output_dim, width), see `principal_directions`.
        path: a file that `save` made, to be read in place; None for an empty graph.
        writable: whether to read the file into memory, so that vectors can be added and removed.
        thorough: False seeks neighbours in a third of the time, and misses more of those that are not very near.

    Raises:
        MissingDependencyError: usearch is not installed.
        ArtifactError: the file cannot be read.

    Reference:
        Malkov & Yashunin (2018), Efficient and Robust Approximate Nearest Neighbor Search Using Hierarchical Navigable
        Small World Graphs.
    """

    def __init__(
        self,
        projection: np.ndarray,
        path: Path | None = None,
        *,
        writable: bool = False,
        thorough: bool = True,
    ) -> None:
        with needed_for("an index of this size"):
            # First: loaded after usearch, it ends the process (both bring code of their own for the processor).
            import onnxruntime  # noqa: F401
            from usearch.index import Index
        self._basis = np.ascontiguousarray(projection.T)
        add, search = _EXPANSIONS if thorough else _FAST_EXPANSIONS
        self._index: Any = Index(
            ndim=projection.shape[1],
            metric="cos",
            dtype="i8",
            connectivity=_CONNECTIVITY,
            expansion_add=add,
            expansion_search=search,
        )
        # Behind the index, which reads it to its end.
        self._mapped: memoryview | None = None
        if path is not None:
            try:
                if writable:
                    self._index.load(path)
                else:
                    self._mapped = _in_place(path)
                    self._index.view(self._mapped)
            except (OSError, RuntimeError, ValueError) as error:
                raise ArtifactError(f"{path} is not a graph of vectors: {error}.") from error

    def __len__(self) -> int:
        return len(self._index)

    def add(self, keys: np.ndarray, directions: np.ndarray, threads: int) -> None:
        """Adds vectors of length 1, float32 (keys, output_dim)."""
        self._index.add(keys.astype(np.uint64), directions @ self._basis.T, threads=threads)

    def remove(self, keys: np.ndarray) -> None:
        """Removes vectors."""
        self._index.remove(keys.astype(np.uint64))

    def nearest(self, directions: np.ndarray, count: int) -> list[np.ndarray]:
        """The keys of about the `count` nearest vectors of each of some, float32 (n, output_dim): int64 each."""
        keys, cosines = self.search(directions, count)
        return [row[near > -np.inf] for row, near in zip(keys, cosines, strict=True)]

    def search(self, directions: np.ndarray, count: int, threads: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """About the `count` nearest vectors of each of some, float32 (n, output_dim).

        Returns:
            Pair (keys, cosines): int64 and float32 (n, count), the nearest first. The cosines are of the shortened
            vectors; where fewer vectors were found they are -inf at the end.
        """
        count = min(count, len(self))
        short = products(np.ascontiguousarray(directions), self._basis)
        found = self._index.search(short, count, threads=threads)
        # Of one query usearch gives what was found; of several as many columns, of which the last may hold nothing.
        one = len(directions) == 1
        counts = np.full(1, len(found.keys)) if one else np.asarray(found.counts)
        inside = np.arange(count) < counts[:, None]
        filled = slice(None) if one else inside
        keys = np.zeros(inside.shape, np.int64)
        cosines = np.full(inside.shape, -np.inf, np.float32)
        keys[inside], cosines[inside] = found.keys[filled], 1 - found.distances[filled]
        return keys, cosines

    def save(self, path: Path) -> None:
        """Writes the graph to a file, which appears whole."""
        with atomic_file(path, "wb") as file:
            self._index.save(os.fspath(file.name))


def _in_place(path: Path) -> memoryview:
    """The bytes of a file, mapped into memory.

    A search jumps from page to page, and the first to touch one waits for it: a thread touches all of them meanwhile.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    pages = np.frombuffer(mapped, np.uint8)[:: mmap.PAGESIZE]
    threading.Thread(target=pages.max, daemon=True).start()
    return memoryview(mapped)


def principal_directions(sample: np.ndarray, width: int | None = None) -> np.ndarray:
    """The directions in which vectors of length 1 differ most: float32 (output_dim, width).

    Narrower vectors keep all theirs.

    Args:
        sample: of the vectors, see `sampled`: float32 (n, output_dim).
        width: how many; `WIDTH` by default.

    Reference:
        Pearson (1901), On Lines and Planes of Closest Fit to Systems of Points in Space.
    """
    width = width or WIDTH
    if sample.shape[1] <= width:
        return np.eye(sample.shape[1], dtype=np.float32)
    # Cosines are kept where the origin is: nothing is subtracted.
    directions = np.linalg.eigh(sample.T @ sample)[1][:, ::-1]
    return np.ascontiguousarray(directions[:, :width])


def sampled(count: int) -> slice:
    """Which of so many vectors tell enough of the directions of all: every so many-th."""
    return slice(None, None, max(1, count // _SAMPLE))
