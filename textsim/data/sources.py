"""What rows come from: a file, a data frame, arrays, or rows in memory. One door for all of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np

from textsim.data.formats.arrow import cells_of
from textsim.data.formats.files import open_table
from textsim.data.formats.table import Cells, Malformed, Table, rows_of
from textsim.data.settings import AnyPath
from textsim.errors import ConfigError, InputError
from textsim.io.npy import slices
from textsim.io.paths import as_text, is_stream

Source = Any
"""A path, where "-" is standard input; a pandas data frame; an Arrow table or record batch; a mapping of names to
columns; a two-dimensional array, or two and their labels; or an iterable of rows: tuples, mappings, or single texts."""

_BLOCK_ROWS = 8192


def is_path(source: Source) -> bool:
    """Whether the source is a file, or standard input, by its name."""
    return isinstance(source, str | os.PathLike)


def is_frame(source: Source) -> bool:
    """Whether the source is a pandas DataFrame, found out without pandas."""
    return hasattr(source, "iloc") and hasattr(source, "columns")


def is_arrow(source: Source) -> bool:
    """Whether the source is an Arrow table or record batch, found out without pyarrow."""
    return hasattr(source, "schema") and hasattr(source, "to_pylist")


def paths_of(sources: Iterable[Source]) -> list[AnyPath]:
    """Those of the sources that are files."""
    return [source for source in sources if is_path(source)]


def name_of(source: Source) -> str:
    """What a source is called: the last part of a path, else what it is."""
    if is_path(source):
        return as_text(os.path.basename(os.path.normpath(source)))
    if is_frame(source) or is_arrow(source):
        return "the data frame"
    if isinstance(source, np.ndarray):
        return "the array"
    if isinstance(source, Mapping):
        return "the columns"
    return "the arrays" if _are_arrays(source) else "the rows"


def _are_arrays(source: Source) -> bool:
    return isinstance(source, tuple) and bool(source) and all(isinstance(part, np.ndarray) for part in source)


def source_list(sources: Source | Sequence[Source]) -> list[Source]:
    """The sources that a caller gives as one or as several: several are a list of paths or of data frames."""
    if isinstance(sources, list | tuple) and all(is_path(one) or is_frame(one) for one in sources):
        return list(sources)
    return [sources]


def lasting(source: Source, what: str) -> Source:
    """A source that each of several models can read: an iterator becomes a list of its rows.

    Args:
        source: see `Source`.
        what: what it holds, for the message.

    Raises:
        InputError: it is a stream.
    """
    if is_path(source) and is_stream(source):
        raise InputError(
            f"{source}: each model reads {what}, and a stream is gone after the first. Pass a file."
        )
    return list(source) if isinstance(source, Iterator) else source


def open_source(
    source: Source, *, format: str | None = None, encoding: str | None = None, delimiter: str | None = None
) -> contextlib.AbstractContextManager[Table]:
    """Opens a source of rows.

    Args:
        source: see `Source`. An iterator is read once.
        format, encoding, delimiter: of a file, see `textsim.data.formats.files.open_table`.

    Raises:
        DataFormatError: the file cannot be read.
        ConfigError: an argument has a value that it cannot have, or is one of files and the source is none.
        InputError: the source is of no kind that holds rows.
    """
    if is_path(source):
        return open_table(source, format=format, encoding=encoding, delimiter=delimiter)
    if not (format is None and encoding is None and delimiter is None):
        raise ConfigError("format, encoding and delimiter tell how a file is written: leave them out.")
    return contextlib.nullcontext(_table(source))


def _table(source: Source) -> Table:
    name = name_of(source)
    if is_frame(source):
        return _columnar(name, [str(name) for name in source.columns], _frame_columns(source))
    if is_arrow(source):
        return _columnar(name, source.schema.names, [cells_of(column) for column in source.columns])
    if isinstance(source, np.ndarray):
        if source.ndim != 2:
            raise InputError(f"the array: expected two dimensions (rows, columns). Received {source.ndim}.")
        return _columnar(name, None, list(source.T))
    if isinstance(source, Mapping):
        columns = [column if isinstance(column, np.ndarray) else list(column) for column in source.values()]
        return _columnar(name, list(map(str, source)), columns)
    if _are_arrays(source):
        return _columnar(name, ["left", "right", "label"][: len(source)], list(source))
    if isinstance(source, Iterable) and not isinstance(source, bytes):
        return _in_order(iter(source))
    raise InputError(
        f"expected a file, a data frame, arrays or rows. Received {type(source).__name__} {str(source)!r:.60}."
    )


def _frame_columns(frame: Any) -> list[Any]:
    """The columns: arrays of numbers, else lists, in which a missing cell is None."""
    columns = []
    for place in range(len(frame.columns)):
        column = frame.iloc[:, place]
        if _is_kept_by_arrow(column.dtype):
            # One bad text would keep pandas from giving any.
            columns.append(cells_of(column.array.__arrow_array__()))
            continue
        missing = column.isna().to_numpy()
        values = column.to_numpy()
        if missing.any() or values.dtype.kind not in "fiu":
            columns.append(
                [None if gone else cell for cell, gone in zip(column.tolist(), missing, strict=True)]
            )
        else:
            columns.append(values)
    return columns


def _is_kept_by_arrow(dtype: Any) -> bool:
    # pandas 2 has a storage "pyarrow_numpy" too.
    return hasattr(dtype, "pyarrow_dtype") or str(getattr(dtype, "storage", "")).startswith("pyarrow")


def _columnar(name: str, names: list[str] | None, columns: list[Any]) -> Table:
    lengths = sorted({len(column) for column in columns})
    if len(lengths) > 1:
        raise InputError(f"{name}: expected as many rows in each column. Received {lengths}.")
    rows = lengths[0] if lengths else 0
    blocks = ([column[part] for column in columns] for part in slices(rows, _BLOCK_ROWS))
    return Table(name, "rows", rows_of(blocks), "", unit="row", names=names, columns=blocks)


def _in_order(rows: Iterator[Any]) -> Table:
    first = list(islice(rows, 1))
    keyed = bool(first) and isinstance(first[0], Mapping)
    numbered = enumerate(chain(first, rows), 1)
    cells: Iterator[tuple[int, Cells]] = ((number, _cells(row, keyed)) for number, row in numbered)
    return Table(name_of(rows), "rows", cells, "", unit="row", keyed=keyed)


def _cells(row: Any, keyed: bool) -> Cells:
    if keyed and isinstance(row, Mapping):
        return {str(name): cell for name, cell in row.items()}
    if isinstance(row, str):
        return [row]
    if keyed or not isinstance(row, Sequence | np.ndarray) or isinstance(row, bytes):
        expected = "a mapping, as the first row is" if keyed else "a tuple of cells"
        return Malformed(f"expected {expected}. Received {type(row).__name__} {str(row)!r:.60}.", str(row))
    return row.tolist() if isinstance(row, np.ndarray) else list(row)
