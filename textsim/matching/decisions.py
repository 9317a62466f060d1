"""From scores to probabilities and decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from textsim.artifacts.saved_model import SavedModel

Name = Literal["match", "unsure", "no match"]
NAMES: tuple[Name, ...] = ("no match", "unsure", "match")
"""The decisions, from that of low scores to that of high ones."""


@dataclass(frozen=True)
class Decision:
    """What a model decides of one pair.

    Attributes:
        decision: "match", "unsure" or "no match".
        probability: of a match, in (0, 1), for pairs like those that the model was calibrated on.
        score: in [0, 1].
    """

    decision: Name
    probability: float
    score: float


@dataclass(frozen=True)
class Decisions:
    """What a model decides of many pairs.

    Attributes:
        scores: float32 (pairs,) in [0, 1].
        probabilities: of a match, float64 (pairs,) in (0, 1).
        places: int (pairs,), each the place of a decision in `NAMES`.
    """

    scores: np.ndarray
    probabilities: np.ndarray
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, place: int) -> Decision:
        return Decision(
            NAMES[self.places[place]], float(self.probabilities[place]), float(self.scores[place])
        )

    @property
    def names(self) -> list[Name]:
        """The decision of each pair."""
        return [NAMES[place] for place in self.places.tolist()]

    @property
    def counts(self) -> dict[Name, int]:
        """How many pairs have each decision: match, unsure, no match."""
        counts = np.bincount(self.places, minlength=len(NAMES)).tolist()
        return dict(zip(reversed(NAMES), reversed(counts), strict=True))


def decide(saved: SavedModel, scores: np.ndarray, indistinct: np.ndarray | None = None) -> Decisions:
    """Decides by scores.

    A pair is a match where it scores at least the model's threshold, no match where it scores less than the
    calibration's `no_match_below` (by default the threshold), and unsure between the two.

    Args:
        saved: the model that gave the scores.
        scores: float32 (pairs,) in [0, 1].
        indistinct: bool (pairs,), which pairs are different texts that are one to the model: these are unsure,
            whatever they score.
    """
    # As wide as the threshold, as everywhere.
    wide = scores.astype(np.float64)
    below = saved.calibration.no_match_below
    no_match = wide < (saved.threshold if below is None else below)
    places = np.where(wide >= saved.threshold, 2, np.where(no_match, 0, 1))
    if indistinct is not None:
        places[indistinct] = 1
    return Decisions(scores, saved.calibration.probabilities(wide), places)


def decision_cells(decisions: Decisions) -> list[str]:
    """Score, probability and decision of each pair as cells of TSV, joined by tabs."""
    rows = zip(decisions.scores.tolist(), decisions.probabilities.tolist(), decisions.names, strict=True)
    return [f"{score:.6f}\t{probability:.6f}\t{name}" for score, probability, name in rows]
