"""Fits what a model's scores mean: the probability of a match, on labelled pairs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from textsim.artifacts.calibration import (
    NEAREST,
    Calibration,
    Curve,
    IsotonicCurve,
    LogOddsCurve,
    log_terms,
)
from textsim.extras import needed_for

FOLDS = 10
BINS = 15


@dataclasses.dataclass(frozen=True)
class CalibrationMetrics:
    """How well probabilities agree with labels; lower is better.

    Attributes:
        ece: expected calibration error: the mean difference, over 15 bins of equal width and weighted by their pairs,
            between the mean probability of a bin and the fraction of its pairs that match (Naeini et al., 2015).
        brier: the mean squared difference of probability and label (Brier, 1950).
        log_loss: the mean negative logarithm of the probability of the label, in nats.
    """

    ece: float
    brier: float
    log_loss: float


def calibration_metrics(labels: np.ndarray, probabilities: np.ndarray) -> CalibrationMetrics:
    """How well probabilities agree with labels.

    Args:
        labels: float (pairs,), positive at 0.5 and more.
        probabilities: float (pairs,) in [0, 1].
    """
    positive = np.asarray(labels) >= 0.5
    probabilities = np.asarray(probabilities, np.float64)
    return CalibrationMetrics(
        ece=float(np.sum(np.abs(reliability(labels, probabilities).gaps))),
        brier=float(np.mean((probabilities - positive) ** 2)),
        log_loss=float(np.mean(_log_losses(positive, probabilities))),
    )


@dataclasses.dataclass(frozen=True)
class Reliability:
    """Mean probability and fraction of matches by bins of the probability, those of no pair left out.

    Attributes:
        pairs: int (bins,).
        probability, fraction: float64 (bins,) in [0, 1].
    """

    pairs: np.ndarray
    probability: np.ndarray
    fraction: np.ndarray

    @property
    def gaps(self) -> np.ndarray:
        """What each bin adds to the calibration error, with its sign; float64 (bins,)."""
        return (self.probability - self.fraction) * self.pairs / self.pairs.sum()


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> Reliability:
    """Compares probabilities with labels by bins of equal width. Arguments as of `calibration_metrics`."""
    probabilities = np.asarray(probabilities, np.float64)
    places = np.minimum((probabilities * bins).astype(int), bins - 1)
    pairs = np.bincount(places, minlength=bins)
    filled = pairs > 0
    sums = (
        np.bincount(places, weights, bins)[filled] for weights in (probabilities, np.asarray(labels) >= 0.5)
    )
    probability, fraction = (values / pairs[filled] for values in sums)
    return Reliability(pairs[filled], probability, fraction)


class CrossFit(NamedTuple):
    """A fitted curve, and what to expect of it.

    Attributes:
        calibration: fitted on all pairs.
        probabilities: of each pair, by a curve of the same method that was fitted without it: float64 (pairs,) in
            (0, 1). What their metrics are holds for new pairs, unlike those of probabilities that had a say.
    """

    calibration: Calibration
    probabilities: np.ndarray


def cross_fit(labels: np.ndarray, scores: np.ndarray) -> CrossFit:
    """The curve from scores to probabilities that explains held-out labels best.

    Of the curves of `METHODS`, the simplest whose cross-validated log loss is within one standard error of the lowest,
    fitted on all pairs. The same pairs give the same curve.

    Args:
        labels: float (pairs,), positive at 0.5 and more. With labels of one class, the curve is level.
        scores: float (pairs,) in [0, 1].
    """
    positive, scores = np.asarray(labels) >= 0.5, np.asarray(scores, np.float64)
    held_out = {method: cross_fitted(fit, positive, scores) for method, fit in METHODS.items()}
    losses = {method: _log_losses(positive, found) for method, found in held_out.items()}
    lowest = min(losses.values(), key=np.mean)
    best = next(
        method
        for method, loss in losses.items()
        if np.mean(loss - lowest) <= np.std(loss - lowest) / np.sqrt(len(loss))
    )
    curve = METHODS[best](positive, scores)
    return CrossFit(Calibration(pairs=len(scores), curve=curve), held_out[best])


def fit_calibration(labels: np.ndarray, scores: np.ndarray) -> Calibration:
    """The calibration of `cross_fit` alone.

    Example:
        >>> fit_calibration(np.array([0, 0, 1, 1, 0, 1]), np.array([0.1, 0.2, 0.7, 0.9, 0.6, 0.4])).pairs
        6
    """
    return cross_fit(labels, scores).calibration


def cross_fitted(
    fit: Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]],
    positive: np.ndarray,
    values: np.ndarray,
) -> np.ndarray:
    """Probabilities, each by a curve that was fitted without its row: float64 (rows,).

    Args:
        fit: from bool (rows,) and the values of these rows to a curve, which takes values to probabilities.
        positive: bool (rows,).
        values: float (rows, ...).
    """
    if len(values) < 2:
        return fit(positive, values)(values)
    folds = _folds(positive)
    probabilities = np.empty(len(values))
    for fold in np.unique(folds):
        inside = folds == fold
        probabilities[inside] = fit(positive[~inside], values[~inside])(values[inside])
    return probabilities


def _folds(positive: np.ndarray) -> np.ndarray:
    """The number of each pair's fold, int (pairs,): both classes are spread evenly, in an order drawn at random."""
    order = np.random.default_rng(0).permutation(len(positive))
    order = order[np.argsort(positive[order], kind="stable")]
    folds = np.empty(len(positive), int)
    folds[order] = np.arange(len(positive)) % min(FOLDS, len(positive))
    return folds


