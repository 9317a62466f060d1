from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsim.matching.index.ranking import SharedCharacters, characters_weight


@given(st.lists(st.floats(-1, 1), max_size=15))
def test_the_weight_has_bounds(cosines: list[float]) -> None:
    assert 0 <= characters_weight(sorted(cosines, reverse=True)) <= 0.45


def test_characters_count_the_more_the_nearer_the_candidates_are() -> None:
    apart, near, alike = ([0.9, *[0.9 - gap] * 9] for gap in (0.5, 0.1, 0.0))
    assert 0 == characters_weight(apart) < characters_weight(near) < characters_weight(alike) == 0.45
    # What is stored as it is tells nothing of the others; nor does what comes behind the tenth.
    assert characters_weight([1.0, *near]) == characters_weight(near) == characters_weight([*near, -1.0])
    assert characters_weight([1.0]) == characters_weight([]) == 0


@given(st.text(max_size=8), st.text(max_size=8))
def test_the_coefficient_is_that_of_sets(left: str, right: str) -> None:
    shared = SharedCharacters(str)

    def parts(text: str) -> set[str]:
        return {*text, *(text[k : k + 2] for k in range(len(text) - 1))}

    a, b = parts(left), parts(right)
    expected = 2 * len(a & b) / (len(a) + len(b)) if a or b else 0
    assert shared(left, right) == shared(right, left) == pytest.approx(expected)


def test_texts_are_normalized_first() -> None:
    assert SharedCharacters(str.lower)("WIFI", "wifi") == 1
