"""Files, standard input and data frames to sentence pairs, triplets or single texts."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from textsim.data.columns import (
    EVERY,
    LINE,
    PAIRS,
    TEXTS,
    TRIPLETS,
    UNLABELED,
    BadRow,
    Columns,
    RowKind,
    did_you_mean,
    find_columns,
    parse_keep,
    parse_wanted,
)
from textsim.data.formats.files import open_table
from textsim.data.formats.table import Cells, Malformed, Table, is_blank
from textsim.data.labels import LabelRule
from textsim.errors import ConfigError, DataFormatError, InputError
from textsim.io.atomic import atomic_file
from textsim.io.paths import STREAM, as_text, check_target, is_stream

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "EVERY",
    "PAIRS",
    "TEXTS",
    "TRIPLETS",
    "UNLABELED",
    "FileInfo",
    "RejectLog",
    "RowChunk",
    "RowKind",
    "RowReader",
    "detect_kind",
    "read_rows",
    "rows_from_frame",
]

BAD_ROW_POLICIES = ("error", "skip")

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class RowChunk:
    """Some consecutive rows.

    Attributes:
        texts: for each text column the cells of the rows; normalized if the reader was given a normalizer.
        labels: float32 array of shape (rows,) in [0, 1], or None where the kind has no label.
        lines: for each row the number of the line on which it begins (Parquet and data frames: of the row),
            from 1.
        kept: the cells of further columns that the reader was asked to keep, by name.
    """

    texts: tuple[list[str], ...]
    labels: np.ndarray | None
    lines: list[int]
    kept: dict[str, list[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lines)

    def take(self, places: list[int]) -> RowChunk:
        """The rows at these places, from 0."""

        def pick(column: list[Any]) -> list[Any]:
            return [column[place] for place in places]

        return RowChunk(
            tuple(map(pick, self.texts)),
            None if self.labels is None else self.labels[places],
            pick(self.lines),
            {name: pick(cells) for name, cells in self.kept.items()},
        )


@dataclass
class FileInfo:
    """What was found about a file. `rows`, `rejected` and `quoted` count what has been read so far.

    `quoted` are cells of TSV in double quotes, which are kept.
    """

    path: str
    format: str
    encoding: str | None
    header: bool
    columns: list[str]
    rows: int = 0
    rejected: int = 0
    quoted: int = 0


class RejectLog:
    """Bad rows that were left out, as a TSV file: path, line, reason, and the row as a JSON string.

    Args:
        path: the file to write, with a header alone where there is no bad row; None counts the rows only.
    """

    def __init__(self, path: AnyPath | None = None) -> None:
        if path is not None and os.fspath(path) == STREAM:
            raise ConfigError("rejects go to a file of their own. Received '-', which is a stream.")
        self.path = path
        self.count = 0
        self._stack = contextlib.ExitStack()
        self._file: IO[str] | None = None

    def add(self, path: AnyPath, line: int, reason: str, raw: str) -> None:
        self.count += 1
        if self.path is None:
            return
        if self._file is None:
            self._file = self._open(self.path)
        row = json.dumps(raw, ensure_ascii=not _is_utf8(raw))
        self._file.write(f"{_one_line(as_text(path))}\t{line}\t{_one_line(reason)}\t{row}\n")

    def _open(self, path: AnyPath) -> IO[str]:
        file = self._stack.enter_context(atomic_file(path))
        file.write("path\tline\treason\trow\n")
        return file

    def __enter__(self) -> RejectLog:
        return self

    def __exit__(self, *error: object) -> None:
        if self.path is not None and self._file is None and error[0] is None:
            # Those of an earlier run would be taken for this one's.
            self._file = self._open(self.path)
        # Kept after an error too: it says which rows had been refused until then.
        self._stack.close()


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _one_line(text: str) -> str:
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split())


class RowReader:
    """An iterator over the chunks of one file; `read_rows` makes it.

    Attributes:
        info: what was found about the file; its counts grow with the rows that were read.
        rejected_lines: the numbers of the first few rows that were refused.
    """

    def __init__(
        self,
        table: Table,
        kind: RowKind,
        columns: Columns,
        rule: LabelRule,
        rejects: RejectLog | None,
        normalizer: Callable[[str], str] | None,
        chunk_rows: int,
    ) -> None:
        self._table = table
        self._kind = kind
        self._columns = columns
        self._rule = rule
        self._rejects = rejects
        self._normalizer = normalizer
        self._chunk_rows = chunk_rows
        self._stack = contextlib.ExitStack()
        self.info = FileInfo(
            as_text(table.name), table.format, table.encoding, columns.header, list(columns.names)
        )
        self.rejected_lines: list[int] = []
        self._chunks = self._read()

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of the columns whose cells go into the chunks as they are."""
        return self._columns.kept

    def __iter__(self) -> Iterator[RowChunk]:
        return self

    def __next__(self) -> RowChunk:
        return next(self._chunks)

    def keep_open(self, stack: contextlib.ExitStack) -> None:
        """Takes over what holds the file open, to be closed after the last row."""
        self._stack = stack

    def close(self) -> None:
        """Closes the file before its end."""
        self._chunks.close()
        self._stack.close()

    def _read(self) -> Generator[RowChunk, None, None]:
        kind, get = self._kind, self._columns.get
        texts: tuple[list[str], ...] = tuple([] for _ in range(kind.texts))
        labels: list[float] = []
        lines: list[int] = []
        kept = self._no_cells()
        further = [name for name in kept if name != LINE]
        label_of = _RememberedLabels(self._rule)
        normalized = _NormalizedTexts(self._normalizer)
        with self._stack:
            for number, cells in self._table.rows:
                try:
                    row = get(cells)
                    clean = [
                        normalized(text, name) for text, name in zip(row, kind.text_columns, strict=False)
                    ]
                    if kind.labeled:
                        labels.append(label_of(row[kind.texts], self._columns.names[-1]))
                except BadRow as bad:
                    self.reject(number, f"{bad}{self._table.quotes_hint(cells)}", _raw(cells))
                    continue
                for column, text in zip(texts, clean, strict=True):
                    column.append(text)
                if further:
                    for name, cell in zip(further, row[len(kind.columns) :], strict=True):
                        kept[name].append(cell)
                lines.append(number)
                if len(lines) == self._chunk_rows:
                    yield self._chunk(texts, labels, lines, kept)
                    texts, labels, lines = tuple([] for _ in range(kind.texts)), [], []
                    kept = self._no_cells()
                    normalized.forget()
            if lines:
                yield self._chunk(texts, labels, lines, kept)
        if not self.info.rows:
            self._raise_empty()

    def reject(self, line: int, reason: str, raw: str) -> None:
        """Refuses a row: counts it and writes it down, or raises, as `on_bad_row` says.

        Also for what only a later step can find; `info.rows` counts such a row nevertheless.

        Raises:
            DataFormatError: bad rows are errors.
        """
        if self._rejects is None:
            raise DataFormatError(f"{self._table.where(line)}: {reason}")
        self.info.rejected += 1
        if len(self.rejected_lines) < 10:
            self.rejected_lines.append(line)
        self._rejects.add(self._table.name, line, reason, raw)

    def _no_cells(self) -> dict[str, list[Any]]:
        return {name: [] for name in self._columns.kept}

    def _chunk(
        self,
        texts: tuple[list[str], ...],
        labels: list[float],
        lines: list[int],
        kept: dict[str, list[Any]],
    ) -> RowChunk:
        self.info.rows += len(lines)
        self.info.encoding, self.info.quoted = self._table.encoding, self._table.quoted
        if LINE in kept:
            kept[LINE] = lines
        return RowChunk(texts, np.array(labels, np.float32) if self._kind.labeled else None, lines, kept)

    def _raise_empty(self) -> None:
        path = self._table.name
        if self.info.rejected:
            raise DataFormatError(
                f"{path}: none of its {self.info.rejected} rows can be used; all were refused."
            )
        beside = " but a header" if self.info.header else ""
        raise DataFormatError(
            f"{path}: the file holds nothing{beside}. Expected rows of {', '.join(self._kind.columns)}."
        )