def fit_log_odds(positive: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Weights of a logistic regression, none but the last negative: float64 (terms + 1,), the last for a constant.

    As Platt does, the labels are moved a little towards each other, as if one more pair of each class were known: no
    weight grows without bounds where the classes can be parted.

    Args:
        positive: bool (pairs,).
        terms: float64 (pairs, terms).
    """
    with needed_for("fitting a calibration"):
        from scipy.optimize import minimize
        from threadpoolctl import threadpool_limits

    matches = int(positive.sum())
    targets = np.where(positive, (matches + 1) / (matches + 2), 1 / (len(positive) - matches + 2))
    design = np.column_stack([terms, np.ones(len(terms))])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        log_odds = design @ weights
        slope = design.T @ (1 / (1 + np.exp(-np.clip(log_odds, -50, 50))) - targets)
        return float(np.mean(np.logaddexp(0, log_odds) - targets * log_odds)), slope / len(targets)

    start = np.append(np.ones(terms.shape[1]), 0.0)
    bounds = [(0, None)] * terms.shape[1] + [(None, None)]
    # For so few numbers threads of BLAS wait for each other twenty times as long as one takes.
    with threadpool_limits(1, user_api="blas"):
        found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-12})
    weights: np.ndarray = found.x
    return weights


def _fit_platt(positive: np.ndarray, scores: np.ndarray) -> Curve:
    weight, intercept = fit_log_odds(positive, log_terms(scores).sum(axis=1, keepdims=True)).tolist()
    return LogOddsCurve(method="platt", match=weight, no_match=weight, intercept=intercept)


def _fit_beta(positive: np.ndarray, scores: np.ndarray) -> Curve:
    match, no_match, intercept = fit_log_odds(positive, log_terms(scores)).tolist()
    return LogOddsCurve(method="beta", match=match, no_match=no_match, intercept=intercept)


def _fit_isotonic(positive: np.ndarray, scores: np.ndarray) -> Curve:
    """Centered isotonic regression. Each level is moved as if half a pair more of each class were known there."""
    with needed_for("fitting a calibration"):
        from sklearn.isotonic import isotonic_regression

    values, where = np.unique(scores, return_inverse=True)
    counts = np.bincount(where)
    fractions = np.bincount(where, positive) / counts
    _, level = np.unique(isotonic_regression(fractions, sample_weight=counts), return_inverse=True)
    pairs, matches, knots = (
        np.bincount(level, weights) for weights in (counts, fractions * counts, values * counts)
    )
    probabilities = np.maximum.accumulate((matches + 0.5) / (pairs + 1))
    return IsotonicCurve(
        method="isotonic",
        scores=tuple((knots / pairs).tolist()),
        probabilities=tuple(probabilities.tolist()),
    )


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], Curve]] = {
    "platt": _fit_platt,
    "beta": _fit_beta,
    "isotonic": _fit_isotonic,
}
"""Ways to fit a curve, each from bool (pairs,) and scores, float64 (pairs,); the simplest first."""


def _log_losses(positive: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The negative logarithm of the probability of each pair's label, float64 (pairs,)."""
    inside = np.clip(probabilities, NEAREST, 1 - NEAREST)
    losses: np.ndarray = -np.log(np.where(positive, inside, 1 - inside))
    return losses
