"""Stored vectors of which every one is compared with a query, most by a part of their numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textsim.matching.index.largest import largest
from textsim.matching.index.tables import Vectors
from textsim.onnx.products import products

# What rounding may add to a bound.
_ROUNDING = 1e-4
# From so many queries at once on, and up to so many vectors, one product of all their numbers takes less time.
_TOGETHER, _COMPARED_WHOLE = 6, 10_000


@dataclass(frozen=True)
class Listed:
    """Vectors to be compared with a query.

    A projection to the directions in which vectors differ most keeps nearly all of a cosine. What it leaves out is at
    most the product of what it leaves out of the two lengths (Cauchy-Schwarz): a vector that even so cannot be among
    the nearest is not looked at again. The result is that of comparing all numbers, from a quarter of the memory.

    Attributes:
        keys: int64 (n,), rising.
        encoded: float32 (n, output_dim).
        scales: what brings those to length 1, float32 (n,).
        basis: orthonormal directions, float32 (width, output_dim); None compares all numbers.
        short: the vectors at length 1 by the basis, float32 (n, width).
        rest: the length of what that leaves out of each, float32 (n,).
    """

    keys: np.ndarray
    encoded: np.ndarray
    scales: np.ndarray
    basis: np.ndarray | None
    short: np.ndarray
    rest: np.ndarray

    @staticmethod
    def empty(output_dim: int, projection: np.ndarray | None) -> Listed:
        """No vectors yet. `projection` is float32 (output_dim, width)."""
        basis = None if projection is None else np.ascontiguousarray(projection.T)
        nothing = np.empty(0, np.float32)
        short = np.empty((0, 0 if basis is None else len(basis)), np.float32)
        return Listed(
            np.empty(0, np.int64), np.empty((0, output_dim), np.float32), nothing, basis, short, nothing
        )

    def changed(self, kept: np.ndarray, more: Sequence[Vectors]) -> Listed:
        """Some of the vectors, bool (n,), and further ones of higher keys."""
        keys, encoded = [self.keys[kept]], [self.encoded[kept]]
        scales, short, rest = [self.scales[kept]], [self.short[kept]], [self.rest[kept]]
        for vectors in more:
            keys.append(vectors.keys)
            encoded.append(vectors.encoded)
            scales.append(inverse_lengths(vectors.encoded))
            by_basis, left = self._shorten(vectors.encoded * scales[-1][:, None])
            short.append(by_basis)
            rest.append(left)
        parts = map(np.concatenate, (keys, encoded, scales, short, rest))
        new_keys, new_encoded, new_scales, new_short, new_rest = parts
        return Listed(new_keys, new_encoded, new_scales, self.basis, new_short, new_rest)

    def nearest(
        self, directions: np.ndarray, count: int, allowed: np.ndarray | None = None
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """The vectors of the largest cosines with each of some queries.

        Args:
            directions: the queries at length 1, float32 (queries, output_dim).
            count: how many to find for each.
            allowed: keys among which to look, int64, rising; None for all.

        Returns:
            For each query its pair (keys, cosines), rising by key; fewer than `count` where there are fewer.
        """
        inside = np.arange(len(self.keys))
        if allowed is not None:
            inside = np.flatnonzero(np.isin(self.keys, allowed, assume_unique=True))
        elif len(directions) >= _TOGETHER and len(self.keys) <= _COMPARED_WHOLE:
            cosines = products(np.ascontiguousarray(directions), self.encoded) * self.scales
            best = largest(cosines, count)
            return list(zip(self.keys[best], np.take_along_axis(cosines, best, axis=1), strict=True))
        if self.basis is None or len(inside) <= 2 * count:
            return [self._exactly(direction, inside, count) for direction in directions]
        queries, left = self._shorten(directions)
        results = []
        for direction, about, rest in zip(directions, products(queries, self.short), left, strict=True):
            about, slack = about[inside], rest * self.rest[inside] + _ROUNDING
            first = inside[largest(about[None], count)[0]]
            bar = self._cosines(direction, first).min()
            results.append(self._exactly(direction, inside[about + slack >= bar], count))
        return results

    def _shorten(self, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of length 1 by the basis, and the length of what that leaves out."""
        if self.basis is None:
            return np.empty((len(directions), 0), np.float32), np.empty(len(directions), np.float32)
        short = products(np.ascontiguousarray(directions), self.basis)
        left = (directions**2).sum(axis=1) - (short**2).sum(axis=1)
        return short, np.sqrt(np.maximum(left, 0))

    def _exactly(
        self, direction: np.ndarray, places: np.ndarray, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        cosines = self._cosines(direction, places)
        best = largest(cosines[None], count)[0]
        return self.keys[places[best]], cosines[best]

    def _cosines(self, direction: np.ndarray, places: np.ndarray) -> np.ndarray:
        encoded = self.encoded if len(places) == len(self.keys) else self.encoded[places]
        cosines: np.ndarray = products(direction[None], encoded)[0] * self.scales[places]
        return cosines


def inverse_lengths(encoded: np.ndarray) -> np.ndarray:
    """What brings vectors to length 1, float32 (n,); 0 where a vector has none."""
    lengths = np.linalg.norm(encoded, axis=1)
    scales: np.ndarray = np.where(lengths > 0, 1 / np.where(lengths > 0, lengths, 1), 0)
    return scales.astype(np.float32)


def unit(encoded: np.ndarray) -> np.ndarray:
    """Vectors at length 1; at length 0 where a vector has none."""
    result: np.ndarray = encoded * inverse_lengths(encoded)[:, None]
    return result
