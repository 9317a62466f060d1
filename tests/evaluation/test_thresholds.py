from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsim.evaluation.thresholds import best_f1_threshold, choose_threshold

SCORES = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.1, 0.3, 0.45, 0.5, 0.7, 0.9, 1.0])),
    min_size=1,
    max_size=12,
)


def right(labels: np.ndarray, scores: np.ndarray, threshold: float) -> int:
    return int(np.sum((labels >= 0.5) == (scores >= threshold)))


@given(SCORES)
@settings(max_examples=40)
def test_threshold_against_all_cuts(rows: list[tuple[float, float]]) -> None:
    labels, scores = np.array(rows).T
    chosen = choose_threshold(labels, scores)
    assert 0 <= chosen <= 1
    cuts = np.arange(0, 1001) / 1000
    counts = [right(labels, scores, cut) for cut in cuts]
    assert right(labels, scores, chosen) == max(counts)
    # No cut as good stands nearer to 0.5, but for those in the same gap between two scores.
    nearest = min(abs(cut - 0.5) for cut, count in zip(cuts, counts, strict=True) if count == max(counts))
    values = np.unique([0.0, *scores, 1.0])
    widest_gap = np.diff(values).max(initial=1.0)
    assert abs(chosen - 0.5) <= nearest + widest_gap


@pytest.mark.parametrize(
    ("labels", "scores", "threshold"),
    [
        ([0, 1], [0.2, 0.6], 0.4),
        ([0, 0, 1, 1], [0.1, 0.9, 0.95, 0.97], 0.925),
        ([1, 1], [0.7, 0.9], 0.5),
        ([1, 1], [0.2, 0.9], 0.2),
        ([0, 0], [0.1, 0.3], 0.5),
        ([0, 0], [0.1, 0.8], 0.9),
        ([0, 1], [0.5, 0.5], 0.5),
        ([0.4, 0.6], [0.2, 0.4], 0.3),
    ],
)
def test_chosen_thresholds(labels: list[float], scores: list[float], threshold: float) -> None:
    assert choose_threshold(np.array(labels), np.array(scores)) == pytest.approx(threshold)


def test_a_score_of_one_can_not_be_judged_different() -> None:
    labels, scores = np.zeros(3), np.array([1.0, 1.0, 0.2])
    chosen = choose_threshold(labels, scores)
    assert chosen <= 1 and right(labels, scores, chosen) == 1


@given(SCORES, st.sampled_from([0.5, 2.0, 7.0]))
@settings(max_examples=40)
def test_costs_and_f1_against_all_cuts(rows: list[tuple[float, float]], cost: float) -> None:
    labels, scores = np.array(rows).T

    def figures(cut: float) -> tuple[float, float]:
        match = scores >= cut
        false, missed = np.sum(match & (labels == 0)), np.sum(~match & (labels == 1))
        hits = np.sum(match & (labels == 1))
        return float(cost * false + missed), float(2 * hits / max(2 * hits + false + missed, 1))

    cuts = [figures(cut) for cut in np.arange(0, 1001) / 1000]
    chosen = figures(choose_threshold(labels, scores, cost_false_match=cost))
    assert chosen[0] == min(price for price, _ in cuts)
    assert figures(best_f1_threshold(labels, scores))[1] == pytest.approx(max(f1 for _, f1 in cuts))
