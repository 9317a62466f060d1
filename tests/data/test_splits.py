from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from textsim.data.settings import Reading
from textsim.data.splits import Sources
from textsim.errors import ConfigError


def sources(**changes: Any) -> Sources:
    given: dict[str, Any] = {
        **{"train": ["a"], "dev": [], "dev_fraction": None, "seed": 1},
        **{"reading": Reading(), "progress": False},
    }
    return Sources(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": []}, "at least one input"),
        ({"dev": ["b"], "dev_fraction": 0.1}, "exclude each other"),
        ({"dev_fraction": 1.0}, "between 0 and 1"),
        ({"seed": 2**32}, "seed: expected 0 to 4294967295"),
    ],
)
def test_what_does_not_go_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sources(**changes)


def test_rows_of_their_own_stay_in_order() -> None:
    assert list(sources(dev=["b"]).all()) == [("train", "a"), ("dev", "b")]
    assert sources(dev=["b"]).split(10, 7) == {"train": range(7), "dev": range(7, 10)}
    assert sources().split(10, 10) == {"train": range(10)}


def test_a_fraction_is_drawn_once_for_a_seed() -> None:
    first, again, other = (sources(dev_fraction=0.3, seed=seed).split(50, 50) for seed in (1, 1, 2))
    assert [len(rows) for rows in first.values()] == [35, 15]
    assert sorted(np.concatenate(list(first.values()))) == list(range(50))
    assert list(first["dev"]) == list(again["dev"]) != list(other["dev"])
    with pytest.raises(
        ConfigError, match=r"leaves a split without rows. Pass another fraction, or .* dev=\.\.\.$"
    ):
        sources(dev_fraction=0.01).split(10, 10)
