from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from textsim.artifacts.profile import Histogram


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=30))
def test_each_value_is_of_one_bin(values: list[float]) -> None:
    bounds = [-1.0, 0.0, 0.5]
    found = Histogram.of(np.array(values), np.array(bounds))
    edges = [-np.inf, *bounds, np.inf]
    assert list(found.counts) == [
        sum(low < value <= high for value in values) for low, high in itertools.pairwise(edges)
    ]
    assert found.bounds == tuple(bounds) and found.mean == pytest.approx(np.mean(values))


@pytest.mark.parametrize(
    "changes", [{"counts": (1, 2)}, {"bounds": (1.0, 1.0)}, {"counts": (0, 0, 0)}, {"counts": (1, -1, 3)}]
)
def test_what_is_no_histogram(changes: dict[str, Any]) -> None:
    Histogram(bounds=(0.0, 1.0), counts=(1, 2, 3), mean=0.5)
    with pytest.raises(ValidationError):
        Histogram(**{"bounds": (0.0, 1.0), "counts": (1, 2, 3), "mean": 0.5, **changes})
