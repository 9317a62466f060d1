"""Figures of a scorer: threshold choice, accuracy, ranking figures, and evaluation of a saved model on a file."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from textsim.errors import DataFormatError


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Figures of one model on one set of labelled pairs.

    A pair is positive where its label is at least 0.5, and judged positive where its score is at least the
    threshold. Precision, recall, F1 and the confusion counts are those at `threshold`. Figures that a set of
    one class cannot have (AUC, average precision, Spearman of constant labels or scores) are None.
    """

    pairs: int
    accuracy: float
    threshold: float
    accuracy_at_threshold: float
    precision: float
    recall: float
    f1: float
    auc: float | None
    average_precision: float | None
    spearman: float | None
    majority_accuracy: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def format(self) -> str:
        """The figures as lines of text."""

        def share(value: float | None) -> str:
            return "      -" if value is None else f"{value:7.4f}"

        gain = self.accuracy_at_threshold - self.majority_accuracy
        return "\n".join(
            [
                f"pairs                  {self.pairs:,} in {self.seconds:.1f} s",
                f"accuracy              {share(self.accuracy_at_threshold)}  at the model's threshold "
                f"{self.threshold:.3f}",
                f"accuracy at 0.5       {share(self.accuracy)}",
                f"majority class        {share(self.majority_accuracy)}  ({gain:+.4f} over it)",
                f"precision             {share(self.precision)}",
                f"recall                {share(self.recall)}",
                f"F1                    {share(self.f1)}",
                f"ROC AUC               {share(self.auc)}",
                f"average precision     {share(self.average_precision)}",
                f"Spearman              {share(self.spearman)}",
                f"confusion              same: {self.true_positives:,} found, {self.false_negatives:,} missed; "
                f"different: {self.true_negatives:,} told apart, {self.false_positives:,} taken for same",
            ]
        )


def evaluate_scores(
    labels: np.ndarray, scores: np.ndarray, threshold: float, seconds: float = 0.0
) -> Evaluation:
    """Figures of scores against labels.

    Args:
        labels: float (pairs,); 0 and 1, or graded, of which 0.5 and more count as positive.
        scores: float (pairs,) in [0, 1].
        threshold: the decision threshold, chosen on other data.
        seconds: how long the scoring took.
    """
    from scipy.stats import spearmanr
    from sklearn.metrics import average_precision_score, roc_auc_score

    labels, scores = np.asarray(labels, "float64"), np.asarray(scores, "float64")
    positive, judged = labels >= 0.5, scores >= threshold
    hits = int(np.sum(positive & judged))
    precision = hits / max(int(judged.sum()), 1)
    recall = hits / max(int(positive.sum()), 1)
    both = bool(positive.any() and not positive.all())
    varied = np.ptp(labels) > 0 and np.ptp(scores) > 0
    return Evaluation(
        pairs=len(labels),
        accuracy=float(np.mean(positive == (scores >= 0.5))),
        threshold=float(threshold),
        accuracy_at_threshold=float(np.mean(positive == judged)),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if hits else 0.0,
        auc=float(roc_auc_score(positive, scores)) if both else None,
        average_precision=float(average_precision_score(positive, scores)) if both else None,
        spearman=float(spearmanr(labels, scores).statistic) if varied else None,
        majority_accuracy=float(max(positive.mean(), 1 - positive.mean())),
        true_positives=hits,
        false_positives=int(np.sum(~positive & judged)),
        true_negatives=int(np.sum(~positive & ~judged)),
        false_negatives=int(np.sum(positive & ~judged)),
        seconds=seconds,
    )


def choose_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """The threshold in [0, 1] at which most pairs are judged rightly; of equal ones, the one nearest 0.5.

    Candidates lie midway between neighbouring distinct scores, and at the ends.

    Args:
        labels: float (pairs,), positive at 0.5 and more.
        scores: float (pairs,) in [0, 1].
    """
    positive = np.asarray(labels) >= 0.5
    values, where = np.unique(np.asarray(scores, "float64"), return_inverse=True)
    positives = np.bincount(where, weights=positive, minlength=len(values))
    negatives = np.bincount(where, weights=~positive, minlength=len(values))
    # Right with the cut below value k: the negatives under it and the positives from it on.
    right = (
        np.concatenate([[0], np.cumsum(negatives)])
        + positives.sum()
        - np.concatenate([[0], np.cumsum(positives)])
    )
    cuts = np.concatenate([[min(values[0], 0.5)], (values[:-1] + values[1:]) / 2, [1.0]])
    # The last cut judges everything different, which no threshold does to a score of exactly 1.
    if values[-1] >= 1.0:
        right, cuts = right[:-1], cuts[:-1]
    best = np.flatnonzero(right == right.max())
    return float(cuts[best[np.argmin(np.abs(cuts[best] - 0.5))]])


def triplet_figures(positive_scores: np.ndarray, negative_scores: np.ndarray) -> dict[str, Any]:
    """How triplets are ordered.

    Args:
        positive_scores: float (triplets,), scores of anchor and positive; negative_scores: of anchor and
            negative.

    Returns:
        `triplets`, the count; `ordered`, the share in which the positive scores strictly higher.
    """
    return {"triplets": len(positive_scores), "ordered": float(np.mean(positive_scores > negative_scores))}
