"""Pairs of numeric vectors, from any source of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from textsim.data.columns import check_header
from textsim.data.formats.table import Cells, Malformed, Table, is_blank
from textsim.data.labels import LabelRule
from textsim.data.row_kinds import PAIRS, TRIPLETS
from textsim.data.settings import Reading
from textsim.data.sources import Source, open_source
from textsim.data.vector_columns import VectorColumns, is_header
from textsim.errors import ConfigError, DataFormatError
from textsim.io.npy import rows_at_once

# Cells of a text file that are kept until they are known to be numbers.
_CELLS_AT_ONCE = 1 << 16
# What a cell is that holds a vector: of JSON, of Parquet, of a data frame.
_VECTOR = (list, tuple, np.ndarray)


@dataclass(frozen=True)
class VectorPairs:
    """Rows of two numeric vectors of equal width.

    Attributes:
        left, right: float32 arrays of shape (n, k), finite.
        labels: float32 array of shape (n,) in [0, 1]; None where they were not asked for.
        names: of the 2k columns, left ones first; of the two columns where each holds whole vectors. "1", "2", ...
            where the file has none.
        left_out: the name of a column of labels that was not read, since none were asked for; else None.
    """

    left: np.ndarray
    right: np.ndarray
    labels: np.ndarray | None
    names: tuple[str, ...]
    left_out: str | None = None

    def __len__(self) -> int:
        return len(self.left)


def iter_vector_pairs(source: Source, *, labeled: bool = True, **reading: Any) -> Iterator[VectorPairs]:
    """Reads pairs of vectors in chunks.

    A row has 2k numbers, first the k of the left vector, then those of the right one; and a class: the column called
    "label", or the one with another usual name ("class", "score", ...), or else the last. Names of columns that divide
    into two sides, as left_0, right_0, left_1, right_1 do, say which numbers are whose. Where a format has lists, the
    columns "left" and "right" may each hold whole vectors, as the arrays of a .npz file do.

    Args:
        source: a file, where "-" is standard input; a data frame; arrays; or rows (see `textsim.data.sources.Source`).
        labeled: whether there is a class column. Where none is asked for, one of a usual name is left out.
        reading: how to read, see `textsim.data.settings.Reading`. A left column goes with the right one whose name ends
            in the same way. With header "auto" the first row is a header when none of its cells is a number, or one is
            a usual class name or the one in `columns`, or they number the columns.

    Raises:
        DataFormatError: the source cannot be read; has no rows, an odd number of numeric columns, or several that
            may be the class; or a cell is empty, is not a number, or is not finite as float32. Names line
            (of tables: row) and column.
        ConfigError: an argument has a value that it cannot have.
        MissingDependencyError: the library for a format is not installed.

    Example:
        >>> arrays = np.ones((3, 2)), np.zeros((3, 2)), np.array([0, 1, 1])
        >>> [len(chunk) for chunk in iter_vector_pairs(arrays)]
        [3]
    """
    how = Reading(**reading)
    check_vector_reading(how, labeled)
    return _read(source, labeled, how)


def check_vector_reading(how: Reading, labeled: bool) -> None:
    """Raises ConfigError for settings that do not go with pairs of vectors."""
    if how.skips:
        raise ConfigError(
            "bad rows of vector pairs are not skipped: leave out on_bad_row and rejects. The error names the cell."
        )
    if how.keep:
        raise ConfigError(
            "columns of vector pairs are not kept: leave out keep. Scores have the number of their row beside them."
        )
    columns = how.columns
    by_name = columns is None or all(isinstance(column, str) for column in columns)
    if columns is not None and (isinstance(columns, str) or len(columns) != 2 + labeled or not by_name):
        wanted = "left prefix, right prefix" + (", class column" if labeled else "")
        raise ConfigError(f"columns of vector pairs: expected {wanted}. Received {columns!r}.")


def _read(source: Source, labeled: bool, how: Reading) -> Iterator[VectorPairs]:
    with open_source(source, **how.dialect) as table:
        yield from vector_chunks(table, labeled, how)


def vector_chunks(table: Table, labeled: bool, how: Reading) -> Iterator[VectorPairs]:
    """The pairs of vectors of an open table, as `iter_vector_pairs` reads them; it raises what that raises."""
    columns = None if how.columns is None else [str(column) for column in how.columns]
    rows = 0
    for chunk in _chunks(table, labeled, columns, how.header, how.label_rule):
        rows += len(chunk)
        yield chunk
    if not rows:
        raise DataFormatError(f"{table.name}: the file holds no rows. Expected pairs of numeric vectors.")


def _chunks(
    table: Table, labeled: bool, wanted: Sequence[str] | None, header: str, rule: LabelRule
) -> Iterator[VectorPairs]:
    if table.columns is not None:
        if table.names is not None:
            check_header(table, header)
        found, done = None, 0
        for columns in table.columns:
            if found is None:
                whole = any(_holds_vectors(column) for column in columns)
                found = VectorColumns.find(table.name, table.names, len(columns), labeled, wanted, whole)
            yield _pairs(columns, range(done + 1, done + 1 + len(columns[0])), table, found, rule)
            done += len(columns[0])
        return
    first = next(table.rows, None)
    if first is None:
        raise DataFormatError(f"{table.name}: the file is empty. Expected pairs of numeric vectors.")
    found = _columns_of_rows(table, first, labeled, wanted, header)
    at_once = rows_at_once(len(found.side_names))
    parsed_at_once = min(at_once, max(1, _CELLS_AT_ONCE // len(found.names)))
    parts: list[VectorPairs] = []
    while block := list(islice(table.rows, parsed_at_once)):
        numbers = [number for number, _ in block]
        rows = [_cells(cells, table.where(number), table, found) for number, cells in block]
        parts.append(_pairs(list(zip(*rows, strict=True)), numbers, table, found, rule))
        if len(parts) * len(parts[0]) >= at_once:
            yield _joined(parts)
            parts = []
    if parts:
        yield _joined(parts)


def _columns_of_rows(
    table: Table, first: tuple[int, Cells], labeled: bool, wanted: Sequence[str] | None, header: str
) -> VectorColumns:
    """The columns of a table that tells them by its first row; a header is taken off its rows."""
    number, cells = first
    where = table.where(number)
    if isinstance(cells, Malformed):
        raise DataFormatError(f"{where}: {cells.reason}")
    if is_blank(cells):
        raise DataFormatError(f"{where}: expected names or numbers of vector pairs. Received a blank line.")
    if isinstance(cells, dict):
        check_header(table, header)
        table.put_back([first])
        whole = any(isinstance(cell, _VECTOR) for cell in cells.values())
        return VectorColumns.find(table.name, list(cells), len(cells), labeled, wanted, whole)
    # Rows in memory without names have no header.
    header = "no" if table.format == "rows" else header
    names = [str(cell).strip() for cell in cells]
    second = table.take_until(lambda _: True, 1)
    table.put_back(second)
    below = [str(cell) for cell in second[0][1]] if second and isinstance(second[0][1], list) else None
    if is_header(names, below, where, header, wanted, as_number):
        return VectorColumns.find(table.name, names, len(names), labeled, wanted)
    table.put_back([first])
    return VectorColumns.find(table.name, None, len(names), labeled, wanted)


def _cells(cells: Cells, where: str, table: Table, found: VectorColumns) -> list[Any]:
    """The cells of a row, in the order of the columns."""
    if isinstance(cells, list) and len(cells) == len(found.names):
        return cells
    if isinstance(cells, Malformed):
        raise DataFormatError(f"{where}: {cells.reason}")
    if isinstance(cells, dict):
        return [cells.get(name) for name in found.names]
    raise DataFormatError(
        f"{where}: expected {table.columns_of(len(found.names))}. Received {len(cells) or 'a blank line'}."
    )


def _pairs(
    columns: Sequence[Any], rows: Sequence[int], table: Table, found: VectorColumns, rule: LabelRule
) -> VectorPairs:
    """The rows of some columns, with the numbers of these rows in the table."""

    def where(row: int, place: int) -> str:
        return f"{table.where(rows[row])}, column {found.names[place]}"

    left, right = (
        np.column_stack([_numbers(columns[place], partial(where, place=place)) for place in side])
        for side in (found.left, found.right)
    )
    if left.shape != right.shape:
        raise DataFormatError(
            f"{table.name}: expected two vectors of as many numbers. Received {left.shape[1]} on the left and "
            f"{right.shape[1]} on the right."
        )
    labels = None
    if found.label is not None:
        labels = _labels(columns[found.label], rule, partial(where, place=found.label))
    return VectorPairs(left, right, labels, found.side_names, found.left_out)


def _numbers(column: Any, where: Callable[[int], str]) -> np.ndarray:
    """A column of numbers, or of vectors, as finite float32."""
    with np.errstate(over="ignore"):
        try:
            numbers = np.asarray(_vectors(column) if _holds_vectors(column) else _floats(column), np.float32)
            shaped = numbers.ndim == 1 or (numbers.ndim == 2 and numbers.shape[1] > 0)
            good = shaped and len(numbers) == len(column) and bool(np.isfinite(numbers).all())
        except (TypeError, ValueError, OverflowError):
            good = False
    if not good:
        _raise_first(column, where)
    return numbers


def _holds_vectors(column: Any) -> bool:
    if isinstance(column, np.ndarray):
        return column.ndim > 1
    return len(column) > 0 and isinstance(column[0], _VECTOR)


def _vectors(column: Any) -> np.ndarray:
    array = np.asarray(column)
    if array.dtype.kind in "fiub":
        return array
    numbers = [[as_number(number) for number in cell] for cell in column]
    if any(None in cell for cell in numbers):
        raise ValueError
    return np.array(numbers, np.float64)


def _floats(column: Any) -> np.ndarray:
    if isinstance(column, np.ndarray):
        return column
    try:
        texts = "".join(column)
    except TypeError:  # not all are texts
        texts = "".join([cell for cell in column if isinstance(cell, str)])
    if not is_plain(texts):
        raise ValueError
    return np.fromiter(map(float, column), np.float64, len(column))


def _raise_first(column: Any, where: Callable[[int], str]) -> None:
    """Raises for the first cell of a column that is no number, or no vector as wide as the first."""
    wanted = None
    for row, cell in enumerate(column):
        is_vector = isinstance(cell, _VECTOR)
        numbers = cell if is_vector else [cell]
        for number in numbers:
            _check_number(number, where(row))
        shape = f"{len(numbers)} numbers" if is_vector else "a number"
        wanted = wanted or shape
        if shape != wanted or not len(numbers):
            expected = f"{wanted}, as in the rows before" if row else "numbers"
            raise DataFormatError(f"{where(row)}: expected {expected}. Received {shape}.")
    raise AssertionError("every cell is a number")


def is_plain(text: str) -> bool:
    """Whether a text may be a number as every program reads it: Python takes 1_000 and full-width digits for one."""
    return text.isascii() and "_" not in text


def as_number(cell: Any) -> float | None:
    """The cell as a number; None where it is none. May be infinite or NaN."""
    if isinstance(cell, _VECTOR):
        return None
    try:
        return float(cell) if is_plain(str(cell)) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _check_number(cell: Any, where: str) -> None:
    value = as_number(cell)
    with np.errstate(over="ignore"):
        fits = value is not None and bool(np.isfinite(np.float32(value)))
    if fits:
        return
    shown = (
        "an empty cell"
        if cell is None or (isinstance(cell, str) and not cell)
        else f"{cell!r:.60}"
        if isinstance(cell, str)
        else f"{cell!s:.60}"
    )
    hint = ""
    if value is None and isinstance(cell, str) and as_number(cell.replace(",", ".")) is not None:
        hint = " Decimal commas are not read: write points."
    raise DataFormatError(f"{where}: expected a finite number. Received {shown}.{hint}")


def _labels(column: Any, rule: LabelRule, where: Callable[[int], str]) -> np.ndarray:
    known: dict[Any, float] = {}
    cells = column.tolist() if isinstance(column, np.ndarray) else column
    labels = np.empty(len(cells), np.float32)
    for row, cell in enumerate(cells):
        try:
            label = known.get(cell)
            labels[row] = known.setdefault(cell, rule(cell)) if label is None else label
        except (TypeError, ValueError) as error:
            raise DataFormatError(f"{where(row)}: {error}") from None
    return labels


def _joined(parts: list[VectorPairs]) -> VectorPairs:
    first = parts[0]
    labels = [part.labels for part in parts if part.labels is not None]
    return VectorPairs(
        np.concatenate([part.left for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate(labels) if labels else None,
        first.names,
        first.left_out,
    )


def holds_vectors(table: Table) -> bool:
    """Whether a table looks like vector pairs: arrays of NumPy; or the first two rows hold an odd number of cells,
    three or more, those of the second row are numbers, and no columns are called what those of texts are.

    The table is then to be opened again: its first rows are gone.
    """
    if table.format in ("npy", "npz"):
        return True
    rows = list(islice(table.rows, 2))
    first_two = [list(cells.values()) if isinstance(cells, dict) else cells for _, cells in rows]
    if not first_two or any(isinstance(cells, Malformed) for cells in first_two):
        return False
    names = list(rows[0][1]) if isinstance(rows[0][1], dict) else table.names
    if names is None:
        names = [str(cell).strip() for cell in first_two[0]]
    # Texts may be numbers, as those of service lines.
    if any(kind.is_among(names) for kind in (PAIRS, TRIPLETS)):
        return False
    last = first_two[-1]
    if {"left", "right"} <= set(names) and isinstance(last[names.index("left")], _VECTOR):
        return True
    return all(len(cells) > 2 and len(cells) % 2 for cells in first_two) and all(
        as_number(cell) is not None for cell in last
    )
