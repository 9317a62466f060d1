"""Standardization of vectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from textsim.io.npy import rows_at_once, slices


@dataclass(frozen=True)
class Scaler:
    """Brings each column to zero mean and unit spread: (x - mean) / scale.

    One scaler serves both sides, so that equal vectors stay equal.

    Attributes:
        mean, scale: float32 arrays of shape (k,). A column that does not vary has scale 1.
        constant: bool array of shape (k,), true where a column does not vary.
    """

    mean: np.ndarray
    scale: np.ndarray
    constant: np.ndarray

    @classmethod
    def fit(cls, sides: Iterable[np.ndarray]) -> Scaler:
        """Fits on the rows of all `sides`, arrays of shape (n, k), which may be memory maps."""
        sides = list(sides)
        n = sum(map(len, sides))
        blocks = [(side, part) for side in sides for part in slices(len(side), rows_at_once(side.shape[1]))]
        mean = sum(side[part].sum(axis=0, dtype=np.float64) for side, part in blocks) / n
        variance = sum(((side[part] - mean) ** 2).sum(axis=0) for side, part in blocks) / n
        scale = np.sqrt(variance)
        # Rounding alone gives a constant column a spread of about this fraction of its values.
        constant = scale <= 1e-7 * np.abs(mean)
        scale[constant] = 1.0
        return cls(mean.astype(np.float32), scale.astype(np.float32), constant)

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Standardized `vectors`, float32 of the same shape (n, k)."""
        return ((vectors - self.mean) / self.scale).astype(np.float32, copy=False)
