"""NumPy files: .npy holds a matrix, whose columns are numbered from 1; .npz holds named arrays."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, BinaryIO

import numpy as np

from textsim.data.formats.format import FORMATS, Batch, Format, TableWriter
from textsim.data.formats.table import Table, rows_of
from textsim.errors import DataFormatError, InputError
from textsim.io.npy import NpyStream, read_npy_header, rows_at_once, slices

_DAMAGED = (
    *(OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


@FORMATS.register("npy")
class Npy(Format):
    """One matrix. Written are the vectors of a table alone, since it holds no texts."""

    endings = (".npy",)

    @classmethod
    def recognizes(cls, beginning: bytes) -> bool:
        return beginning.startswith(b"\x93NUMPY")

    @contextlib.contextmanager
    def open(self, file: BinaryIO, name: str, encoding: str | None, delimiter: str | None) -> Iterator[Table]:
        self.no_delimiter(delimiter)
        try:
            matrix = _Array(file, name, "the array").mapped()
        except _DAMAGED as error:
            raise _damaged(name, error) from error
        if matrix.ndim != 2:
            raise DataFormatError(
                f"{name}: expected an array of two dimensions (rows, numbers). Received {matrix.ndim}."
            )
        blocks = (list(matrix[part].T) for part in slices(len(matrix), rows_at_once(matrix.shape[1])))
        yield Table(name, "npy", rows_of(blocks), "NumPy", unit="row", columns=blocks)

    def writer(self, file: BinaryIO, name: str, columns: Sequence[str]) -> TableWriter:
        return _NpyTableWriter(file, name)


@FORMATS.register("npz")
class Npz(Format):
    """Arrays of as many rows, each a column: of numbers, or of vectors."""

    endings = (".npz",)

    @classmethod
    def recognizes(cls, beginning: bytes) -> bool:
        return beginning.startswith(b"PK\x03\x04") and b".npy" in beginning

    @contextlib.contextmanager
    def open(self, file: BinaryIO, name: str, encoding: str | None, delimiter: str | None) -> Iterator[Table]:
        self.no_delimiter(delimiter)
        with contextlib.ExitStack() as stack:
            try:
                archive = stack.enter_context(zipfile.ZipFile(file))
                for entry in archive.infolist():
                    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                        # Python unpacks others by the block, whatever it holds.
                        raise ValueError(f"{entry.filename} is compressed in a way that NumPy does not write")
                arrays = {
                    entry.filename.removesuffix(".npy"): _Array(
                        stack.enter_context(archive.open(entry)),
                        name,
                        f"array {entry.filename}",
                        entry.file_size,
                    )
                    for entry in archive.infolist()
                }
            except _DAMAGED as error:
                raise _damaged(name, error) from error
            shapes = {array.shape[0] for array in arrays.values() if array.shape}
            if len(shapes) != 1 or not all(array.shape for array in arrays.values()):
                received = ", ".join(f"{what} {array.shape}" for what, array in arrays.items()) or "none"
                raise DataFormatError(f"{name}: expected arrays of as many rows. Received {received}.")
            blocks = _blocks(list(arrays.values()), name)
            yield Table(name, "npz", rows_of(blocks), "NumPy", unit="row", names=list(arrays), columns=blocks)


class _Array:
    """A .npy file, of which the header was read and checked: numbers, and as many as there are bytes for.

    Args:
        file: at the beginning.
        name: of the file that holds it, for messages.
        what: it is, for messages.
        size: in bytes; by default that of the file.

    Raises:
        DataFormatError: it holds no numbers.
        ValueError: it is no .npy file.
    """

    def __init__(self, file: Any, name: str, what: str, size: int | None = None) -> None:
        self._file = file
        self.shape, self._fortran, self._dtype = read_npy_header(file)
        if self._dtype.kind not in "fiub" or not self.shape:
            raise DataFormatError(
                f"{name}: expected {what} to hold rows of numbers. Received the type {self._dtype} and the shape "
                f"{self.shape}."
            )
        begin = file.tell()
        if size is None:
            size = file.seek(0, 2)
            file.seek(begin)
        if prod(self.shape) * self._dtype.itemsize != size - begin:
            raise ValueError(
                f"its header says {self.shape} of {self._dtype}, and {size - begin} bytes follow"
            )

    def mapped(self) -> np.ndarray:
        """The whole, mapped into memory. The file must be one of the disk."""
        if prod(self.shape) == 0:
            return np.empty(self.shape, self._dtype)
        return np.memmap(
            self._file, self._dtype, "r", self._file.tell(), self.shape, "F" if self._fortran else "C"
        )

    def parts(self, rows: int) -> Iterator[np.ndarray]:
        """Consecutive parts of so many rows."""
        if self._fortran:
            whole = np.frombuffer(self._file.read(), self._dtype).reshape(self.shape, order="F")
            yield from (whole[part] for part in slices(len(whole), rows))
            return
        width = prod(self.shape[1:])
        for part in slices(self.shape[0], rows):
            count = part.stop - part.start
            data = self._file.read(count * width * self._dtype.itemsize)
            yield np.frombuffer(data, self._dtype).reshape(count, *self.shape[1:])


def _blocks(arrays: Sequence[_Array], name: str) -> Iterator[list[Any]]:
    rows = rows_at_once(max(prod(array.shape[1:]) for array in arrays))
    parts = zip(*(array.parts(rows) for array in arrays), strict=True)
    try:
        yield from map(list, parts)
    except _DAMAGED as error:
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> DataFormatError:
    return DataFormatError(f"{name}: expected a NumPy file of numbers. It cannot be read: {error}.")


class _NpyTableWriter:
    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._writer: NpyStream | None = None

    def write(self, batch: Batch) -> None:
        vectors = [column for column in batch.values() if isinstance(column, np.ndarray) and column.ndim == 2]
        if len(vectors) != 1:
            raise InputError(
                f"{self._name}: a .npy file holds one matrix, and no columns of texts and scores. Choose a name in "
                ".tsv, .csv, .jsonl, .parquet or .xlsx."
            )
        if self._writer is None:
            self._writer = NpyStream(self._file, vectors[0].dtype, vectors[0].shape[1])
        self._writer.append(vectors[0])

    def close(self) -> None:
        if self._writer is not None:
            self._writer.finish()