class _RememberedLabels:
    """A label rule that looks each different cell up once."""

    def __init__(self, rule: LabelRule) -> None:
        self._rule = rule
        self._known: dict[str, float] = {}

    def __call__(self, cell: Any, column: str) -> float:
        if isinstance(cell, str) and cell in self._known:
            return self._known[cell]
        try:
            label = self._rule(cell)
        except ValueError as error:
            raise BadRow(f"column {column}: {error}") from None
        if isinstance(cell, str) and len(self._known) < 10_000:
            self._known[cell] = label
        return label


class _NormalizedTexts:
    """Checks text cells, and normalizes each different one once until it is told to forget."""

    def __init__(self, normalizer: Callable[[str], str] | None) -> None:
        self._normalizer = normalizer
        self._known: dict[str, str] = {}

    def __call__(self, text: Any, column: str) -> str:
        if not isinstance(text, str):
            if text is None:
                raise BadRow(f"{column} is missing: expected a text.")
            raise BadRow(f"{column}: expected a text. Received {type(text).__name__} {str(text)!r:.80}.")
        if self._normalizer is None:
            if not text or text.isspace():
                raise BadRow(f"{column} is empty: expected a text.")
            return text
        clean = self._known.get(text)
        if clean is None:
            clean = self._known[text] = self._normalizer(text)
        if not clean:
            beside = " once it is normalized" if text and not text.isspace() else ""
            raise BadRow(f"{column} is empty{beside}: expected a text.")
        return clean

    def forget(self) -> None:
        self._known.clear()


