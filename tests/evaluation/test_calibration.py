from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsim.artifacts.calibration import LogOddsCurve, log_terms
from textsim.evaluation.calibration import (
    METHODS,
    calibration_metrics,
    cross_fit,
    fit_calibration,
    fit_log_odds,
    reliability,
)

ROWS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.4, 0.5, 1.0]), st.sampled_from([0.0, 0.1, 0.3, 0.45, 0.5, 0.7, 0.9, 1.0])
    ),
    min_size=1,
    max_size=30,
)


def drawn(curve: LogOddsCurve, pairs: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of pairs whose probability is that of a curve."""
    random = np.random.default_rng(seed)
    scores = random.beta(0.6, 0.8, pairs).astype(np.float32)
    return (random.random(pairs) < curve(scores)).astype(np.float32), scores


@given(ROWS)
@settings(max_examples=15, deadline=None)
def test_any_labels_give_a_curve_that_does_not_fall(rows: list[tuple[float, float]]) -> None:
    labels, scores = np.array(rows).T
    calibration = fit_calibration(labels, scores)
    assert calibration.pairs == len(rows)
    for fit in METHODS.values():
        curve = fit(labels >= 0.5, scores)
        probabilities = curve(np.linspace(0, 1, 50))
        assert (np.diff(probabilities) >= 0).all()
        assert ((probabilities > 0) & (probabilities < 1)).all()


@pytest.mark.parametrize(("match", "no_match", "intercept"), [(1.5, 1.5, 0.5), (0.5, 1.6, -1.0)])
def test_the_curve_that_labels_were_drawn_by_is_found(
    match: float, no_match: float, intercept: float
) -> None:
    method = "platt" if match == no_match else "beta"
    truth = LogOddsCurve(method=method, match=match, no_match=no_match, intercept=intercept)
    calibration = fit_calibration(*drawn(truth, 20_000))
    assert calibration.curve.method == method
    scores = np.linspace(0.01, 0.99, 99)
    assert calibration.probabilities(scores) == pytest.approx(truth(scores), abs=0.02)


def test_a_step_is_found_by_knots() -> None:
    random = np.random.default_rng(0)
    scores = random.random(4000)
    labels = random.random(4000) < np.where(scores < 0.5, 0.3, 0.6)
    calibration = fit_calibration(labels, scores)
    assert calibration.curve.method == "isotonic"
    assert calibration.probabilities(np.array([0.25, 0.75])) == pytest.approx([0.3, 0.6], abs=0.05)


def test_weights_are_those_of_a_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    labels, scores = drawn(LogOddsCurve(method="beta", match=0.8, no_match=1.4, intercept=0.2), 3000)
    terms = log_terms(scores)
    reference = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(terms, labels)
    expected = [*reference.coef_[0], reference.intercept_[0]]
    # The labels here are moved by one pair in some 1,500.
    assert fit_log_odds(labels >= 0.5, terms) == pytest.approx(expected, abs=0.02)


@given(ROWS)
@settings(max_examples=40)
def test_isotonic_levels_against_a_slow_reference(rows: list[tuple[float, float]]) -> None:
    labels, scores = np.array(rows).T
    # The least squares fit that does not fall: of each value the largest of the smallest means around it.
    values = np.unique(scores)
    positive = labels >= 0.5
    levels = [
        max(
            min(np.mean(positive[(scores >= low) & (scores <= high)]) for high in values if high >= value)
            for low in values
            if low <= value
        )
        for value in values
    ]
    curve = METHODS["isotonic"](positive, scores)
    assert len(curve.scores) == len(np.unique(np.round(levels, 9)))  # type: ignore[union-attr]


def test_metrics_by_hand() -> None:
    labels, probabilities = np.array([1, 0, 1, 1]), np.array([0.9, 0.1, 0.95, 0.2])
    metrics = calibration_metrics(labels, probabilities)
    # Bins of 1/15: 0.1 is alone, so is 0.2; 0.9 lies in the 14th and 0.95 in the last.
    assert metrics.ece == pytest.approx((0.1 + 0.1 + 0.05 + 0.8) / 4)
    assert metrics.brier == pytest.approx((0.01 + 0.01 + 0.0025 + 0.64) / 4)
    assert metrics.log_loss == pytest.approx(-np.log([0.9, 0.9, 0.95, 0.2]).mean())
    bins = reliability(labels, probabilities)
    assert bins.pairs.tolist() == [1, 1, 1, 1] and bins.fraction.tolist() == [0, 1, 1, 1]


def test_the_ends_fall_into_the_outer_bins_and_cost_no_endless_loss() -> None:
    metrics = calibration_metrics(np.array([0, 1, 1]), np.array([1.0, 0.0, 1.0]))
    assert metrics.ece == pytest.approx((0.5 * 2 + 1) / 3)
    assert np.isfinite(metrics.log_loss)


def test_no_pair_has_a_say_in_its_own_probability() -> None:
    noise = np.random.default_rng(0)
    labels, scores = (noise.random(400) < 0.5).astype(float), noise.random(400)
    # Where scores tell nothing, held-out probabilities cannot do better than the even odds.
    assert calibration_metrics(labels, cross_fit(labels, scores).probabilities).log_loss > np.log(2) - 0.005


def test_the_same_pairs_give_the_same_curve() -> None:
    labels, scores = drawn(LogOddsCurve(method="beta", match=1, no_match=2, intercept=0), 300)
    assert fit_calibration(labels, scores) == fit_calibration(labels, scores)
