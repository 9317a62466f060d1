"""Files of numeric vector pairs: CSV, TSV, Parquet, .npy and .npz."""

from __future__ import annotations

import csv
import difflib
import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np

from textsim.data.columns import PAIRS, TRIPLETS, delimiter_hint
from textsim.data.formats.tables import (
    Table,
    check_header,
    open_parquet,
    open_table,
    parquet_batches,
    table_format,
)
from textsim.data.labels import LABEL_NAMES, LabelRule
from textsim.errors import ConfigError, DataFormatError
from textsim.io.npy import slices
from textsim.io.paths import is_stream
from textsim.io.text_encoding import open_bytes

NUMPY_SUFFIXES = (".npy", ".npz")
_CHUNK_NUMBERS = 1 << 22
_READ_LINES = 256


@dataclass(frozen=True)
class VectorPairs:
    """Rows of two numeric vectors of equal width.

    Attributes:
        left, right: float32 arrays of shape (n, k), finite.
        labels: float32 array of shape (n,) in [0, 1]; None where they were not asked for.
        names: of the 2k columns, left ones first. "1", "2", ... where the file has none.
    """

    left: np.ndarray
    right: np.ndarray
    labels: np.ndarray | None
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.left)


@dataclass(frozen=True)
class Scaler:
    """Brings each column to zero mean and unit spread: (x - mean) / scale.

    One scaler serves both sides, so that equal vectors stay equal.

    Attributes:
        mean, scale: float32 arrays of shape (k,). A column that does not vary has scale 1.
        constant: bool array of shape (k,), true where a column does not vary.
    """

    mean: np.ndarray
    scale: np.ndarray
    constant: np.ndarray

    @classmethod
    def fit(cls, sides: Iterable[np.ndarray]) -> Scaler:
        """Fits on the rows of all `sides`, arrays of shape (n, k), which may be memory maps."""
        sides = list(sides)
        n = sum(map(len, sides))
        blocks = [(side, part) for side in sides for part in slices(len(side), rows_at_once(side.shape[1]))]
        mean = sum(side[part].sum(axis=0, dtype=np.float64) for side, part in blocks) / n
        variance = sum(((side[part] - mean) ** 2).sum(axis=0) for side, part in blocks) / n
        scale = np.sqrt(variance)
        # Rounding alone gives a constant column a spread of about this share of its values.
        constant = scale <= 1e-7 * np.abs(mean)
        scale[constant] = 1.0
        return cls(mean.astype(np.float32), scale.astype(np.float32), constant)

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Standardized `vectors`, float32 of the same shape (n, k)."""
        return ((vectors - self.mean) / self.scale).astype(np.float32, copy=False)


def read_vector_pairs(path: str | os.PathLike[str], **options: Any) -> VectorPairs:
    """Reads a whole file; arguments and errors as in `iter_vector_pairs`."""
    chunks = list(iter_vector_pairs(path, **options))
    labels = [chunk.labels for chunk in chunks if chunk.labels is not None]
    return VectorPairs(
        np.concatenate([chunk.left for chunk in chunks]),
        np.concatenate([chunk.right for chunk in chunks]),
        np.concatenate(labels) if labels else None,
        chunks[0].names,
    )


def iter_vector_pairs(
    path: str | os.PathLike[str],
    *,
    labeled: bool = True,
    columns: Sequence[str] | None = None,
    header: str = "auto",
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    label_threshold: float | None = None,
    label_max: float | None = None,
    on_bad_row: str = "error",
    rejects: Any = None,
    keep: Sequence[str | int] = (),
) -> Iterator[VectorPairs]:
    """Reads a file of vector pairs in chunks.

    CSV, TSV and Parquet have 2k numeric columns, first the k of the left vector, then those of the right
    one; and a class column: "label", or the one with another usual name ("class", "score", ...), or else the
    last. A .npy file holds the same as one matrix, the class last. A .npz file holds the arrays "left", "right"
    and "label".

    Args:
        path: the file. Not standard input.
        labeled: whether there is a class column.
        columns: what the names of the left columns begin with, what those of the right ones begin with, and
            the name of the class column. A left column goes with the right one whose name ends in the same
            way.
        header: "yes", "no", or "auto": the first row is a header when none of its cells is a number, or one
            is a usual class name or the one in `columns`.
        format, encoding, delimiter: as in `textsim.data.rows.read_rows`.
        label_threshold, label_max: as in `textsim.data.rows.read_rows`.
        on_bad_row, rejects: of texts alone: here a bad row is always an error.
        keep: of texts alone.

    Raises:
        DataFormatError: the file cannot be read; has no rows, an odd number of numeric columns, or several that
            may be the class; or a cell is empty, is not a number, or is not finite as float32. Names line
            (Parquet, NumPy: row) and column.
        ConfigError: an argument has a value that it cannot have.
        MissingDependencyError: Parquet is asked for and pyarrow is not installed.
    """
    rule = LabelRule(label_threshold, label_max)
    if on_bad_row != "error" or rejects is not None:
        raise ConfigError(
            "bad rows of vector pairs are not skipped: leave out on_bad_row and rejects. The error names the cell."
        )
    if keep:
        raise ConfigError(
            "columns of vector pairs are not kept: leave out keep. Scores have the number of their row beside them."
        )
    if is_stream(path):
        raise ConfigError(f"vector pairs are read from a file. {path} is a stream, which is not supported.")
    by_name = columns is None or all(isinstance(column, str) for column in columns)
    if columns is not None and (isinstance(columns, str) or len(columns) != 2 + labeled or not by_name):
        wanted = "left prefix, right prefix" + (", class column" if labeled else "")
        raise ConfigError(f"columns of vector pairs: expected {wanted}. Received {columns!r}.")
    path = Path(path)
    if path.suffix.lower() in NUMPY_SUFFIXES:
        chunks = _numpy_chunks(path, labeled, rule)
    elif (format or table_format(path)) == "parquet":
        check_header(path, "parquet", header)
        chunks = _parquet_chunks(path, labeled, columns, rule)
    else:
        chunks = _csv_chunks(path, labeled, columns, header, format, encoding, delimiter, rule)
    rows = 0
    for chunk in chunks:
        rows += len(chunk)
        yield chunk
    if not rows:
        raise DataFormatError(f"{path}: the file holds no rows. Expected pairs of numeric vectors.")


def holds_vectors(path: str | os.PathLike[str], **options: Any) -> bool:
    """Whether a CSV, TSV or Parquet file looks like vector pairs: the first two rows hold an odd number of
    cells, three or more, those of the second row are numbers, and no columns are called what those of texts are.

    Args:
        path: the file.
        options: format, encoding, delimiter as in `iter_vector_pairs`.
    """
    with open_table(path, **options) as table:
        if table.format not in ("csv", "tsv", "parquet"):
            return False
        rows = [cells for _, (_, cells) in zip(range(2), table.rows, strict=False)]
        names = table.names
    if not rows:
        return False
    if names is None:
        names = [str(cell).strip() for cell in rows[0]]
    return (
        # Texts may be numbers, as those of service lines.
        all(kind.find(names) is None for kind in (PAIRS, TRIPLETS))
        and all(isinstance(cells, list) and len(cells) > 2 and len(cells) % 2 for cells in rows)
        and all(_number(cell) is not None for cell in rows[-1])
    )


def rows_at_once(width: int) -> int:
    return max(1, _CHUNK_NUMBERS // max(width, 1))


@dataclass(frozen=True)
class _Layout:
    """Places of the columns in a table of `width` columns."""

    left: list[int]
    right: list[int]
    label: int | None
    names: tuple[str, ...]
    width: int

    @property
    def side_names(self) -> tuple[str, ...]:
        return tuple(self.names[i] for i in (*self.left, *self.right))


def _layout(
    path: Path, names: Sequence[str] | None, width: int, labeled: bool, columns: Sequence[str] | None
) -> _Layout:
    known = tuple(names) if names is not None else tuple(str(i + 1) for i in range(width))
    if columns is not None:
        return _layout_by_name(path, known, names is not None, labeled, columns)
    label = None
    if labeled:
        label = _class_column(path, known)
    numeric = [i for i in range(width) if i != label]
    if not numeric or len(numeric) % 2:
        beside = " and a class column" if labeled else ""
        hint = delimiter_hint(known, 2 + labeled)
        if not hint and names is not None:
            example = ["left_", "right_", *(["label"] if labeled else [])]
            hint = " Of more, say which to read by what their names begin with, as in "
            hint += f"--columns {','.join(example)} (columns={example})."
        raise DataFormatError(
            f"{path}: expected an even number of numeric columns (first the left vector, then the right one)"
            f"{beside}. Received {len(numeric)}{beside}.{hint}"
        )
    half = len(numeric) // 2
    return _Layout(numeric[:half], numeric[half:], label, known, width)


def _class_column(path: Path, names: Sequence[str]) -> int:
    """The place of the class column: the one called "label", else with another usual name, else the last."""
    usual = [i for i, name in enumerate(names) if name.lower() in LABEL_NAMES]
    usual = [i for i in usual if names[i].lower() == "label"] or usual
    if len(usual) > 1:
        received = ", ".join(repr(names[i]) for i in usual)
        raise DataFormatError(
            f"{path}: expected one class column. Received {received}, all usual names of one. Say which to read, "
            "and what the other columns' names begin with, as in --columns left_,right_,label (columns=[...])."
        )
    return usual[0] if usual else len(names) - 1


def _layout_by_name(
    path: Path, names: tuple[str, ...], has_names: bool, labeled: bool, columns: Sequence[str]
) -> _Layout:
    if not has_names:
        raise DataFormatError(f"{path}: columns are asked for by name, and the file has no header.")
    left_prefix, right_prefix = columns[:2]
    label = None
    if labeled:
        if columns[2] not in names:
            near = difflib.get_close_matches(columns[2], names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataFormatError(f"{path}: no column is named {columns[2]!r}.{hint}")
        label = names.index(columns[2])
    place = {name: i for i, name in enumerate(names)}
    left = [n for n in names if n.startswith(left_prefix) and place[n] != label]
    right = {n for n in names if n.startswith(right_prefix) and place[n] != label}
    partners = [right_prefix + name[len(left_prefix) :] for name in left]
    for name, partner in zip(left, partners, strict=True):
        if partner not in right:
            raise DataFormatError(f"{path}: column {name!r} has no partner {partner!r} on the right.")
    if not left or len(right) != len(left):
        raise DataFormatError(
            f"{path}: expected as many columns that begin with {left_prefix!r} as with {right_prefix!r}. "
            f"Received {len(left)} and {len(right)}."
        )
    return _Layout([place[n] for n in left], [place[n] for n in partners], label, names, len(names))


def _csv_chunks(
    path: Path,
    labeled: bool,
    columns: Sequence[str] | None,
    header: str,
    format: str | None,
    encoding: str | None,
    delimiter: str | None,
    rule: LabelRule,
) -> Iterator[VectorPairs]:
    import pandas as pd

    reading = {"format": format, "encoding": encoding, "delimiter": delimiter}
    with open_table(path, **reading) as table:
        if table.format not in ("csv", "tsv"):
            raise DataFormatError(
                f"{path}: expected vector pairs as CSV, TSV, Parquet, .npy or .npz. Received {table.format}."
            )
        first = next(table.rows, None)
        if first is None:
            raise DataFormatError(f"{path}: the file is empty. Expected pairs of numeric vectors.")
        cells = [str(cell).strip() for cell in first[1]]
        if not any(cells):
            raise DataFormatError(
                f"{table.where(first[0])}: expected names or numbers of vector pairs. Received a blank line."
            )
        has_header = _has_header(table, first[0], cells, header, columns)
        is_csv = table.format == "csv"
    layout = _layout(path, cells if has_header else None, len(cells), labeled, columns)
    places = [*layout.left, *layout.right]
    # One column more than there should be: pandas 2 cuts a row with too many cells short in silence where it is the
    # first of a chunk.
    surplus = layout.width
    dtypes: dict[int, Any] = dict.fromkeys(range(surplus + 1), str)
    dtypes.update(dict.fromkeys(places, np.float32))
    half = len(layout.left)
    separator = delimiter or ("," if is_csv else "\t")
    try:
        with (
            # Split at each separator, as TSV is, and joined again: pandas finds the quotes of CSV.
            open_table(path, format="tsv", encoding=encoding, delimiter=separator) as table,
            pd.read_csv(
                _TextOf(table, separator),
                sep=separator,
                quoting=csv.QUOTE_MINIMAL if is_csv else csv.QUOTE_NONE,
                header=None,
                names=range(surplus + 1),
                skiprows=first[0] if has_header else 0,
                dtype=dtypes,
                na_filter=False,
                skip_blank_lines=False,
                chunksize=rows_at_once(len(places)),
            ) as reader,
        ):
            while True:
                with np.errstate(over="ignore"):
                    frame = next(reader, None)
                if frame is None:
                    return
                if frame[surplus].fillna("").ne("").any():
                    raise ValueError("a row has too many cells")
                matrix = np.ascontiguousarray(frame[places].to_numpy(np.float32))
                if not np.isfinite(matrix).all():
                    raise ValueError("a number is not finite")
                labels = None if layout.label is None else _labels(frame[layout.label], rule)
                yield VectorPairs(matrix[:, :half], matrix[:, half:], labels, layout.side_names)
    except pd.errors.EmptyDataError:
        return
    except (ValueError, KeyError, pd.errors.ParserError) as error:
        # pandas says little about where it was: find the cell at leisure.
        with open_table(path, **reading) as table:
            _raise_first_fault(table, layout, has_header, rule)
        raise DataFormatError(f"{path}: expected a table of numbers. {error}") from error


class _TextOf(io.TextIOBase):
    """The text of an open table as a file for pandas, less blank rows at its end."""

    def __init__(self, table: Table, separator: str) -> None:
        self._lines = (separator.join(cast(list[str], cells)) + "\n" for _, cells in table.rows)

    def read(self, size: int | None = -1) -> str:
        """Some lines, however many characters are asked for; pandas takes what it gets."""
        return "".join(islice(self._lines, _READ_LINES))


def _has_header(
    table: Table, number: int, cells: list[str], header: str, columns: Sequence[str] | None
) -> bool:
    if header != "auto":
        return header == "yes"
    numbers = sum(_number(cell) is not None for cell in cells)
    class_names = LABEL_NAMES if columns is None else {*LABEL_NAMES, columns[-1].lower()}
    if not numbers or any(cell.lower() in class_names for cell in cells):
        return True
    if numbers < len(cells) - 1:
        raise DataFormatError(
            f"{table.where(number)}: cannot tell whether this is a header: {numbers} of {len(cells)} cells "
            "are numbers. Pass --header yes or no (header=...)."
        )
    return False


def _number(cell: Any) -> float | None:
    """The cell as a number; None where it is none. May be infinite or NaN."""
    try:
        return None if "_" in str(cell) else float(cell)
    except (TypeError, ValueError):
        return None


def _labels(cells: Any, rule: LabelRule) -> np.ndarray:
    """Labels of a pandas Series or a list."""
    known: dict[Any, float] = {}
    labels = np.empty(len(cells), np.float32)
    for i, cell in enumerate(cells.tolist() if hasattr(cells, "tolist") else cells):
        found = known.get(cell)
        labels[i] = known.setdefault(cell, rule(cell)) if found is None else found
    return labels


def _raise_first_fault(table: Table, layout: _Layout, has_header: bool, rule: LabelRule) -> None:
    rows = table.rows
    if has_header:
        next(rows)
    for number, cells in rows:
        assert isinstance(cells, list)
        if len(cells) != layout.width:
            raise DataFormatError(
                f"{table.where(number)}: expected {layout.width} {table.separator} columns. "
                f"Received {len(cells) or 'a blank line'}."
            )
        for place in (*layout.left, *layout.right):
            _check_number(cells[place], f"{table.where(number)}, column {layout.names[place]}")
        if layout.label is not None:
            where = f"{table.where(number)}, column {layout.names[layout.label]}"
            _check_label(cells[layout.label], where, rule)


def _check_number(cell: Any, where: str) -> None:
    value = _number(cell)
    with np.errstate(over="ignore"):
        fits = value is not None and bool(np.isfinite(np.float32(value)))
    if not fits:
        raise DataFormatError(f"{where}: expected a finite number. Received {_shown(cell)}.")


def _check_label(cell: Any, where: str, rule: LabelRule) -> None:
    try:
        rule(cell)
    except ValueError as error:
        raise DataFormatError(f"{where}: {error}") from None


def _shown(cell: Any) -> str:
    if cell is None or cell == "":
        return "an empty cell"
    return f"{str(cell)!r:.60}"


def _parquet_chunks(
    path: Path, labeled: bool, columns: Sequence[str] | None, rule: LabelRule
) -> Iterator[VectorPairs]:
    with open_bytes(path) as file, open_parquet(file, path) as parquet:
        import pyarrow as pa

        schema = parquet.schema_arrow
        layout = _layout(path, schema.names, len(schema.names), labeled, columns)
        places = [*layout.left, *layout.right]
        for place in places:
            kind = schema.field(place).type
            if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
                raise DataFormatError(
                    f"{path}, column {layout.names[place]}: expected numbers. Received the type {kind}."
                )
        done = 0
        half = len(layout.left)
        for batch in parquet_batches(parquet, path, rows_at_once(len(places))):
            matrix = np.empty((batch.num_rows, len(places)), np.float32)
            for target, place in enumerate(places):
                # A missing value becomes NaN.
                matrix[:, target] = batch.column(place).to_numpy(zero_copy_only=False)
            _check_matrix(matrix, path, done, layout.side_names)
            labels = None
            if layout.label is not None:
                cells = batch.column(layout.label).to_pylist()
                labels = _checked_labels(cells, path, done, layout.names[layout.label], rule)
            yield VectorPairs(matrix[:, :half], matrix[:, half:], labels, layout.side_names)
            done += batch.num_rows


def _check_matrix(matrix: np.ndarray, path: Path, done: int, names: Sequence[str]) -> None:
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0].tolist()
        raise DataFormatError(
            f"{path}, row {done + row + 1}, column {names[column]}: expected a finite number. "
            f"Received {matrix[row, column]}."
        )


def _checked_labels(cells: Any, path: Path, done: int, name: str, rule: LabelRule) -> np.ndarray:
    try:
        return _labels(cells, rule)
    except ValueError:
        for row, cell in enumerate(cells, done + 1):
            _check_label(cell, f"{path}, row {row}, column {name}", rule)
        raise


def _numpy_chunks(path: Path, labeled: bool, rule: LabelRule) -> Iterator[VectorPairs]:
    left, right, labels = _load_numpy(path, labeled)
    width = left.shape[1]
    names = tuple(str(i + 1) for i in range(2 * width))
    for part in slices(len(left), rows_at_once(2 * width)):
        with np.errstate(over="ignore"):
            a, b = np.asarray(left[part], np.float32), np.asarray(right[part], np.float32)
        _check_matrix(a, path, part.start, names[:width])
        _check_matrix(b, path, part.start, names[width:])
        yield VectorPairs(
            a,
            b,
            None
            if labels is None
            else _checked_labels(labels[part].tolist(), path, part.start, "label", rule),
            names,
        )


def _load_numpy(path: Path, labeled: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    if path.is_dir():
        raise DataFormatError(f"{path}: expected a file. Received a folder.")
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return _split_matrix(path, loaded, labeled)
        with loaded:
            return _split_archive(path, {name: loaded[name] for name in loaded.files}, labeled)
    except FileNotFoundError:
        raise DataFormatError(f"{path}: no such file.") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataFormatError(f"{path}: expected a NumPy file of numbers. {error}") from error


def _split_matrix(
    path: Path, matrix: np.ndarray, labeled: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    _check_numeric(path, "the array", matrix, 2)
    width = matrix.shape[1] - labeled
    if width < 2 or width % 2:
        shape = "(n, 2k + 1), the class last" if labeled else "(n, 2k)"
        raise DataFormatError(f"{path}: expected an array of shape {shape}. Received {matrix.shape}.")
    half = width // 2
    return matrix[:, :half], matrix[:, half:width], matrix[:, -1] if labeled else None


def _split_archive(
    path: Path, arrays: dict[str, np.ndarray], labeled: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    wanted = ("left", "right", "label") if labeled else ("left", "right")
    if "labels" in arrays:
        arrays.setdefault("label", arrays["labels"])
    for name in wanted:
        if name not in arrays:
            raise DataFormatError(
                f"{path}: expected the arrays {', '.join(wanted)}. Received {', '.join(arrays) or 'none'}."
            )
        _check_numeric(path, f"array {name}", arrays[name], 1 if name == "label" else 2)
    left, right = arrays["left"], arrays["right"]
    label = arrays["label"] if labeled else None
    if left.shape != right.shape or (label is not None and len(label) != len(left)):
        shapes = ", ".join(f"{name} {arrays[name].shape}" for name in wanted)
        raise DataFormatError(f"{path}: expected the shapes (n, k), (n, k) and (n,). Received {shapes}.")
    return left, right, label


def _check_numeric(path: Path, what: str, array: np.ndarray, dimensions: int) -> None:
    if array.ndim != dimensions or array.dtype.kind not in "fiub":
        raise DataFormatError(
            f"{path}: expected {what} to hold numbers in {dimensions} dimensions. "
            f"Received {array.ndim} of type {array.dtype}."
        )
