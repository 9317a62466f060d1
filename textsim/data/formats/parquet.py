"""Parquet, through pyarrow (extra `parquet`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from textsim.data.formats.arrow import cells_of
from textsim.data.formats.cells import as_text, as_utf8
from textsim.data.formats.format import FORMATS, Batch, Format, TableWriter
from textsim.data.formats.parquet_pages import TooLarge, rows_at_once
from textsim.data.formats.table import Table, rows_of
from textsim.errors import DataFormatError
from textsim.extras import needed_for

_BLOCK_ROWS = 8192


@FORMATS.register("parquet")
class Parquet(Format):
    """Columns have names and types."""

    endings = (".parquet", ".pq")

    @classmethod
    def recognizes(cls, beginning: bytes) -> bool:
        return beginning.startswith(b"PAR1")

    @contextlib.contextmanager
    def open(self, file: BinaryIO, name: str, encoding: str | None, delimiter: str | None) -> Iterator[Table]:
        self.no_delimiter(delimiter)
        pyarrow = _pyarrow(name, "reading Parquet")
        try:
            parquet = pyarrow.parquet.ParquetFile(file)
            names = list(parquet.schema_arrow.names)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise DataFormatError(f"{name}: expected a Parquet file. It cannot be read: {error}") from error
        blocks = _blocks(name, _batches(file, parquet))
        yield Table(
            name,
            "parquet",
            rows_of(blocks),
            "Parquet",
            unit="row",
            names=names,
            columns=blocks,
        )

    def writer(self, file: BinaryIO, name: str, columns: Sequence[str]) -> TableWriter:
        return _ParquetWriter(file, _pyarrow(name, "writing Parquet"), columns)


def _pyarrow(name: str, what: str) -> Any:
    with needed_for(f"{name}: {what}"):
        import pyarrow
        import pyarrow.parquet
    return pyarrow


def _blocks(name: str, batches: Iterator[Any]) -> Iterator[list[Any]]:
    """Blocks of columns: arrays of numbers where the type is one of numbers, in which a missing one is NaN."""
    import pyarrow

    done = 0
    while True:
        try:
            batch = next(batches, None)
        except TooLarge as error:
            raise DataFormatError(f"{name}: {error}: write it with smaller pages, or as CSV.") from error
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise DataFormatError(f"{name}: damaged after row {done}: {error}") from error
        if batch is None:
            return
        done += batch.num_rows
        yield [cells_of(column) for column in batch.columns]


def _batches(file: BinaryIO, parquet: Any) -> Iterator[Any]:
    for group in range(parquet.metadata.num_row_groups):
        rows = rows_at_once(file, parquet.metadata, group, _BLOCK_ROWS)
        yield from parquet.iter_batches(batch_size=rows, row_groups=[group])


class _ParquetWriter:
    """Arrays keep their type; other columns are strings."""

    def __init__(self, file: BinaryIO, pyarrow: Any, columns: Sequence[str]) -> None:
        self._file = file
        self._pyarrow = pyarrow
        self._columns = columns
        self._writer: Any = None

    def write(self, batch: Batch) -> None:
        arrays = [self._array(column) for column in batch.values()]
        table = self._pyarrow.Table.from_arrays(arrays, names=list(batch))
        if self._writer is None:
            self._writer = self._pyarrow.parquet.ParquetWriter(self._file, table.schema)
        self._writer.write_table(table)

    def _array(self, column: Any) -> Any:
        pa = self._pyarrow
        if not isinstance(column, np.ndarray):
            return pa.array([None if cell is None else _string(cell) for cell in column], pa.string())
        if column.ndim == 1:
            return pa.array(column)
        return pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(column)), column.shape[1])

    def close(self) -> None:
        if self._writer is None:
            self.write({name: [] for name in self._columns})
        self._writer.close()


def _string(cell: Any) -> str:
    text = cell if isinstance(cell, str) else as_text(cell)
    return as_utf8(text).decode()
