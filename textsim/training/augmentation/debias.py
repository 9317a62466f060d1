"""What the tokens that two sentences share tell about their label, so that training can be freed of it."""

from __future__ import annotations

import numpy as np

from textsim.modeling.batches import SentenceStore
from textsim.text.vocabulary import UNK_ID

_CHUNK = 8192


def shared_tokens(store: SentenceStore, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The distinct tokens that both sentences of each pair have, as a fraction of those that either has (Jaccard).

    Tokens that the vocabulary does not have are left out: two of them need not be the same.

    Args:
        store: the sentences.
        left, right: for each pair the numbers of its sentences, int (pairs,).

    Returns:
        float64 (pairs,) in [0, 1]; 0 where neither has any.
    """
    from scipy.sparse import csr_matrix, vstack

    used, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    sets = []
    for start in range(0, len(used), _CHUNK):
        part = store.padded(used[start : start + _CHUNK])
        sentence, position = np.nonzero(part > UNK_ID)
        ones = np.ones(len(sentence), "float32")
        size = 1 + int(part.max(initial=0))
        matrix = csr_matrix((ones, (sentence, part[sentence, position])), shape=(len(part), size))
        matrix.data[:] = 1  # a token that stands twice was counted twice
        sets.append(matrix)
    widest = max(matrix.shape[1] for matrix in sets)
    for matrix in sets:
        matrix.resize(matrix.shape[0], widest)
    tokens = vstack(sets, format="csr")
    counts = np.asarray(tokens.sum(axis=1)).ravel()
    shared = np.empty(len(left))
    a, b = np.split(places, 2)
    for start in range(0, len(left), _CHUNK):
        rows = slice(start, start + _CHUNK)
        both = np.asarray(tokens[a[rows]].multiply(tokens[b[rows]]).sum(axis=1)).ravel()
        shared[rows] = both / np.maximum(counts[a[rows]] + counts[b[rows]] - both, 1)
    return shared


def overlap_log_odds(shared: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How far shared tokens alone move the log-odds of a match: log(p / (1 - p)) - log(P / (1 - P)).

    p is what a logistic regression on the fraction, its square and its cube gives; P is the fraction of matches among
    all pairs, so that pairs whose shared tokens say nothing get 0.

    Args:
        shared: float (pairs,), see `shared_tokens`.
        labels: float (pairs,) in [0, 1], not all 0 and not all 1; graded labels count as so much of a match.
        weights: float (pairs,), how much each pair counts.

    Returns:
        float32 (pairs,).
    """
    from sklearn.linear_model import LogisticRegression

    powers = np.stack([shared, shared**2, shared**3], axis=1)
    # Each pair once as a match and once as none, in the fractions that its label gives.
    parts = np.concatenate([weights * labels, weights * (1 - labels)])
    outcomes = np.repeat([1, 0], len(labels))
    fitted = LogisticRegression(C=100.0).fit(np.tile(powers, (2, 1)), outcomes, sample_weight=parts)
    matches, others = parts[: len(labels)].sum(), parts[len(labels) :].sum()
    log_odds: np.ndarray = fitted.decision_function(powers) - np.log(matches / others)
    return log_odds.astype("float32")
