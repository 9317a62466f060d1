"""Arrays that are larger than memory: .npy files written row by row and read through a memory map."""

from __future__ import annotations

import math
import os
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, Literal, NamedTuple

import numpy as np

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER_BYTES = 128
_NUMBERS_AT_ONCE = 1 << 22


class NpyStream:
    """Writes an array of unknown length into an open file, piece by piece.

    The header holds the shape, so it is written last, over a gap of fixed size; until `finish` the file is no valid
    .npy file.

    Args:
        file: open for writing at its beginning; it must be able to seek.
        dtype: of the array.
        width: number of columns of a two-dimensional array; None for one dimension.
    """

    def __init__(self, file: BinaryIO, dtype: np.typing.DTypeLike, width: int | None = None) -> None:
        self.dtype = np.dtype(dtype)
        self.width = width
        self.rows = 0
        self._file = file
        self._file.write(b"\0" * _HEADER_BYTES)

    def append(self, values: np.ndarray) -> None:
        """Adds rows: an array of shape (n,), or (n, width)."""
        values = np.ascontiguousarray(values, self.dtype)
        self._file.write(values.data if values.size else b"")
        self.rows += len(values)

    def finish(self) -> None:
        """Writes the header. Leaves the file open."""
        shape = (self.rows,) if self.width is None else (self.rows, self.width)
        header = repr({"descr": self.dtype.str, "fortran_order": False, "shape": shape}).encode("latin1")
        length = _HEADER_BYTES - len(_MAGIC) - 2
        self._file.seek(0)
        self._file.write(_MAGIC + length.to_bytes(2, "little") + header.ljust(length - 1) + b"\n")


class NpyWriter(NpyStream):
    """An `NpyStream` into a file of its own, which `close`, or the end of a with block, makes whole.

    Args:
        path: the file to make.
        dtype, width: as of `NpyStream`.
    """

    def __init__(
        self, path: str | os.PathLike[str], dtype: np.typing.DTypeLike, width: int | None = None
    ) -> None:
        self.path = Path(path)
        super().__init__(open(self.path, "wb"), dtype, width)  # noqa: SIM115

    def close(self) -> None:
        """Writes the header and closes the file."""
        self.finish()
        self._file.close()

    def __enter__(self) -> NpyWriter:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.close()
        else:
            self._file.close()


class NpyHeader(NamedTuple):
    """What a .npy file says of its array."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy_header(file: IO[bytes]) -> NpyHeader:
    """Reads the header of a .npy file, and leaves the file where the array begins.

    Raises:
        ValueError: there is none, or it makes no sense.
    """
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"version {version} of the .npy format is of records alone.")
    try:
        shape, fortran, dtype = readers[version](file)
    # NumPy reads the header as Python source.
    except (tokenize.TokenError, SyntaxError, TypeError, MemoryError, RecursionError, OverflowError) as error:
        raise ValueError(f"its header makes no sense: {error}.") from error
    if any(size < 0 for size in shape):
        raise ValueError(f"its header makes no sense: the shape {shape!r:.80}.")
    return NpyHeader(shape, fortran, dtype)


def open_npy(path: str | os.PathLike[str], mode: Literal["r", "r+"] = "r") -> np.ndarray:
    """Maps a .npy file into memory ("r" to read, "r+" to change it). Empty arrays are read instead.

    Raises:
        ValueError: it is no .npy file of an array as long as the file.
    """
    with open(path, "rb") as file:
        header = read_npy_header(file)
        offset = file.tell()
    there = os.path.getsize(path) - offset
    if header.dtype.kind not in "biufcSU":
        raise ValueError(f"expected an array of numbers or of text. Received {header.dtype}.")
    if header.size != there:
        raise ValueError(
            f"its array of shape {header.shape!r:.80} needs {header.size} bytes. It has {there}."
        )
    order: Literal["F", "C"] = "F" if header.fortran else "C"
    if not header.size:  # a map cannot be empty
        return np.empty(header.shape, header.dtype, order)
    return np.memmap(path, header.dtype, mode, offset, header.shape, order)


def slices(length: int, step: int = 1 << 20) -> Iterator[slice]:
    """Consecutive slices that together cover range(length)."""
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def rows_at_once(width: int) -> int:
    """How many rows of so many numbers are held in memory at a time, where more are gone through."""
    return max(1, _NUMBERS_AT_ONCE // max(width, 1))
