from __future__ import annotations

import numpy as np

from textsim.data.scaler import Scaler


def test_both_sides_share_one_mean_and_spread() -> None:
    rng = np.random.default_rng(0)
    sides = [rng.normal(5, 3, (200, 4)).astype("float32"), rng.normal(9, 3, (300, 4)).astype("float32")]
    scaler = Scaler.fit(sides)
    scaled = np.concatenate([scaler(side) for side in sides])
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-5)
    assert scaled.dtype == np.float32 and not scaler.constant.any()
    assert not np.allclose(scaler(sides[0]).mean(axis=0), 0, atol=0.1)


def test_columns_that_do_not_vary_are_left_as_far_apart_as_they_are() -> None:
    side = np.array([[0, 0.1, 1], [0, 0.1, 2], [0, 0.1, 3]], np.float32)
    scaler = Scaler.fit([side])
    assert scaler.constant.tolist() == [True, True, False] and scaler.scale[:2].tolist() == [1, 1]
    np.testing.assert_allclose(scaler(np.array([[2, 0.1, 2]], np.float32)), [[2, 0, 0]], atol=1e-6)
