"""What the tokens that two sentences share tell about their label, so that training can be freed of it."""

from __future__ import annotations

import numpy as np

from textsim.modeling.batches import SentenceStore

_CHUNK = 8192


def shared_tokens(store: SentenceStore, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The distinct tokens that both sentences of each pair have, as a share of those that either has (Jaccard).

    Args:
        store: the sentences.
        left, right: for each pair the numbers of its sentences, int (pairs,).

    Returns:
        float64 (pairs,) in [0, 1]; 0 where both are empty.
    """
    from scipy.sparse import csr_matrix, vstack

    used, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    parts = [store.padded(used[start : start + _CHUNK]) for start in range(0, len(used), _CHUNK)]
    size = 1 + max((int(part.max(initial=0)) for part in parts), default=0)
    sets = []
    for part in parts:
        sentence, position = np.nonzero(part)
        ones = np.ones(len(sentence), "float32")
        matrix = csr_matrix((ones, (sentence, part[sentence, position])), shape=(len(part), size))
        matrix.data[:] = 1  # a token that stands twice was counted twice
        sets.append(matrix)
    tokens = vstack(sets, format="csr")
    counts = np.asarray(tokens.sum(axis=1)).ravel()
    shared = np.empty(len(left))
    a, b = np.split(places, 2)
    for start in range(0, len(left), _CHUNK):
        rows = slice(start, start + _CHUNK)
        both = np.asarray(tokens[a[rows]].multiply(tokens[b[rows]]).sum(axis=1)).ravel()
        shared[rows] = both / np.maximum(counts[a[rows]] + counts[b[rows]] - both, 1)
    return shared


def overlap_log_odds(shared: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) for the probability p of a match that the shared tokens alone give.

    A logistic regression on the share, its square and its cube, fitted to these pairs.

    Args:
        shared: float (pairs,), see `shared_tokens`.
        labels: float (pairs,), positive at 0.5 and more; of both classes.

    Returns:
        float32 (pairs,).
    """
    from sklearn.linear_model import LogisticRegression

    powers = np.stack([shared, shared**2, shared**3], axis=1)
    fitted = LogisticRegression(C=100.0).fit(powers, labels >= 0.5)
    log_odds: np.ndarray = fitted.decision_function(powers)
    return log_odds.astype("float32")
