"""Arrays written piece by piece."""

from __future__ import annotations

import math

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


def npy(descr: object, shape: object, content: bytes = b"") -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff{",
        b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{",
        b"\x93NUMPY\x03\x00\x02\x00\x00\x00{}",
        b"\x93NUMPY\x09\x00\x02\x00{}",
        b"\x93NUMPY\x01\x00\x76\x00" + b"('descr': (((".ljust(117) + b"\n",
        b"\x93NUMPY\x01\x00\x76\x00" + (b"(" * 117) + b"\n",
        npy("<f4", (3,)),
        npy("<f4", (2,), bytes(12)),
        npy("<f4", (10**9, 10**9)),
        npy("<f4", (-1,), bytes(4)),
        npy("<f4", (10**30,)),
        npy("<f4", "x"),
        npy("|O", (1,), bytes(8)),
        npy([("a", "<f4")], (1,), bytes(4)),
        npy("|V0", (5,)),
        npy("nonsense", (1,)),
    ],
)
def test_files_that_make_no_sense_take_no_memory(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError):
        open_npy(tmp_path / "a.npy")


@given(
    st.sampled_from(["<f4", ">i8", "|u1", "<U3", "<f2"]),
    st.lists(st.integers(0, 4), max_size=3).map(tuple),
    st.booleans(),
)
def test_what_numpy_writes_is_read(tmp_path_factory, dtype, shape, fortran):
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    array = np.asfortranarray(array) if fortran else array
    path = tmp_path_factory.mktemp("npy") / "a.npy"
    np.save(path, array)
    read = open_npy(path)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)
