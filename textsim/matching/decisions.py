"""From scores to probabilities and decisions, as a model's calibration has it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from textsim.artifacts.saved_model import SavedModel

Verdict = Literal["match", "unsure", "no match"]

VERDICTS: tuple[Verdict, ...] = ("match", "unsure", "no match")


class Decision(NamedTuple):
    """What a model says of a pair.

    Attributes:
        decision: "match", "unsure" or "no match".
        probability: that the two mean the same, in [0, 1], calibrated on labelled pairs.
        score: in [0, 1].
    """

    decision: Verdict
    probability: float
    score: float


def decide(saved: SavedModel, scores: np.ndarray, indistinct: np.ndarray | None = None) -> list[Decision]:
    """The decision about each of some pairs.

    Args:
        saved: the model that scored them.
        scores: float (pairs,) in [0, 1].
        indistinct: bool (pairs,), pairs of different texts that are one to the model: nothing can be said of them, so
            they are unsure, and as probable as not.
    """
    # As wide as the threshold, as everywhere.
    scores = np.asarray(scores, np.float64)
    probabilities = saved.calibration.probabilities(scores)
    below = saved.calibration.no_match_below
    verdicts = np.full(len(scores), "unsure", object)
    verdicts[scores >= saved.threshold] = "match"
    verdicts[scores < (saved.threshold if below is None else below)] = "no match"
    if indistinct is not None:
        verdicts[indistinct] = "unsure"
        probabilities = np.where(indistinct, 0.5, probabilities)
    return list(map(Decision, verdicts.tolist(), probabilities.tolist(), scores.tolist()))
