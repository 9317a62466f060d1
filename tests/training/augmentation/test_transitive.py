from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsim.training.augmentation import transitive
from textsim.training.augmentation.transitive import implied_pairs

# From a label between 0 and 1 nothing follows.
LABELS = st.sampled_from([0.0, 1.0, 0.0, 1.0, 0.4, 0.9])
ROWS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), LABELS), max_size=25)


def spelled_out(rows: list[tuple[int, int, float]], most: int) -> dict[tuple[int, int], float]:
    """The implied pairs, found by looking at every pair and every sentence in between."""
    partners: dict[float, dict[int, set[int]]] = {1.0: {}, 0.0: {}}
    for a, b, label in rows:
        if a != b and label in partners:
            partners[label].setdefault(a, set()).add(b)
            partners[label].setdefault(b, set()).add(a)
    between = range(8)

    def steps(label: float, middle: int) -> set[int]:
        found = partners[label].get(middle, set())
        return found if len(found) <= most else set()

    rules: dict[float, set[tuple[int, int]]] = {1.0: set(), 0.0: set()}
    for a, b in combinations(between, 2):
        for m in between:
            same, other = steps(1.0, m), steps(0.0, m)
            if a in same and b in same:
                rules[1.0].add((a, b))
            if (a in same and b in other) or (b in same and a in other):
                rules[0.0].add((a, b))
    known = {(min(a, b), max(a, b)) for a, b, _ in rows}
    implied = {pair: label for label, pairs in rules.items() for pair in pairs - rules[1 - label] - known}
    return implied


@given(ROWS, st.sampled_from([1, 2, 100]))
def test_implied_pairs_against_every_pair_spelled_out(rows: list[tuple[int, int, float]], most: int) -> None:
    left, right, labels = (np.array([row[k] for row in rows]) for k in range(3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transitive, "MAX_PARTNERS", most)
        found = implied_pairs(left.astype(int), right.astype(int), labels)
    pairs = list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert dict(zip(pairs, found.labels.tolist(), strict=True)) == spelled_out(rows, most)
