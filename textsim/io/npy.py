"""Arrays that are larger than memory: .npy files written row by row and read through a memory map."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER_BYTES = 128


class NpyWriter:
    """Writes an array of unknown length to a .npy file, piece by piece.

    The header holds the shape, so it is written last, over a gap of fixed size; a file that was not closed
    is not a valid .npy file.

    Args:
        path: the file to make.
        dtype: of the array.
        width: number of columns of a two-dimensional array; None for one dimension.
    """

    def __init__(
        self, path: str | os.PathLike[str], dtype: np.typing.DTypeLike, width: int | None = None
    ) -> None:
        self.path = Path(path)
        self.dtype = np.dtype(dtype)
        self.width = width
        self.rows = 0
        self._file = open(self.path, "wb")  # noqa: SIM115
        self._file.write(b"\0" * _HEADER_BYTES)

    def append(self, values: np.ndarray) -> None:
        """Adds rows: an array of shape (n,), or (n, width)."""
        values = np.ascontiguousarray(values, self.dtype)
        self._file.write(values.data if values.size else b"")
        self.rows += len(values)

    def close(self) -> None:
        shape = (self.rows,) if self.width is None else (self.rows, self.width)
        header = repr({"descr": self.dtype.str, "fortran_order": False, "shape": shape}).encode("latin1")
        length = _HEADER_BYTES - len(_MAGIC) - 2
        self._file.seek(0)
        self._file.write(_MAGIC + length.to_bytes(2, "little") + header.ljust(length - 1) + b"\n")
        self._file.close()

    def __enter__(self) -> NpyWriter:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.close()
        else:
            self._file.close()


def open_npy(path: str | os.PathLike[str], mode: Literal["r", "r+"] = "r") -> np.ndarray:
    """Maps a .npy file into memory ("r" to read, "r+" to change it). Empty arrays are read instead."""
    array: np.ndarray
    try:
        array = np.load(path, mmap_mode=mode, allow_pickle=False)
    except ValueError:
        # A map cannot be empty; anything else that is wrong with the file is raised again here.
        array = np.load(path, allow_pickle=False)
    return array


def slices(length: int, step: int = 1 << 20) -> Iterator[slice]:
    """Consecutive slices that together cover range(length)."""
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))
