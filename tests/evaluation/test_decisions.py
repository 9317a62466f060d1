"""Decisions fitted on labelled pairs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.test_risk import drawn
from textsim.errors import InputError
from textsim.evaluation.decisions import Targets, fit_decisions
from textsim.evaluation.thresholds import best_f1_threshold, choose_threshold

SIDE = ["target", "confidence", "reachable", "probability", "score", "precision", "precision_low", "recall"]


def test_both_precisions_with_the_unsure_between() -> None:
    positive, scores = drawn(2000, 0)
    fit = fit_decisions(positive, scores, Targets(match_precision=0.9, no_match_precision=0.9))
    assert fit.reachable and fit.no_match.score < fit.match.score
    match, no_match = scores >= fit.threshold, scores < fit.no_match.score
    assert fit.match.precision == pytest.approx(positive[match].mean()) and fit.match.precision > 0.9
    assert fit.no_match.precision == pytest.approx((~positive[no_match]).mean())
    assert fit.match.recall == pytest.approx(np.sum(positive & match) / positive.sum())
    assert fit.unsure == pytest.approx(1 - match.mean() - no_match.mean())
    assert fit.match.precision_low is not None and 0.9 < fit.match.precision_low < fit.match.precision
    assert fit.calibration.no_match_below == fit.no_match.score
    values = fit.to_dict()
    assert list(values) == ["pairs", "method", "ece", "brier", "log_loss", "match", "no_match", "unsure"]
    assert list(values["match"]) == list(values["no_match"]) == SIDE


def test_unsure_shrinks_as_pairs_grow() -> None:
    targets = Targets(match_precision=0.85, no_match_precision=0.85)
    unsure = []
    for pairs in (300, 1000, 5000):
        fits = [fit_decisions(*drawn(pairs, seed), targets) for seed in range(5)]
        unsure.append(np.mean([fit.unsure if fit.reachable else 1 for fit in fits]))
    assert unsure == sorted(unsure, reverse=True) and unsure[-1] < 0.5 * unsure[0]


def test_one_target_leaves_the_other_side_at_the_most_accurate() -> None:
    positive, scores = drawn(2000, 1)
    usual = choose_threshold(positive, scores)
    high = fit_decisions(positive, scores, Targets(match_precision=0.9))
    assert high.no_match.score == usual < high.threshold and high.no_match.target is None
    low = fit_decisions(positive, scores, Targets(no_match_precision=0.9))
    assert low.threshold == usual > low.no_match.score
    # What is reached by a lower cut than the most accurate leaves nothing unsure.
    easy = fit_decisions(positive, scores, Targets(match_precision=0.5))
    assert easy.unsure == 0 and easy.threshold < usual and easy.calibration.no_match_below is None


def test_sides_that_overlap_meet_in_one_threshold_that_holds_on_both() -> None:
    positive, scores = drawn(2000, 2)
    fit = fit_decisions(positive, scores, Targets(match_precision=0.6, no_match_precision=0.6))
    assert fit.reachable and fit.unsure < 0.01
    assert min(fit.match.precision or 0, fit.no_match.precision or 0) > 0.6


def test_costs_f1_and_accuracy_choose_one_threshold() -> None:
    positive, scores = drawn(500, 3)
    usual = fit_decisions(positive, scores)
    dear = fit_decisions(positive, scores, Targets(cost_false_match=9))
    f1 = fit_decisions(positive, scores, Targets(best_f1=True))
    assert usual.threshold == choose_threshold(positive, scores)
    assert dear.threshold == choose_threshold(positive, scores, cost_false_match=9) > usual.threshold
    assert f1.threshold == best_f1_threshold(positive, scores)
    for fit in (usual, dear, f1):
        assert fit.unsure == 0 and fit.match.target is None and fit.reachable


def test_what_is_out_of_reach_is_said_with_what_is_not() -> None:
    positive, scores = drawn(300, 0)
    fit = fit_decisions(positive, scores, Targets(match_precision=0.95, no_match_precision=0.6))
    assert not fit.match.reachable and fit.no_match.reachable
    (warning,) = fit.warnings
    assert warning.startswith("match: a precision of 0.95 cannot be shown. 0.")
    assert "is the most these 300 pairs support; about" in warning and "to show 0.95" in warning
    noise = np.random.default_rng(0).random(400)
    fit = fit_decisions(noise < 0.5, np.random.default_rng(1).random(400), Targets(no_match_precision=0.9))
    assert "more pairs would not help" in fit.warnings[0]
    few = fit_decisions(np.array([1, 1, 0, 0]), np.array([0.8, 0.7, 0.2, 0.1]), Targets(match_precision=0.9))
    assert few.warnings[-1].endswith("support; they are too few to tell whether more would show 0.9.")


@pytest.mark.parametrize("label", [0, 1])
def test_pairs_that_are_one_to_the_model_are_unsure_and_have_no_say(label: int) -> None:
    positive, scores = drawn(1000, 5)
    targets = Targets(match_precision=0.85, no_match_precision=0.85)
    plain = fit_decisions(positive, scores, targets)
    # As a model of words gives them that it does not know: at the very top, and not to be decided.
    alike = np.arange(1200) >= 1000
    labels = np.append(positive, np.full(200, label))
    fit = fit_decisions(labels, np.append(scores, np.ones(200)), targets, alike)
    assert plain.reachable and (fit.threshold, fit.calibration, fit.metrics) == (
        *(plain.threshold, plain.calibration, plain.metrics),
    )
    assert (fit.pairs, fit.matches, fit.indistinct) == (1200, positive.sum() + 200 * label, 200)
    assert fit.match.precision == plain.match.precision and fit.no_match.precision == plain.no_match.precision
    assert fit.unsure == pytest.approx((1000 * plain.unsure + 200) / 1200)
    # What is unsure is not found.
    found = [plain.match.recall * positive.sum(), plain.no_match.recall * (~positive).sum()]
    sought = [fit.matches, fit.pairs - fit.matches]
    assert [fit.match.recall, fit.no_match.recall] == pytest.approx(np.divide(found, sought))
    for row, before in zip(fit.table, plain.table, strict=True):
        assert (row.pairs, row.precision) == (before.pairs, before.precision)
        assert row.recall == pytest.approx(before.recall * positive.sum() / fit.matches)
        assert row.unsure == pytest.approx((1000 * before.unsure + 200) / 1200)


def test_what_is_supported_is_less_than_what_cannot_be_shown_as_printed_too() -> None:
    for seed in range(4):
        for target in (0.77, 0.93, 0.95):
            fit = fit_decisions(*drawn(400, seed), Targets(match_precision=target))
            for warning in [] if fit.reachable else fit.warnings:
                said = re.search(r"cannot be shown\. (0\.\d+) at recall (\d\.\d\d) is", warning)
                assert said is None or float(said[1]) < target


def test_few_pairs_are_said() -> None:
    positive, scores = drawn(60, 1)
    assert fit_decisions(positive, scores).warnings[0].startswith("60 pairs, ")
    rare = np.arange(400) < 12
    (few,) = fit_decisions(rare, np.linspace(1, 0, 400)).warnings
    assert few.startswith("400 pairs, 12 of the rarer kind, are few")
    assert fit_decisions(*drawn(300, 1)).warnings == []


def test_the_table_agrees_with_counts() -> None:
    positive, scores = drawn(800, 4)
    fit = fit_decisions(positive, scores, Targets(match_precision=0.8, no_match_precision=0.8))
    probabilities = fit.calibration.probabilities(scores)
    for row in fit.table:
        selected = probabilities >= row.probability
        assert row.pairs == selected.sum() == np.sum(scores >= row.score)
        assert row.precision == pytest.approx(positive[selected].mean())
        assert row.precision_interval[0] < row.precision <= row.precision_interval[1]
        assert row.unsure == pytest.approx(np.mean((scores >= fit.no_match.score) & (scores < row.score)))
    text = fit.format()
    assert f"match     from probability {fit.match.probability:.4f}" in text and "holds 0.8" in text


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.3, 0.5, 1.0])), max_size=20))
@settings(max_examples=12, deadline=None)
def test_any_pairs_give_cuts_in_order(rows: list[tuple[bool, float]]) -> None:
    both = [(True, 0.5), (False, 0.3), *rows]
    positive, scores = (np.array(column) for column in zip(*both, strict=True))
    for targets in (Targets(), Targets(match_precision=0.3, no_match_precision=0.3)):
        fit = fit_decisions(positive, scores, targets)
        assert 0 <= fit.no_match.score <= fit.threshold <= 1
        below = fit.calibration.no_match_below
        assert below is None or below == fit.no_match.score < fit.threshold
        fit.format()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"match_precision": 1.0}, r"match_precision: expected a fraction in \(0, 1\). Received 1.0"),
        ({"confidence": 0.0}, "confidence"),
        ({"cost_missed_match": -1.0}, "positive number"),
        ({"match_precision": 0.9, "best_f1": True}, "one kind of them"),
        ({"cost_false_match": 2.0, "no_match_precision": 0.9}, "one kind of them"),
    ],
)
def test_targets_that_cannot_be(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Targets(**values)
