"""The places of the largest numbers."""

from __future__ import annotations

import numpy as np


def largest(values: np.ndarray, count: int) -> np.ndarray:
    """The places of the `count` largest numbers of each row, in rising order; all where a row has fewer.

    Args:
        values: (n, m).

    Returns:
        int64 (n, min(count, m)).
    """
    width = values.shape[1]
    if count >= width:
        return np.broadcast_to(np.arange(width), values.shape)
    if count == 0:
        return np.empty((len(values), 0), np.int64)
    return np.sort(np.argpartition(values, width - count, axis=1)[:, width - count :], axis=1)
