"""Files, standard input and data frames to sentence pairs, triplets or single texts."""

from __future__ import annotations

import contextlib
import difflib
import json
import math
import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from textsim.errors import ConfigError, DataFormatError, InputError
from textsim.files import atomic_file
from textsim.text.encoding import STDIN
from textsim.text.tables import Cells, Malformed, Table, open_table

if TYPE_CHECKING:
    import pandas as pd

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class RowKind:
    """What a row holds.

    Attributes:
        name: of the kind.
        columns: what the columns are called, the label last where there is one.
        aliases: for each column, the header names (lower case) that are taken for it.
    """

    name: str
    columns: tuple[str, ...]
    aliases: tuple[frozenset[str], ...]

    @property
    def labeled(self) -> bool:
        return self.columns[-1] == "label"

    @property
    def texts(self) -> int:
        """How many of the columns are texts."""
        return len(self.columns) - self.labeled


_TEXT_A = frozenset({"text_a", "sentence1", "sentence_a", "text1", "question1", "query", "q1", "s1"})
_TEXT_B = frozenset({"text_b", "sentence2", "sentence_b", "text2", "question2", "title", "q2", "s2"})
LABEL_NAMES = frozenset(
    {"label", "labels", "gold_label", "is_duplicate", "similarity", "score", "class", "target"}
)

PAIRS = RowKind("pairs", ("text_a", "text_b", "label"), (_TEXT_A, _TEXT_B, LABEL_NAMES))
UNLABELED = RowKind("unlabeled pairs", ("text_a", "text_b"), (_TEXT_A, _TEXT_B))
TRIPLETS = RowKind(
    "triplets",
    ("anchor", "positive", "negative"),
    (frozenset({"anchor"}), frozenset({"positive", "pos"}), frozenset({"negative", "neg"})),
)
TEXTS = RowKind("texts", ("text",), (frozenset({"text", "sentence", "content"}),))

HEADERS = ("auto", "yes", "no")
BAD_ROW_POLICIES = ("error", "skip")
_EXACT_LABELS = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0}


@dataclass(frozen=True)
class RowChunk:
    """Some consecutive rows.

    Attributes:
        texts: for each text column the cells of the rows, not normalized.
        labels: float32 array of shape (rows,) in [0, 1], or None where the kind has no label.
        lines: for each row the number of the line on which it begins (Parquet and data frames: of the row),
            from 1.
    """

    texts: tuple[list[str], ...]
    labels: np.ndarray | None
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)


@dataclass
class FileInfo:
    """What was found about a file. `rows` and `rejected` count what has been read so far."""

    path: str
    format: str
    encoding: str | None
    header: bool
    columns: tuple[str, ...]
    rows: int = 0
    rejected: int = 0


