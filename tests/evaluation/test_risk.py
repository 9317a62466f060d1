"""Risk control: what is promised holds, and what cannot be promised is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from textsim.artifacts.calibration import LogOddsCurve
from textsim.evaluation.risk import RankedPairs, certified, proportion_interval, supported

TRUTH = LogOddsCurve(method="platt", match=1.2, no_match=1.2, intercept=0.0)


def drawn(pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    scores = random.beta(0.6, 0.8, pairs)
    return random.random(pairs) < TRUTH(scores), scores


@pytest.fixture(scope="module")
def true_precision() -> tuple[np.ndarray, np.ndarray]:
    """Scores, rising, and the precision from each on, of a very large draw."""
    scores = np.sort(np.random.default_rng(999).beta(0.6, 0.8, 400_000))
    return scores, (np.cumsum(TRUTH(scores)[::-1]) / np.arange(1, len(scores) + 1))[::-1]


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0])), min_size=1, max_size=15)
)
def test_counts_above_thresholds(rows: list[tuple[bool, float]]) -> None:
    positive, scores = (np.array(column) for column in zip(*rows, strict=True))
    ranked = RankedPairs.of(positive, scores)
    assert (np.diff(ranked.thresholds) < 0).all()
    for threshold, selected, hits in zip(ranked.thresholds, ranked.selected, ranked.hits, strict=True):
        assert selected == np.sum(scores >= threshold)
        assert hits == np.sum(positive & (scores >= threshold))
    assert ranked.positives == positive.sum()


@pytest.mark.parametrize(("pairs", "precision"), [(100, 0.8), (300, 0.9), (1000, 0.9), (3000, 0.9)])
def test_the_promise_fails_as_seldom_as_stated(
    pairs: int, precision: float, true_precision: tuple[np.ndarray, np.ndarray]
) -> None:
    draws, failed, found = 200, 0, []
    for seed in range(draws):
        ranked = RankedPairs.of(*drawn(pairs, seed))
        places = certified(ranked, precision, 0.9)
        found.append(len(places) > 0)
        failed += any(np.interp(ranked.thresholds[places], *true_precision) < precision)
    # A tenth of the draws, and what chance may add to so few.
    assert failed / draws <= 0.1 + 3 * np.sqrt(0.09 / draws)
    assert np.mean(found) > {100: 0.3, 300: 0.4, 1000: 0.8, 3000: 0.95}[pairs]


def test_more_pairs_certify_lower_thresholds() -> None:
    recall = []
    for pairs in (300, 1000, 5000):
        ranked = [RankedPairs.of(*drawn(pairs, seed)) for seed in range(30)]
        reached = [certified(one, 0.85, 0.9) for one in ranked]
        recall.append(
            np.mean(
                [
                    one.recall[places[-1]] if len(places) else 0
                    for one, places in zip(ranked, reached, strict=True)
                ]
            )
        )
    assert recall == sorted(recall) and recall[-1] > 0.5


def test_each_certified_threshold_passes_the_exact_test() -> None:
    ranked = RankedPairs.of(*drawn(1500, 1))
    places = certified(ranked, 0.85, 0.9)
    assert len(places)
    for place in places[:: max(1, len(places) // 10)].tolist():
        hits, selected = int(ranked.hits[place]), int(ranked.selected[place])
        assert binomtest(hits, selected, 0.85, alternative="greater").pvalue <= 0.1


def test_it_finds_at_least_what_mapie_finds() -> None:
    risk_control = pytest.importorskip("mapie.risk_control", reason="mapie is not installed")
    ours, theirs = [], []
    for seed in range(10):
        positive, scores = drawn(1000, seed)

        def probabilities(rows: np.ndarray) -> np.ndarray:
            return np.column_stack([1 - rows[:, 0], rows[:, 0]])

        controller = risk_control.BinaryClassificationController(
            predict_function=probabilities, risk="precision", target_level=0.9, confidence_level=0.9
        )
        try:
            controller.calibrate(scores[:, None], positive.astype(int))
            best = controller.best_predict_param
        except Exception:
            best = None
        theirs.append(np.sum(positive & (scores >= best)) / positive.sum() if best is not None else 0.0)
        ranked = RankedPairs.of(positive, scores)
        places = certified(ranked, 0.9, 0.9)
        ours.append(float(ranked.recall[places[-1]]) if len(places) else 0.0)
    assert np.mean(ours) >= np.mean(theirs)


def test_what_is_supported_where_a_target_is_not_reached() -> None:
    positive, scores = drawn(300, 2)
    ranked = RankedPairs.of(positive, scores)
    assert not len(certified(ranked, 0.95, 0.9))
    found = supported(ranked, TRUTH(scores), 0.95, 0.9)
    assert 0.5 < found.precision < 0.95 and ranked.recall[found.place] >= 0.2
    assert len(certified(ranked, found.precision, 0.9))
    # About so many pairs do show it.
    assert found.pairs_needed is not None
    shown = [
        len(certified(RankedPairs.of(*drawn(found.pairs_needed, seed)), 0.95, 0.9)) > 0 for seed in range(20)
    ]
    assert np.mean(shown) > 0.5


def test_no_number_of_pairs_shows_what_is_not_so() -> None:
    random = np.random.default_rng(0)
    scores = random.random(500)
    positive = random.random(500) < 0.5
    found = supported(RankedPairs.of(positive, scores), np.full(500, 0.5), 0.9, 0.9)
    assert found.pairs_needed is None and found.refuted and found.precision < 0.7


@pytest.mark.parametrize("size", [1, 2, 10])
def test_a_few_right_pairs_do_not_show_that_no_number_would_do(size: int) -> None:
    positive = np.arange(2 * size) < size
    ranked = RankedPairs.of(positive, np.linspace(0.9, 0.1, 2 * size))
    assert not len(certified(ranked, 0.9, 0.9))
    found = supported(ranked, np.full(2 * size, 0.5), 0.9, 0.9)
    assert found.pairs_needed is None and not found.refuted


def test_what_is_so_is_hardly_ever_refuted() -> None:
    refuted = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        ranked = RankedPairs.of(random.random(300) < 0.7, random.random(300))
        refuted += (
            not len(certified(ranked, 0.7, 0.9)) and supported(ranked, np.full(300, 0.5), 0.7, 0.9).refuted
        )
    assert refuted <= 20


@given(st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=30)
def test_intervals_are_those_of_scipy(hits: int, others: int) -> None:
    low, high = proportion_interval(hits, hits + others)
    if hits + others == 0:
        assert (float(low), float(high)) == (0, 1)
        return
    reference = binomtest(hits, hits + others).proportion_ci(0.95, "exact")
    assert (float(low), float(high)) == pytest.approx((reference.low, reference.high))
