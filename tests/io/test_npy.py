"""Arrays written piece by piece."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsim.io.npy import NpyWriter, open_npy, slices


@pytest.mark.parametrize("width", [None, 3])
@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.int64])
def test_pieces_make_one_npy_file(tmp_path, width, dtype):
    shape = (10,) if width is None else (10, width)
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    with NpyWriter(tmp_path / "a.npy", dtype, width) as writer:
        for part in (values[:4], values[4:4], values[4:]):
            writer.append(part)
    for array in (np.load(tmp_path / "a.npy"), open_npy(tmp_path / "a.npy")):
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, values)
    assert isinstance(open_npy(tmp_path / "a.npy"), np.memmap)


def test_an_empty_array(tmp_path):
    with NpyWriter(tmp_path / "a.npy", np.int32):
        pass
    assert open_npy(tmp_path / "a.npy").shape == (0,)


def test_a_file_that_was_not_closed_is_not_valid(tmp_path):
    with pytest.raises(KeyError), NpyWriter(tmp_path / "a.npy", np.int32) as writer:
        writer.append(np.arange(5))
        raise KeyError
    with pytest.raises(ValueError):
        open_npy(tmp_path / "a.npy")


@given(st.integers(0, 50), st.integers(1, 20))
def test_slices_cover_the_range(length, step):
    covered = [i for part in slices(length, step) for i in range(part.start, part.stop)]
    assert covered == list(range(length))
