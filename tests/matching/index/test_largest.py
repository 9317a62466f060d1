from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsim.matching.index.largest import largest


@given(st.lists(st.permutations(range(7)), min_size=1, max_size=5), st.integers(0, 9))
def test_places_are_those_of_a_full_sort(rows: list[list[int]], count: int) -> None:
    found = largest(np.array(rows, np.float32), count)
    assert found.tolist() == [sorted(np.argsort(row)[::-1][:count]) for row in np.array(rows)]


@pytest.mark.parametrize("count", [0, 3])
def test_no_rows_and_no_columns(count: int) -> None:
    assert largest(np.empty((0, 5), np.float32), count).shape == (0, count)
    assert largest(np.empty((2, 0), np.float32), count).shape == (2, 0)
