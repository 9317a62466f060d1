"""Triplets from labelled pairs."""

from __future__ import annotations

import numpy as np

from textsim.data.layout import Split
from textsim.errors import InputError


def triplets_of(pairs: Split, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triplets (anchor, positive, negative) of the sentences of labelled pairs.

    Each sentence is an anchor that has a partner labelled at least 0.5 and one labelled less, on either side of its
    pairs. Its i-th triplet has its i-th positive and its i-th negative, each list from its beginning again, so that
    every partner occurs: as many triplets as the longer list has partners.

    Args:
        pairs: with sentence indices and labels.
        name: of the split, for the message.

    Returns:
        Three int32 arrays of shape (triplets,).

    Raises:
        InputError: no sentence has partners of both kinds.
    """
    assert pairs.labels is not None
    left, right = (np.asarray(side) for side in pairs.sides)
    labels = np.tile(np.asarray(pairs.labels) >= 0.5, 2)
    anchors, partners = np.concatenate([left, right]), np.concatenate([right, left])
    positives, negatives = (
        _Partners(anchors[chosen], partners[chosen])
        for chosen in (labels & (anchors != partners), ~labels & (anchors != partners))
    )
    both = np.intersect1d(positives.anchors, negatives.anchors)
    n_positive, n_negative = positives.count(both), negatives.count(both)
    counts = np.maximum(n_positive, n_negative)
    anchor = np.repeat(both, counts)
    step = np.arange(len(anchor)) - np.repeat(np.cumsum(counts) - counts, counts)
    positive = positives.partner(anchor, step % np.repeat(n_positive, counts))
    negative = negatives.partner(anchor, step % np.repeat(n_negative, counts))
    good = positive != negative  # a pair that is labelled both ways
    if not good.any():
        raise InputError(
            f"{name}: the labels allow no triplets. Expected a text with two partners, one labelled the same and one "
            "labelled different. Received none."
        )
    return anchor[good], positive[good], negative[good]


class _Partners:
    """The partners of each anchor, in the order of the pairs."""

    def __init__(self, anchors: np.ndarray, partners: np.ndarray) -> None:
        order = np.argsort(anchors, kind="stable")
        self._partners = partners[order]
        self.anchors, self._first, self._counts = np.unique(
            anchors[order], return_index=True, return_counts=True
        )

    def count(self, anchors: np.ndarray) -> np.ndarray:
        counts: np.ndarray = self._counts[np.searchsorted(self.anchors, anchors)]
        return counts

    def partner(self, anchors: np.ndarray, step: np.ndarray) -> np.ndarray:
        partners: np.ndarray = self._partners[self._first[np.searchsorted(self.anchors, anchors)] + step]
        return partners.astype(np.int32)
