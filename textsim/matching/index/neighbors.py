"""The nearest neighbours of each of many vectors among the others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from textsim.config.cores import available_cores
from textsim.io.progress import progress_bar
from textsim.matching.index.graph import Graph, principal_directions, sampled
from textsim.matching.index.largest import largest
from textsim.matching.index.listed import unit
from textsim.matching.index.writer import MOST_LISTED
from textsim.onnx.products import products

_BLOCK = 4096
_BLOCK_COSINES = 1 << 22


class Neighbors(NamedTuple):
    """The nearest others of each vector.

    Attributes:
        places: of the neighbours, int32 (n, k); -1 where there are fewer.
        cosines: with them, float32 (n, k); -inf where there are fewer.
    """

    places: np.ndarray
    cosines: np.ndarray


def nearest_others(encoded: np.ndarray, k: int, *, progress: bool | None = False) -> Neighbors:
    """The `k` nearest others of each vector, by the cosine.

    All cosines of up to 10,000 vectors are computed; of more, a graph finds nearly all of the nearest, and the cosines
    are about right. Time grows a little faster than the vectors.

    Args:
        encoded: float32 or float16 (n, output_dim).
        k: how many.
        progress: whether to show progress on standard error; None: where that is a terminal.

    Raises:
        MissingDependencyError: there are more than 10,000, and usearch is not installed.
    """
    count = len(encoded)
    if count <= MOST_LISTED:
        return _compare_all(unit(encoded.astype(np.float32)), min(k, max(0, count - 1)))
    blocks = [slice(start, start + _BLOCK) for start in range(0, count, _BLOCK)]
    sample = unit(encoded[sampled(count)].astype(np.float32))
    # Those that matter are very near.
    graph = Graph(principal_directions(sample), thorough=False)
    places = np.empty((count, k), np.int32)
    cosines = np.empty((count, k), np.float32)
    with progress_bar(progress, "comparing", "texts", total=2 * count) as bar:
        for block in blocks:
            directions = unit(encoded[block].astype(np.float32))
            graph.add(np.arange(count)[block], directions, available_cores())
            bar.update(len(directions))
        for block in blocks:
            directions = unit(encoded[block].astype(np.float32))
            found = graph.search(directions, k + 1, available_cores())
            places[block], cosines[block] = _without_self(*found, np.arange(count)[block])
            bar.update(len(directions))
    return Neighbors(places, cosines)


def _compare_all(directions: np.ndarray, k: int) -> Neighbors:
    count = len(directions)
    step = max(1, _BLOCK_COSINES // max(1, count))

    def search(start: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.arange(start, min(start + step, count))
        cosines = products(directions[rows], directions)
        cosines[np.arange(len(rows)), rows] = -np.inf
        places = largest(cosines, k)
        near = np.take_along_axis(cosines, places, axis=1)
        order = np.argsort(-near, axis=1, kind="stable")
        places = np.take_along_axis(places, order, axis=1).astype(np.int32)
        return places, np.take_along_axis(near, order, axis=1)

    with ThreadPoolExecutor(available_cores()) as pool:
        parts = list(pool.map(search, range(0, count, step)))
    if not parts:
        return Neighbors(np.empty((0, k), np.int32), np.empty((0, k), np.float32))
    return Neighbors(*map(np.concatenate, zip(*parts, strict=True)))


def _without_self(keys: np.ndarray, cosines: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One column less: a vector itself, or where it was not found, the last."""
    near = np.where(keys == own[:, None], -np.inf, cosines)
    order = np.argsort(-near, axis=1, kind="stable")[:, :-1]
    near = np.take_along_axis(near, order, axis=1)
    return np.where(near > -np.inf, np.take_along_axis(keys, order, axis=1), -1), near
