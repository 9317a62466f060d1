"""From a score to a probability, and to a decision: the few numbers that a model folder keeps of it."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from textsim.config.settings import Settings
from textsim.errors import ConfigError

CALIBRATION = "calibration.json"
"""In a model folder."""
NEAREST = 1e-6
"""How near to 0 and 1 a score or a probability is told apart from them."""


class LogOddsCurve(Settings):
    """A probability whose log-odds are linear in the logarithms of the score and of what it lacks to 1.

    With s the score, log(p / (1 - p)) = match * log(s) - no_match * log(1 - s) + intercept. As neither weight is
    negative, a higher score never has a lower probability. With two equal weights, the log-odds of the probability are
    linear in those of the score.

    References:
        Platt (1999), Probabilistic Outputs for Support Vector Machines ("platt": equal weights).
        Kull, Silva Filho & Flach (2017), Beta calibration ("beta").
    """

    method: Literal["platt", "beta"]
    match: float = Field(ge=0)
    no_match: float = Field(ge=0)
    intercept: float

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities of scores: float64 (n,) in (0, 1), of float (n,) in [0, 1]."""
        # Not by a product of matrices, whose last bits depend on how many rows it has.
        terms = log_terms(scores)
        return sigmoid(self.match * terms[..., 0] + self.no_match * terms[..., 1] + self.intercept)


class IsotonicCurve(Settings):
    """Probabilities at some scores; linear between them, level outside.

    References:
        Zadrozny & Elkan (2002), Transforming Classifier Scores into Accurate Multiclass Probability Estimates.
        Oron & Flournoy (2017), Centered Isotonic Regression: one knot at the middle of each level stretch.
    """

    method: Literal["isotonic"]
    scores: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(min_length=1)
    probabilities: tuple[Annotated[float, Field(gt=0, lt=1)], ...]

    @model_validator(mode="after")
    def _rises(self) -> IsotonicCurve:
        if len(self.scores) != len(self.probabilities):
            raise ValueError(
                f"expected as many probabilities as scores. Received {len(self.probabilities)} and {len(self.scores)}"
            )
        if np.any(np.diff(self.scores) <= 0) or np.any(np.diff(self.probabilities) < 0):
            raise ValueError("expected rising scores, and probabilities that do not fall")
        return self

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities of scores: float64 (n,) in (0, 1), of float (n,) in [0, 1]."""
        return np.interp(np.asarray(scores, np.float64), self.scores, self.probabilities)


Curve = Annotated[LogOddsCurve | IsotonicCurve, Field(discriminator="method")]


class SearchCurve(Settings):
    """The probability that the first hit of a search is right.

    Its log-odds are linear in those of the first hit's score, in its margin, the difference to the second hit's score,
    and in its cosine. Of the hits behind it, none of which is ahead of all others, the margin is 0. As no weight is
    negative, a higher score, a wider margin or a larger cosine never has a lower probability.

    Attributes:
        queries: how many it was fitted on.
        min_probability: probability from which on a hit is a match, in [0, 1]; below it is none.
    """

    score: float = Field(ge=0)
    margin: float = Field(ge=0)
    cosine: float = Field(ge=0)
    intercept: float
    min_probability: float = Field(default=0.5, ge=0, le=1)
    queries: int = Field(ge=1)

    def __call__(self, scores: np.ndarray, margins: np.ndarray, cosines: np.ndarray) -> np.ndarray:
        """Probabilities, float64 (n,) in (0, 1), of hits.

        Args:
            scores, margins: float (n,) in [0, 1].
            cosines: float (n,) in [-1, 1].
        """
        score, margin, cosine = search_terms(scores, margins, cosines).T
        return sigmoid(self.score * score + self.margin * margin + self.cosine * cosine + self.intercept)


class Calibration(Settings):
    """What a model's scores mean.

    A pair is a match where it scores at least the model's threshold, no match where it scores less than
    `no_match_below`, and unsure between the two.

    Attributes:
        pairs: how many labelled pairs it was fitted on; 0 where it was not, and the probability is the score.
        curve: from a score to the probability of a match.
        no_match_below: score below which a pair is no match, in [0, 1]; None for the model's threshold, so that
            nothing is unsure.
        search: what decides in a search, in place of all the above; None where it was not calibrated, and a hit is
            decided like a pair.
    """

    pairs: int = Field(default=0, ge=0)
    curve: Curve = LogOddsCurve(method="platt", match=1.0, no_match=1.0, intercept=0.0)
    no_match_below: float | None = Field(default=None, ge=0, le=1)
    search: SearchCurve | None = None

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """The probability that each of some pairs is a match: float64 (n,) in (0, 1), of scores (n,) in [0, 1].

        Example:
            >>> Calibration().probabilities(np.array([0.25, 0.5])).round(3).tolist()
            [0.25, 0.5]
        """
        return self.curve(np.asarray(scores, np.float64))


def check_cuts(threshold: float, calibration: Calibration, where: str) -> None:
    """Raises ConfigError, which begins with `where`, where a score would be both a match and no match."""
    below = calibration.no_match_below
    if below is not None and below > threshold:
        raise ConfigError(
            f"{where}: expected no_match_below at most the threshold, {threshold:g}. Received {below:g}."
        )


def log_terms(scores: np.ndarray) -> np.ndarray:
    """log(s) and -log(1 - s) of scores s, whose sum are the log-odds: float64 (n, 2), of float (n,) in [0, 1]."""
    inside = np.clip(np.asarray(scores, np.float64), NEAREST, 1 - NEAREST)
    return np.stack([np.log(inside), -np.log1p(-inside)], axis=-1)


def search_terms(scores: np.ndarray, margins: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """What a `SearchCurve` weighs: float64 (n, 3), of float (n,) each."""
    return np.column_stack([log_terms(scores).sum(axis=-1), margins, cosines]).astype(np.float64)


def sigmoid(log_odds: np.ndarray) -> np.ndarray:
    """The probabilities of log-odds, kept within `NEAREST` of 0 and 1."""
    return np.clip(1 / (1 + np.exp(-np.clip(log_odds, -50, 50))), NEAREST, 1 - NEAREST)
