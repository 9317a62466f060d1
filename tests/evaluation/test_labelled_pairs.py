from __future__ import annotations

import numpy as np

from textsim.evaluation.labelled_pairs import as_pairs
from textsim.evaluation.row_scores import RowScores


def column(scores: list[float], indistinct: list[bool]) -> RowScores:
    return RowScores(np.array(scores, np.float32), np.array(indistinct))


def test_pairs_that_are_one_to_the_model_are_left_out() -> None:
    pairs = as_pairs(np.array([1, 0, 0]), [column([0.75, 1, 0.25], [False, True, False])])
    assert len(pairs) == 3
    distinct = pairs.distinct()
    assert distinct.labels.tolist() == [1, 0] and distinct.scores.tolist() == [0.75, 0.25]
    assert not distinct.indistinct.any()
    assert not as_pairs(np.array([1]), [column([1], [True])]).distinct()


def test_a_triplet_is_a_match_and_a_pair_that_is_none() -> None:
    sides = [column([0.75, 0.5], [False, False]), column([1, 0.25], [True, False])]
    pairs = as_pairs(None, sides)
    assert pairs.labels.tolist() == [1, 1, 0, 0] and pairs.scores.tolist() == [0.75, 0.5, 1, 0.25]
    assert pairs.distinct().labels.tolist() == [1, 1, 0]


def test_scores_of_parts_are_joined_in_order() -> None:
    joined = RowScores.joined([column([0.5], [True]), column([0.25, 1], [False, True])])
    assert joined.scores.tolist() == [0.5, 0.25, 1] and joined.indistinct.tolist() == [True, False, True]