class RejectLog:
    """Bad rows that were left out, as a TSV file: path, line, reason, and the row as a JSON string.

    Args:
        path: the file to write, made with the first bad row; None counts the rows only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.count = 0
        self._stack = contextlib.ExitStack()
        self._file: IO[str] | None = None

    def add(self, path: Path, line: int, reason: str, raw: str) -> None:
        self.count += 1
        if self.path is None:
            return
        if self._file is None:
            self._file = self._stack.enter_context(atomic_file(self.path))
            self._file.write("path\tline\treason\trow\n")
        row = json.dumps(raw, ensure_ascii=not _is_utf8(raw))
        self._file.write(f"{path}\t{line}\t{_one_line(reason)}\t{row}\n")

    def __enter__(self) -> RejectLog:
        return self

    def __exit__(self, *error: object) -> None:
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


@dataclass(frozen=True)
class LabelRule:
    """How a label cell becomes a number in [0, 1].

    Without options only 0, 1, true and false are labels.

    Args:
        threshold: numbers are allowed, and become 1 where they are at least this, else 0. true is 1, false 0.
        soft: numbers in [0, 1] are allowed and kept.

    Raises:
        ConfigError: both are asked for, or the threshold is not finite.
    """

    threshold: float | None = None
    soft: bool = False

    def __post_init__(self) -> None:
        if self.threshold is not None and self.soft:
            raise ConfigError("label_threshold and soft_labels exclude each other: pass one of them.")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ConfigError(f"label_threshold: expected a finite number. Received {self.threshold}.")

    def __call__(self, cell: Any) -> float:
        """The label.

        Raises:
            ValueError: the cell is no label. The message says what was expected.
        """
        text = str(cell).strip().lower()
        if self.threshold is None or text in ("false", "true"):
            exact = _EXACT_LABELS.get(text)
            if exact is not None:
                return exact
        try:
            value = float(text) if "_" not in text else math.nan
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            if self.threshold is not None:
                return float(value >= self.threshold)
            if value in (0, 1) or (self.soft and 0 <= value <= 1):
                return value
        if self.threshold is not None:
            expected = "a number"
        elif self.soft:
            expected = "a number from 0 to 1"
        else:
            expected = "label 0 or 1 (or true, false)"
        hint = ""
        if self.threshold is None and math.isfinite(value):
            hint = " Pass --label-threshold (label_threshold=...) to cut graded labels in two"
            hint += "." if self.soft else ", or --soft-labels (soft_labels=True) to keep numbers from 0 to 1."
        raise ValueError(f"expected {expected}. Received {str(cell)!r:.80}.{hint}")


class _BadRow(Exception):
    """Why a row cannot be used; never leaves this module."""


class RowReader:
    """An iterator over the chunks of one file; `read_rows` makes it.

    Attributes:
        info: the `FileInfo`, its counts growing with the rows that were read.
    """

    def __init__(self, table: Table, kind: RowKind, options: _Options, stack: contextlib.ExitStack) -> None:
        self._table = table
        self._kind = kind
        self._options = options
        self._stack = stack
        self._get, columns, header, self._expected = _layout(table, kind, options)
        self.info = FileInfo(os.fspath(table.path), table.format, table.encoding, header, columns)
        self._chunks: Generator[RowChunk, None, None] = self._read()

    def __iter__(self) -> Iterator[RowChunk]:
        return self

    def __next__(self) -> RowChunk:
        return next(self._chunks)

    def close(self) -> None:
        """Closes the file before its end."""
        self._chunks.close()
        self._stack.close()

    def reject(self, line: int, reason: str, raw: str) -> None:
        """Refuses a row: counts it and writes it down, or raises, as `on_bad_row` says.

        Also for what only a later step can find, such as a text that is empty once it is normalized;
        `info.rows` counts that row nevertheless.

        Raises:
            DataFormatError: bad rows are errors.
        """
        if self._options.rejects is None:
            raise DataFormatError(f"{self._table.where(line)}: {reason}")
        self.info.rejected += 1
        self._options.rejects.add(self._table.path, line, reason, raw)

    def _read(self) -> Generator[RowChunk, None, None]:
        kind, get, label_rule = self._kind, self._get, self._options.labels
        n_texts = kind.texts
        known: dict[Any, float] = {}
        columns: tuple[list[str], ...] = tuple([] for _ in range(n_texts))
        labels: list[float] = []
        lines: list[int] = []
        with self._stack:
            for number, cells in self._table.rows:
                try:
                    row = get(cells)
                    for name, text in zip(kind.columns, row[:n_texts], strict=False):
                        if not isinstance(text, str):
                            raise _BadRow(_not_a_text(name, text))
                        if not text or text.isspace():
                            raise _BadRow(f"{name} is empty: expected a text.")
                    if kind.labeled:
                        cell = row[n_texts]
                        # 1, True and 1.0 are one dict key, and one label.
                        label = known.get(cell) if isinstance(cell, str) else None
                        if label is None:
                            try:
                                label = label_rule(cell)
                            except ValueError as error:
                                raise _BadRow(f"column {self.info.columns[-1]}: {error}") from None
                            if isinstance(cell, str) and len(known) < 1000:
                                known[cell] = label
                        labels.append(label)
                except _BadRow as bad:
                    self.reject(number, str(bad), _raw(cells, self._table))
                    continue
                for column, text in zip(columns, row, strict=False):
                    column.append(text)
                lines.append(number)
                if len(lines) == self._options.chunk_rows:
                    yield self._chunk(columns, labels, lines)
                    columns, labels, lines = tuple([] for _ in range(n_texts)), [], []
            if lines:
                yield self._chunk(columns, labels, lines)
        if not self.info.rows:
            self._raise_empty()

    def _chunk(self, columns: tuple[list[str], ...], labels: list[float], lines: list[int]) -> RowChunk:
        self.info.rows += len(lines)
        return RowChunk(columns, np.array(labels, np.float32) if self._kind.labeled else None, lines)

    def _raise_empty(self) -> None:
        path, rejected = self._table.path, self.info.rejected
        if rejected:
            raise DataFormatError(f"{path}: none of the rows can be used; {rejected} were refused.")
        rest = " but a header" if self.info.header else ""
        raise DataFormatError(f"{path}: the file holds nothing{rest}. Expected {self._expected}.")


@dataclass(frozen=True)
class _Options:
    columns: tuple[str | int, ...] | None
    header: str
    labels: LabelRule
    rejects: RejectLog | None
    chunk_rows: int = 8192


def read_rows(
    path: Path,
    kind: RowKind = PAIRS,
    *,
    columns: Sequence[str | int] | None = None,
    header: str | bool = "auto",
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    on_bad_row: str = "error",
    rejects: RejectLog | Path | None = None,
    label_threshold: float | None = None,
    soft_labels: bool = False,
    chunk_rows: int = 8192,
) -> RowReader:
    """Reads a file of texts as a stream.

    TSV is split at every tab and its quotes are plain text; CSV has quotes, and records may span lines; JSON
    lines and Parquet have columns by name. Each of them may be compressed with gzip.

    Args:
        path: the file; "-" is standard input.
        kind: what a row holds: `PAIRS`, `UNLABELED`, `TRIPLETS` or `TEXTS`.
        columns: for each column of the kind its name in the header, or its position from 1 as `cut -f`
            counts. By default columns with the usual names (see `RowKind.aliases`) are found where there is
            a header; else the file must have just the columns of the kind, in order.
        header: "yes" (True), "no" (False), or "auto": the first row of a TSV or CSV file is a header when it
            holds the `columns` that are asked for by name, or the usual names.
        format: one of `textsim.text.tables.FORMATS`; by default the one that the file's name tells.
        encoding: by default detected.
        delimiter: of TSV and CSV, in place of the tab or comma.
        on_bad_row: "error" or "skip".
        rejects: where rows that are skipped are written down: a log, or a file to make.
        label_threshold: allows graded labels, and makes them 1 where they are at least this, else 0.
        soft_labels: allows labels between 0 and 1.
        chunk_rows: rows in a chunk (the last may have fewer).

    Returns:
        An iterator over `RowChunk`. Its `info` tells the encoding and counts rows.

    Raises:
        DataFormatError: the file cannot be read or lacks a column; or, from the iterator, a row is bad or no
            row is left. Names file and line.
        ConfigError: an argument has a value that it cannot have.
        MissingDependencyError: Parquet is asked for and pyarrow is not installed.
    """
    if isinstance(header, bool):
        header = "yes" if header else "no"
    if header not in HEADERS:
        raise ConfigError(f"header {header!r}: expected one of: {', '.join(HEADERS)}.")
    if on_bad_row not in BAD_ROW_POLICIES:
        raise ConfigError(f"on_bad_row {on_bad_row!r}: expected one of: {', '.join(BAD_ROW_POLICIES)}.")
    wanted = _check_columns(columns, kind, header)
    rule = LabelRule(label_threshold, soft_labels)
    with contextlib.ExitStack() as stack:
        log = None
        if on_bad_row == "skip":
            log = rejects if isinstance(rejects, RejectLog) else stack.enter_context(RejectLog(rejects))
        if format is None and kind is TEXTS and _is_plain_text(path):
            format = "lines"
        table = stack.enter_context(open_table(path, format=format, encoding=encoding, delimiter=delimiter))
        return RowReader(table, kind, _Options(wanted, header, rule, log, chunk_rows), stack.pop_all())
    raise AssertionError("unreachable")


def _is_plain_text(path: Path) -> bool:
    return os.fspath(path) == STDIN or os.fspath(path).lower().removesuffix(".gz").endswith(".txt")


def _check_columns(
    columns: Sequence[str | int] | None, kind: RowKind, header: str
) -> tuple[str | int, ...] | None:
    if columns is None:
        return None
    if isinstance(columns, str) or len(columns) != len(kind.columns):
        raise ConfigError(
            f"columns: expected {len(kind.columns)} names or positions for {', '.join(kind.columns)}. "
            f"Received {columns!r}."
        )
    # The command line has strings only.
    parsed = tuple(int(c) if isinstance(c, str) and c.isascii() and c.isdigit() else c for c in columns)
    if len(set(parsed)) < len(parsed):
        raise ConfigError(f"columns: expected different ones. Received {', '.join(map(str, columns))}.")
    by_position = sum(isinstance(c, int) for c in parsed)
    if by_position not in (0, len(parsed)):
        raise ConfigError(
            f"columns: expected names alone or positions alone. Received {', '.join(map(str, columns))}."
        )
    if by_position and min(c for c in parsed if isinstance(c, int)) < 1:
        raise ConfigError(f"columns: positions count from 1. Received {', '.join(map(str, columns))}.")
    if not by_position and header == "no":
        raise ConfigError("columns: a file without a header has positions (from 1) only, no names.")
    return parsed


def _layout(table: Table, kind: RowKind, options: _Options) -> tuple[Any, tuple[str, ...], bool, str]:
    """Finds the columns: (function from cells to the kind's cells, names, header found, expectation)."""
    expected = f"{len(kind.columns)} {table.separator} columns ({', '.join(kind.columns)})"
    if kind is TEXTS:
        expected = "a text a line" if table.format == "lines" else f"{table.separator} column text"
    if table.format in ("jsonl", "parquet"):
        expected = f"{table.separator} columns {', '.join(kind.columns)}"
        if table.names is None:
            return _getter_by_key((), table), kind.columns, False, expected
        chosen = _named(table, table.names, kind, options, 1)
        if table.format == "jsonl":
            return _getter_by_key(chosen, table), chosen, False, expected
        positions = tuple(table.names.index(name) for name in chosen)
        return _getter(positions, len(table.names), expected), chosen, False, expected

    first = next(table.rows, None)
    if first is None:
        return (
            _getter(tuple(range(len(kind.columns))), len(kind.columns), expected),
            kind.columns,
            False,
            expected,
        )
    number, cells = first
    assert isinstance(cells, list)
    if table.format == "lines" and options.header != "yes":
        table.rows = _chain(first, table.rows)
        return _getter((0,), 1, expected), kind.columns, False, expected
    names = [str(cell).strip() for cell in cells]
    if options.header == "yes" or (options.header == "auto" and _is_header(names, kind, options.columns)):
        unnamed = options.columns is None and _match_aliases(names, kind) is None
        if options.header == "yes" and unnamed and len(names) == len(kind.columns):
            positions = tuple(range(len(names)))
            return _getter(positions, len(names), expected), tuple(names), True, expected
        if options.columns and isinstance(options.columns[0], int):
            positions = _positions(table, number, options.columns, len(names))
            chosen = tuple(names[i] for i in positions)
        else:
            chosen = _named(table, names, kind, options, number)
            positions = tuple(names.index(name) for name in chosen)
        if len(names) != len(kind.columns):
            expected = f"{len(names)} {table.separator} columns as in the header"
        return _getter(positions, len(names), expected), chosen, True, expected

    table.rows = _chain(first, table.rows)
    if options.columns is None:
        positions, width = tuple(range(len(kind.columns))), len(kind.columns)
    elif isinstance(options.columns[0], int):
        positions, width = _positions(table, number, options.columns, len(names)), len(names)
        if width != len(kind.columns):
            expected = f"{width} {table.separator} columns as in line {number}"
    else:
        _named(table, names, kind, options, number)  # raises: a name is missing
        raise AssertionError("unreachable")
    if kind.labeled and len(cells) == width and options.header == "auto":
        _check_not_a_header(table, number, cells[positions[-1]], options)
    return _getter(positions, width, expected), kind.columns, False, expected


def _chain(first: tuple[int, Cells], rows: Iterator[tuple[int, Cells]]) -> Iterator[tuple[int, Cells]]:
    yield first
    yield from rows


def _match_aliases(names: Sequence[str], kind: RowKind) -> tuple[str, ...] | None:
    """For each column of the kind the one of `names` that is taken for it, if all are there."""
    chosen = []
    for column, aliases in zip(kind.columns, kind.aliases, strict=True):
        candidates = [name for name in names if name.lower() in aliases and name not in chosen]
        if not candidates:
            return None
        chosen.append(next((name for name in candidates if name.lower() == column), candidates[0]))
    return tuple(chosen)


def _is_header(names: list[str], kind: RowKind, columns: tuple[str | int, ...] | None) -> bool:
    if columns is not None and isinstance(columns[0], str):
        return all(column in names for column in columns)
    if columns is not None:
        chosen = [names[c - 1] for c in columns if isinstance(c, int) and c <= len(names)]
        return len(chosen) == len(columns) and _match_aliases(chosen, kind) is not None
    return _match_aliases(names, kind) is not None


def _check_not_a_header(table: Table, number: int, cell: Any, options: _Options) -> None:
    """A first row whose label is a word could be a header with other names: do not guess, ask."""
    try:
        options.labels(cell)
    except ValueError as error:
        text = str(cell).strip()
        if text and not any(character.isdigit() for character in text):
            raise DataFormatError(
                f"{table.where(number)}: {error} If this line names the columns, pass --header yes "
                "(header=True) or the names with --columns (columns=...)."
            ) from None


def _positions(table: Table, number: int, columns: tuple[str | int, ...], width: int) -> tuple[int, ...]:
    for column in columns:
        if isinstance(column, int) and column > width:
            raise DataFormatError(
                f"{table.where(number)}: expected {column} columns or more, as column {column} is wanted. "
                f"Received {width}."
            )
    return tuple(c - 1 for c in columns if isinstance(c, int))


def _named(
    table: Table, names: Sequence[str], kind: RowKind, options: _Options, number: int
) -> tuple[str, ...]:
    """The names of the kind's columns among a file's `names`."""
    where = f"{table.path}" if table.format == "parquet" else table.where(number)
    have = ", ".join(map(repr, names)) or "none"
    for name in names:
        if list(names).count(name) > 1 and name in (options.columns or ()):
            raise DataFormatError(f"{where}: the column name {name!r} occurs twice. Pass positions (from 1).")
    if options.columns is None:
        chosen = _match_aliases(names, kind)
        if chosen is None:
            raise DataFormatError(
                f"{where}: expected the columns {', '.join(kind.columns)}. Received the columns {have}. "
                "Say which to read with --columns (columns=...)."
            )
        return chosen
    if isinstance(options.columns[0], int):
        return tuple(names[i] for i in _positions(table, number, options.columns, len(names)))
    for column in options.columns:
        if column not in names:
            near = difflib.get_close_matches(str(column), names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataFormatError(
                f"{where}: no column is named {column!r}. Received the columns {have}.{hint}"
            )
    return tuple(map(str, options.columns))


def _getter(positions: tuple[int, ...], width: int, expected: str) -> Any:
    in_order = positions == tuple(range(width))

    def get(cells: Cells) -> Sequence[Any]:
        if isinstance(cells, list) and len(cells) == width:
            return cells if in_order else [cells[i] for i in positions]
        if isinstance(cells, Malformed):
            raise _BadRow(cells.reason)
        if not cells:
            raise _BadRow(f"expected {expected}. Received a blank line.")
        raise _BadRow(f"expected {expected}. Received {len(cells)}: {_shown(cells)}.")

    return get


def _getter_by_key(names: tuple[str, ...], table: Table) -> Any:
    def get(cells: Cells) -> Sequence[Any]:
        if isinstance(cells, dict):
            try:
                return [cells[name] for name in names]
            except KeyError as error:
                raise _BadRow(
                    f"expected the keys {', '.join(names)}. Received {', '.join(cells) or 'none'}: "
                    f"{error.args[0]!r} is missing."
                ) from None
        if isinstance(cells, Malformed):
            raise _BadRow(cells.reason)
        raise _BadRow("expected a JSON object. Received a blank line.")

    return get


def _shown(cells: Cells) -> str:
    shown = repr("\t".join(map(str, cells)))
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _not_a_text(name: str, value: Any) -> str:
    if value is None:
        return f"{name} is missing: expected a text."
    return f"{name}: expected a text. Received {type(value).__name__} {str(value)!r:.80}."


def _raw(cells: Cells, table: Table) -> str:
    if isinstance(cells, Malformed):
        return cells.raw
    if isinstance(cells, dict):
        return json.dumps(cells, ensure_ascii=False, default=str)
    return "\t".join("" if cell is None else str(cell) for cell in cells)


def rows_from_frame(
    frame: pd.DataFrame,
    kind: RowKind = PAIRS,
    *,
    columns: Sequence[str] | None = None,
    label_threshold: float | None = None,
    soft_labels: bool = False,
) -> RowChunk:
    """The rows of a pandas DataFrame.

    Args:
        frame: one row a pair, triplet or text.
        kind: what a row holds.
        columns: names of the frame's columns; by default the usual names are found.
        label_threshold, soft_labels: as in `read_rows`.

    Returns:
        One chunk with all rows; `lines` counts them from 1.

    Raises:
        InputError: a column or a text is missing, or a cell is not what it should be. Names row and column.
    """
    names = [str(name) for name in frame.columns]
    if columns is None:
        chosen = _match_aliases(names, kind)
        if chosen is None:
            raise InputError(
                f"the data frame: expected the columns {', '.join(kind.columns)}. "
                f"Received {', '.join(map(repr, names)) or 'none'}. Say which to read with columns=[...]."
            )
    else:
        chosen = tuple(columns)
        if len(chosen) != len(kind.columns):
            raise InputError(f"columns: expected {len(kind.columns)} names. Received {list(columns)!r}.")
        for name in chosen:
            if name not in names:
                near = difflib.get_close_matches(str(name), names, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise InputError(
                    f"the data frame has no column {name!r}. It has {', '.join(map(repr, names))}.{hint}"
                )
    texts = tuple(frame.iloc[:, names.index(name)].tolist() for name in chosen[: kind.texts])
    for name, column in zip(chosen, texts, strict=False):
        for row, text in enumerate(column, 1):
            if not isinstance(text, str) or not text.strip():
                # A missing cell of a frame is None or a NaN of some kind.
                missing = text is None or text != text
                reason = (
                    _not_a_text(name, None if missing else text)
                    if not isinstance(text, str)
                    else (f"{name} is empty: expected a text.")
                )
                raise InputError(f"the data frame, row {row}: {reason}")
    labels = None
    if kind.labeled:
        rule = LabelRule(label_threshold, soft_labels)
        cells = frame.iloc[:, names.index(chosen[-1])].tolist()
        labels = np.empty(len(cells), np.float32)
        for row, cell in enumerate(cells, 1):
            try:
                labels[row - 1] = rule(cell)
            except ValueError as error:
                raise InputError(f"the data frame, row {row}, column {chosen[-1]}: {error}") from None
    return RowChunk(texts, labels, list(range(1, len(frame) + 1)))


def detect_kind(path: Path, **options: Any) -> RowKind:
    """`TRIPLETS` where the file's columns have a triplet's names and not a pair's, else `PAIRS`.

    Args:
        path: the file. Standard input is not looked at.
        options: format, encoding, delimiter as in `read_rows`.
    """
    if os.fspath(path) == STDIN:
        return PAIRS
    with open_table(path, **options) as table:
        names = table.names
        if names is None:
            first = next(table.rows, (0, []))[1]
            names = [str(cell).strip() for cell in first] if isinstance(first, list) else []
    is_triplets = _match_aliases(names, TRIPLETS) is not None and _match_aliases(names, PAIRS) is None
    return TRIPLETS if is_triplets else PAIRS
