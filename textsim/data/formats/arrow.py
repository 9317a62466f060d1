"""Columns of Arrow, as Parquet files, Arrow tables and some data frames have them."""

from __future__ import annotations

from typing import Any

from textsim.data.formats.table import Unreadable


def cells_of(column: Any) -> Any:
    """The cells of a column, which may be chunked: an array where it holds numbers and none is missing, else a list.

    What Arrow cannot give, such as text that is not UTF-8, is `Unreadable`.
    """
    import pyarrow

    kind = column.type
    if not column.null_count and (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)):
        return column.to_numpy(zero_copy_only=False)
    try:
        return column.to_pylist()
    except (ValueError, OverflowError, pyarrow.ArrowException):
        # Text that is not UTF-8, a date that Python has not: of a few rows, perhaps in a column that is not read.
        return [_cell(cell) for cell in column]


def _cell(cell: Any) -> Any:
    import pyarrow

    try:
        return cell.as_py()
    except (ValueError, OverflowError, pyarrow.ArrowException) as error:
        return Unreadable(str(error))
