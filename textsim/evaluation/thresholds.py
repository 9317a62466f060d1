"""Choosing one threshold by labelled pairs."""

from __future__ import annotations

import numpy as np

from textsim.data.sources import Source, is_path, name_of
from textsim.errors import InputError


def choose_threshold(
    labels: np.ndarray, scores: np.ndarray, *, cost_false_match: float = 1, cost_missed_match: float = 1
) -> float:
    """The threshold in [0, 1] at which wrong decisions cost least; of equal ones, the one nearest 0.5.

    With equal costs it is the one at which most pairs are decided rightly. Candidates lie midway between neighbouring
    distinct scores, and at the ends.

    Args:
        labels: float (pairs,), positive at 0.5 and more.
        scores: float (pairs,) in [0, 1].
        cost_false_match: of a pair that is taken for a match and is none.
        cost_missed_match: of a match that is taken for none.
    """
    cuts, positives, negatives = _cuts(labels, scores)
    missed = np.concatenate([[0], np.cumsum(positives)])
    false = negatives.sum() - np.concatenate([[0], np.cumsum(negatives)])
    return _nearest_half(
        cuts, -(cost_false_match * false[: len(cuts)] + cost_missed_match * missed[: len(cuts)])
    )


def best_f1_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """The threshold in [0, 1] with the highest F1; of equal ones, the one nearest 0.5. Arguments as above."""
    cuts, positives, negatives = _cuts(labels, scores)
    hits = positives.sum() - np.concatenate([[0], np.cumsum(positives)])
    false = negatives.sum() - np.concatenate([[0], np.cumsum(negatives)])
    f1 = 2 * hits / np.maximum(hits + false + positives.sum(), 1)
    return _nearest_half(cuts, f1[: len(cuts)])


def _cuts(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidates, and how many positive and negative pairs have each distinct score.

    The candidate at place k lies below the distinct score of place k, the last above all.
    """
    positive = np.asarray(labels) >= 0.5
    values, where = np.unique(np.asarray(scores, "float64"), return_inverse=True)
    positives = np.bincount(where, weights=positive, minlength=len(values))
    negatives = np.bincount(where, weights=~positive, minlength=len(values))
    cuts = [min(values[0], 0.5), *((values[:-1] + values[1:]) / 2)]
    # A cut above all decides against all, which no threshold does to a score of exactly 1.
    if values[-1] < 1.0:
        cuts.append(0.5 if values[-1] < 0.5 else (values[-1] + 1) / 2)
    return np.array(cuts), positives, negatives


def _nearest_half(cuts: np.ndarray, values: np.ndarray) -> float:
    best = cuts[values == values.max()]
    return float(best[np.argmin(np.abs(best - 0.5))])


def check_both_kinds(labels: np.ndarray, source: Source) -> None:
    """Raises InputError where labels, float (pairs,), of a source give no threshold anything to part."""
    if len(np.unique(labels >= 0.5)) < 2:
        where = source if is_path(source) else name_of(source)
        raise InputError(
            f"{where}: a threshold parts pairs that mean the same from pairs that do not. Expected both, received "
            f"{len(labels):,} of one kind. Are the labels read as they are meant (label_threshold, label_max)?"
        )
