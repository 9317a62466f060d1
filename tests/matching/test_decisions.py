from __future__ import annotations

import numpy as np
import pytest

from tests.tiny_models import MAX_LENGTH, saved_model
from textsim.artifacts.calibration import Calibration, LogOddsCurve
from textsim.artifacts.saved_model import SavedModel
from textsim.matching.decisions import VERDICTS, decide
from textsim.matching.text_matcher import TextMatcher
from textsim.matching.vector_matcher import VectorMatcher


def calibrated(recipe: str = "bilstm-attention") -> SavedModel:
    curve = LogOddsCurve(method="platt", match=0.5, no_match=0.5, intercept=-0.3)
    return saved_model(
        recipe, threshold=0.7, calibration=Calibration(pairs=9, curve=curve, no_match_below=0.4)
    )


def test_cuts_part_match_unsure_and_no_match() -> None:
    saved = calibrated()
    scores = np.array([0, 0.3999, 0.4, 0.55, 0.6999, 0.7, 1])
    found = decide(saved, scores)
    assert [decision.decision for decision in found] == ["no match"] * 2 + ["unsure"] * 3 + ["match"] * 2
    assert {decision.decision for decision in found} == set(VERDICTS)
    assert [decision.score for decision in found] == scores.tolist()


def test_without_a_second_cut_nothing_is_unsure() -> None:
    saved = saved_model("bilstm-attention", threshold=0.7)
    assert [decision.decision for decision in decide(saved, np.array([0.69, 0.7]))] == ["no match", "match"]


def test_probabilities_never_change_an_order() -> None:
    scores = np.linspace(0, 1, 101)
    probabilities = [decision.probability for decision in decide(calibrated(), scores)]
    assert np.all(np.diff(probabilities) >= 0) and 0 < probabilities[0] < probabilities[-1] < 1
    odds = np.log(0.6 / 0.4) * 0.5 - 0.3
    assert decide(calibrated(), np.array([0.6]))[0].probability == pytest.approx(1 / (1 + np.exp(-odds)))


def test_texts_that_are_one_to_the_model_are_unsure() -> None:
    matcher = TextMatcher(calibrated())
    long = "气" * MAX_LENGTH
    assert matcher.decide(long + "好", long + "坏") == ("unsure", 0.5, 1.0)
    assert matcher.decide("你好", "你好").decision == "match"
    assert matcher.decide("😀", "🎉").decision == "no match"
    assert matcher.probability("你好", "天气") == matcher.decide("天气", "你好").probability


def test_vectors_are_decided_likewise() -> None:
    matcher = VectorMatcher(calibrated("vector-l1"))
    left, right = np.random.default_rng(0).normal(size=(2, matcher.width))
    found = matcher.decide(left, right)
    assert found == decide(matcher.saved, np.array([matcher.score(left, right)]))[0]
    assert matcher.decide(left, left).decision == "match"
    assert matcher.probability(left, right) == found.probability