def _raw(cells: Cells) -> str:
    if isinstance(cells, Malformed):
        return cells.raw
    if isinstance(cells, dict):
        return json.dumps(cells, ensure_ascii=False, default=str)
    return "\t".join("" if cell is None else str(cell) for cell in cells)


def read_rows(
    path: AnyPath,
    kind: RowKind = PAIRS,
    *,
    columns: Sequence[str | int] | None = None,
    header: str = "auto",
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    on_bad_row: str = "error",
    rejects: RejectLog | AnyPath | None = None,
    label_threshold: float | None = None,
    label_max: float | None = None,
    normalizer: Callable[[str], str] | None = None,
    keep: Sequence[str | int] = (),
    chunk_rows: int = 8192,
) -> RowReader:
    """Reads a file of texts as a stream.

    TSV is split at every tab and its quotes are plain text; CSV has quotes, and records may span lines; JSON and
    Parquet have columns by name; of an Excel workbook the one sheet is read. Each may be compressed with gzip.

    Args:
        path: the file; "-" is standard input.
        kind: what a row holds: `PAIRS`, `UNLABELED`, `TRIPLETS` or `TEXTS`.
        columns: for each column of the kind its name in the header, or its position from 1 as `cut -f`
            counts. By default columns with the usual names (see `RowKind.aliases`) are found where there is
            a header; else the file must have just the columns of the kind, in order.
        header: "yes", "no", or "auto": the first row of a TSV or CSV file is a header when it
            holds the `columns` that are asked for by name, or the usual names.
        format: the name of a registered format, such as "csv"; by default the one that the file's name tells.
        encoding: by default detected.
        delimiter: of TSV and CSV, in place of the tab or comma.
        on_bad_row: "error" or "skip".
        rejects: where rows that are skipped are written down: a log, or a file to make.
        label_threshold: allows graded labels, and makes them 1 where they are at least this, else 0.
        label_max: allows graded labels from 0 to this, and keeps them as shares of it.
        normalizer: applied to every text; one that is empty afterwards makes a bad row.
        keep: further columns whose cells go into the chunks as they are, by name or position; "line" is the
            number of the line. `EVERY` alone: a dict of all further cells, by name.
        chunk_rows: rows in a chunk (the last may have fewer).

    Returns:
        An iterator over `RowChunk`. Its `info` tells the encoding and counts rows.

    Raises:
        DataFormatError: the file cannot be read or lacks a column; or, from the iterator, a row is bad or no
            row is left. Names file and line.
        ConfigError: an argument has a value that it cannot have.
        MissingDependencyError: Parquet is asked for and pyarrow is not installed.
    """
    if on_bad_row not in BAD_ROW_POLICIES:
        raise ConfigError(f"on_bad_row {on_bad_row!r}: expected one of: {', '.join(BAD_ROW_POLICIES)}.")
    rule = LabelRule(label_threshold, label_max)
    if rule != LabelRule() and not kind.labeled:
        raise ConfigError(f"{kind.name} have no labels: leave out label_threshold and label_max.")
    if format is None and kind is TEXTS and _is_plain_text(path):
        format = "lines"
    if rejects is not None and on_bad_row != "skip":
        raise ConfigError("rejects are written with on_bad_row 'skip' only: pass both or leave rejects out.")
    if rejects is not None and not isinstance(rejects, RejectLog):
        check_target(rejects, [path])
    with contextlib.ExitStack() as stack:
        log = None
        if on_bad_row == "skip":
            log = rejects if isinstance(rejects, RejectLog) else stack.enter_context(RejectLog(rejects))
        table = stack.enter_context(open_table(path, format=format, encoding=encoding, delimiter=delimiter))
        wanted, kept = parse_wanted(columns, kind, header), parse_keep(keep, header)
        found = find_columns(table, kind, wanted, header, rule, kept)
        reader = RowReader(table, kind, found, rule, log, normalizer, chunk_rows)
        reader.keep_open(stack.pop_all())
        return reader
    raise AssertionError("an exit stack swallows no exception")


