"""Scores of labelled pairs: all of them, and those on which a threshold and probabilities are fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textsim.evaluation.row_scores import RowScores


@dataclass(frozen=True, eq=False)
class LabelledPairs:
    """Scores of labelled pairs.

    Attributes:
        labels: float (pairs,), positive at 0.5 and more.
        scores: float (pairs,) in [0, 1].
        indistinct: bool (pairs,), whether they are different texts that are one to the model.
    """

    labels: np.ndarray
    scores: np.ndarray
    indistinct: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def distinct(self) -> LabelledPairs:
        """Those on which thresholds and probabilities are fitted: the others are unsure whatever their score."""
        kept = ~self.indistinct
        return LabelledPairs(self.labels[kept], self.scores[kept], self.indistinct[kept])


def as_pairs(labels: np.ndarray | None, columns: Sequence[RowScores]) -> LabelledPairs:
    """Rows as pairs: a triplet is a match and a pair that is none.

    Args:
        labels: of pairs, float (rows,); None of triplets.
        columns: one of pairs, two of triplets.
    """
    scores, indistinct = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return LabelledPairs(
        np.repeat([1.0, 0.0], len(columns[0].scores)) if labels is None else labels, scores, indistinct
    )
