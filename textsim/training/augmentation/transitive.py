"""Pairs whose labels follow from those of others: augmentation by transitivity."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MAX_PARTNERS = 100
"""A sentence's partners of one label imply nothing where they are more: the pairs among them grow with their square."""


class ImpliedPairs(NamedTuple):
    """Pairs that are not in the data, whose labels follow from it. Each holds the smaller number left, each once.

    Attributes:
        left, right: numbers of their sentences, int64 (pairs,).
        labels: float32 (pairs,), 1 or 0.
    """

    left: np.ndarray
    right: np.ndarray
    labels: np.ndarray

    def at_most(self, count: int, seed: int) -> ImpliedPairs:
        """All of them, or a random sample of `count`."""
        if len(self.labels) <= count:
            return self
        chosen = np.sort(np.random.default_rng(seed).choice(len(self.labels), count, replace=False))
        return ImpliedPairs(*(values[chosen] for values in self))


def implied_pairs(left: np.ndarray, right: np.ndarray, labels: np.ndarray) -> ImpliedPairs:
    """What labelled pairs imply about others by way of one sentence in between.

    Two sentences that are both the same as a third are the same; one that is the same as a third and one that differs
    from it differ. Annotators are no logicians: pairs that both rules imply are left out, as are those of the data.

    Args:
        left, right: for each pair the numbers of its sentences, int (pairs,).
        labels: float (pairs,), 1 for a match, 0 for none. What lies between is not certain enough for others to follow
            from it.

    Returns:
        `ImpliedPairs`.
    """
    from scipy.sparse import coo_matrix, csr_matrix

    sentences, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    a, b = np.split(places, 2)
    size = len(sentences)

    def ones(matrix: csr_matrix) -> csr_matrix:
        matrix = csr_matrix(matrix)
        matrix.data[:] = 1
        return matrix

    def graph(chosen: np.ndarray) -> csr_matrix:
        """The pairs as a symmetric matrix of 0 and 1; no sentence is its own partner."""
        x, y = a[chosen & (a != b)], b[chosen & (a != b)]
        entries = np.ones(2 * len(x), np.int32)
        return ones(coo_matrix((entries, (np.r_[x, y], np.r_[y, x])), shape=(size, size)))

    def paths(first: csr_matrix, second: csr_matrix) -> csr_matrix:
        """The pairs, smaller number left, that a step in one graph and one in the other connect."""
        kept = [
            matrix.multiply(np.diff(matrix.indptr)[:, None] <= MAX_PARTNERS).tocsr()
            for matrix in (first, second)
        ]
        product = kept[0].T @ kept[1]
        found = coo_matrix(product + product.T)
        upper = found.row < found.col
        return ones(coo_matrix((found.data[upper], (found.row[upper], found.col[upper])), shape=(size, size)))

    same, different = graph(labels == 1), graph(labels == 0)
    implied = paths(same, same), paths(same, different)
    known = graph(np.ones(len(labels), bool))
    sides, values = [], []
    for label, (mine, other) in ((1.0, implied), (0.0, implied[::-1])):
        new = csr_matrix(mine - mine.multiply(ones(known + other)))
        new.eliminate_zeros()
        pairs = new.tocoo()
        sides.append(np.stack([sentences[pairs.row], sentences[pairs.col]]))
        values.append(np.full(pairs.nnz, label, "float32"))
    new_left, new_right = np.concatenate(sides, axis=1)
    return ImpliedPairs(new_left, new_right, np.concatenate(values))