def _is_plain_text(path: AnyPath) -> bool:
    return os.fspath(path) == STREAM or os.fspath(path).lower().removesuffix(".gz").endswith(".txt")


def rows_from_frame(
    frame: pd.DataFrame,
    kind: RowKind = PAIRS,
    *,
    columns: Sequence[str] | None = None,
    label_threshold: float | None = None,
    label_max: float | None = None,
) -> RowChunk:
    """The rows of a pandas DataFrame.

    Args:
        frame: one row a pair, triplet or text.
        kind: what a row holds.
        columns: names of the frame's columns; by default the usual names are found.
        label_threshold, label_max: as in `read_rows`.

    Returns:
        One chunk with all rows; `lines` counts them from 1.

    Raises:
        InputError: a column or a text is missing, or a cell is not what it should be. Names row and column.
    """
    names = [str(name) for name in frame.columns]
    chosen = kind.find(names) if columns is None else tuple(map(str, columns))
    have = ", ".join(map(repr, names)) or "none"
    if chosen is None:
        raise InputError(
            f"the data frame: expected the columns {', '.join(kind.columns)}. Received {have}. "
            "Say which to read with columns=[...]."
        )
    if len(chosen) != len(kind.columns):
        raise InputError(f"columns: expected names for {', '.join(kind.columns)}. Received {chosen!r}.")
    for name in chosen:
        if name not in names:
            raise InputError(
                f"the data frame: no column is named {name!r}. Received {have}.{did_you_mean(name, names)}"
            )
    cells: list[list[Any]] = []
    for name in chosen:
        column = frame.iloc[:, names.index(name)]
        missing = column.isna().tolist()
        values: list[Any] = column.tolist()
        cells.append([None if gone else value for value, gone in zip(values, missing, strict=True)])
    rule = _RememberedLabels(LabelRule(label_threshold, label_max))
    check = _NormalizedTexts(None)
    labels = np.empty(len(frame), np.float32)
    for number, row in enumerate(zip(*cells, strict=True)):
        try:
            for text, name in zip(row, kind.text_columns, strict=False):
                check(text, name)
            if kind.labeled:
                labels[number] = rule(row[-1], chosen[-1])
        except BadRow as bad:
            raise InputError(f"the data frame, row {number + 1}: {bad}") from None
    return RowChunk(
        tuple(cells[: kind.texts]), labels if kind.labeled else None, list(range(1, len(frame) + 1))
    )


def detect_kind(path: AnyPath, **options: Any) -> RowKind:
    """`TRIPLETS` where the file's columns have a triplet's names and not a pair's, else `PAIRS`.

    Args:
        path: the file. Standard input, a pipe or a device is not looked at: what is read of it is gone.
        options: format, encoding, delimiter as in `read_rows`.
    """
    if is_stream(path):
        return PAIRS
    with open_table(path, **options) as table:
        names = table.names
        if names is None:
            rows = table.take_until(_may_name_columns)
            first = rows[-1][1] if rows else []
            names = [] if isinstance(first, Malformed) else [str(cell).strip() for cell in first]
    is_triplets = TRIPLETS.find(names) is not None and PAIRS.find(names) is None
    return TRIPLETS if is_triplets else PAIRS


def _may_name_columns(cells: Cells) -> bool:
    """Whether a row may tell what a file's columns are called; blank and broken ones before it do not."""
    if isinstance(cells, dict):
        return any(kind.find(list(cells)) is not None for kind in (PAIRS, TRIPLETS))
    return isinstance(cells, list) and not is_blank(cells)
