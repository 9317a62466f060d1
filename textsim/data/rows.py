"""Rows of any source to sentence pairs, triplets or single texts. Here, and only here, each row is checked."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from textsim.data.columns import EVERY, LINE, Columns, find_columns, parse_keep, parse_wanted
from textsim.data.formats.files import plain_text_lines
from textsim.data.formats.table import Cells, Malformed, Table, Unreadable
from textsim.data.labels import LabelRule
from textsim.data.rejects import RejectLog
from textsim.data.row_getters import BadRow
from textsim.data.row_kinds import PAIRS, RowKind
from textsim.data.settings import Reading
from textsim.data.sources import Source, is_path, open_source
from textsim.errors import ConfigError, DataFormatError
from textsim.io.paths import as_text, check_target

MAX_TEXT_CHARACTERS = 1 << 20
"""Of a text. One takes some hundred times its size while it is tokenized."""
_MAX_CHUNK_CHARACTERS = 1 << 26
UNDECODED = "\ufffd"
"""In a text, what an earlier program could not decode."""


@dataclass(frozen=True)
class RowChunk:
    """Some consecutive rows.

    Attributes:
        texts: for each text column the cells of the rows; normalized if the reader was given a normalizer.
        labels: float32 array of shape (rows,) in [0, 1], or None where the kind has no label.
        lines: for each row the number of the line on which it begins (Parquet and data frames: of the row),
            from 1.
        kept: the cells of further columns that the reader was asked to keep, by name.
        raw: the cells of the text columns as they were read, where the reader was asked for them; else empty.
    """

    texts: tuple[list[str], ...]
    labels: np.ndarray | None
    lines: list[int]
    kept: dict[str, list[Any]] = field(default_factory=dict)
    raw: tuple[list[str], ...] = ()

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
            tuple(map(pick, self.raw)),
        )


@dataclass
class FileInfo:
    """What was found about a source of rows. All but `path` and `format` is complete when its rows are read.

    Attributes:
        path: of the file, or what else the source is.
        format: the name of its format.
        encoding: of a text file.
        header: whether the first row named the columns.
        columns: their names.
        rows: that could be used.
        rejected: bad rows that were left out.
        quoted: cells of TSV in double quotes, which are kept.
        undecoded: rows with U+FFFD in a text, which an earlier program left where it could not decode.
        sha256: of the bytes that were read of a file, once all are.
    """

    path: str
    format: str
    encoding: str | None
    header: bool
    columns: list[str]
    rows: int = 0
    rejected: int = 0
    quoted: int = 0
    undecoded: int = 0
    sha256: str | None = None


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
        raw: bool,
        in_memory: bool,
    ) -> None:
        self._table = table
        self._kind = kind
        self._columns = columns
        self._rule = rule
        self._rejects = rejects
        self._normalizer = normalizer
        self._chunk_rows = chunk_rows
        self._raw = raw
        self._in_memory = in_memory
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

    def fraction(self) -> float | None:
        """How much of the source was read, in [0, 1]; None where that is not known."""
        return self._table.fraction()

    def close(self) -> None:
        """Closes the file before its end."""
        self._chunks.close()
        self._stack.close()

    def _read(self) -> Generator[RowChunk, None, None]:
        get = self._columns.get
        part = self._part()
        label_of = _RememberedLabels(self._rule)
        normalized = _NormalizedTexts(self._normalizer)
        names, texts = self._kind.text_columns, self._kind.texts
        further, width = self._further(), len(self._kind.columns)
        with self._stack:
            for number, cells in self._table.rows:
                try:
                    row = get(cells)
                    clean = [normalized(text, name) for text, name in zip(row, names, strict=False)]
                    label = label_of(row[texts], self._columns.names[-1]) if self._kind.labeled else None
                    if further:
                        _check_readable(further, row[width:])
                except BadRow as bad:
                    hint = self._table.quotes_hint(cells)
                    self.reject(number, f"{bad}{hint}", _raw(cells), misread=bad.misread or bool(hint))
                    continue
                part.add(number, row, clean, label)
                if len(part.lines) == self._chunk_rows or part.characters >= _MAX_CHUNK_CHARACTERS:
                    yield self._chunk(part)
                    part = self._part()
                    normalized.forget()
            if part.lines:
                yield self._chunk(part)
            self.info.sha256 = self._table.sha256()
        if not self.info.rows:
            self.raise_empty()

    def _part(self) -> _Part:
        return _Part(self._kind, self._further(), self._raw)

    def _further(self) -> list[str]:
        """The names of the kept columns that have cells."""
        return [name for name in self._columns.kept if name != LINE]

    def reject(self, line: int, reason: str, raw: str, *, misread: bool = False) -> None:
        """Refuses a row: counts it and writes it down, or raises, as `on_bad_row` says; `misread` as of `BadRow`.

        Also for what only a later step can find; `info.rows` counts such a row nevertheless.

        Raises:
            DataFormatError: bad rows are errors.
        """
        if self._rejects is None:
            # Who has rows in memory can drop some: not every function that takes such rows also skips them.
            plainly_bad = not (misread or self._in_memory)
            remedy = " Mend the row, or leave such rows out with on_bad_row='skip'." if plainly_bad else ""
            raise DataFormatError(f"{self._table.where(line)}: {reason}{remedy}")
        self.info.rejected += 1
        if len(self.rejected_lines) < 10:
            self.rejected_lines.append(line)
        self._rejects.add(self._table.name, line, reason, raw)

    def _chunk(self, part: _Part) -> RowChunk:
        info = self.info
        info.rows += len(part.lines)
        info.encoding, info.quoted = self._table.encoding, self._table.quoted
        for column in part.texts:
            # Joined, since hardly any text has one.
            if UNDECODED in "".join(column):
                rows = zip(*part.texts, strict=True)
                info.undecoded += sum(any(UNDECODED in text for text in row) for row in rows)
                break
        kept = {name: part.lines if name == LINE else part.kept[name] for name in self._columns.kept}
        labels = np.array(part.labels, np.float32) if self._kind.labeled else None
        return RowChunk(part.texts, labels, part.lines, kept, part.raw)

    def raise_empty(self) -> None:
        """Raises DataFormatError: no row can be used."""
        path = self._table.name
        if self.info.rejected:
            raise DataFormatError(
                f"{path}: none of its {self.info.rejected} rows can be used; all were refused."
            )
        beside = " but a header" if self.info.header else ""
        raise DataFormatError(
            f"{path}: the file holds nothing{beside}. Expected rows of {', '.join(self._kind.columns)}."
        )


class _Part:
    """Rows of a chunk, column by column."""

    def __init__(self, kind: RowKind, further: list[str], raw: bool) -> None:
        self.texts: tuple[list[str], ...] = tuple([] for _ in range(kind.texts))
        self.raw: tuple[list[str], ...] = tuple([] for _ in range(kind.texts if raw else 0))
        self.labels: list[float] = []
        self.lines: list[int] = []
        self.kept: dict[str, list[Any]] = {name: [] for name in further}
        self._width = len(kind.columns)
        # Of all of them, about.
        self.characters = 0

    def add(self, number: int, row: Sequence[Any], clean: list[str], label: float | None) -> None:
        for column, text in zip(self.texts, clean, strict=True):
            column.append(text)
            self.characters += len(text)
        if self.raw:
            for column, text in zip(self.raw, row, strict=False):
                column.append(text)
        if self.kept:
            for cells, cell in zip(self.kept.values(), row[self._width :], strict=True):
                cells.append(cell)
                self.characters += _characters(cell)
        if label is not None:
            self.labels.append(label)
        self.lines.append(number)


def _characters(cell: Any) -> int:
    if isinstance(cell, dict):
        return sum(map(_characters, cell.values()))
    return len(cell) if isinstance(cell, str) else 0


class _RememberedLabels:
    """A label rule that looks each different cell up once."""

    def __init__(self, rule: LabelRule) -> None:
        self._rule = rule
        self._known: dict[str, float] = {}

    def __call__(self, cell: Any, column: str) -> float:
        if isinstance(cell, str) and cell in self._known:
            return self._known[cell]
        if isinstance(cell, Unreadable):
            raise BadRow(f"{column} cannot be read: {cell}.")
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
            if isinstance(text, Unreadable):
                raise BadRow(f"{column} cannot be read: {text}.")
            raise BadRow(f"{column}: expected a text. Received {type(text).__name__} {str(text)!r:.80}.")
        if len(text) > MAX_TEXT_CHARACTERS:
            raise BadRow(
                f"{column}: expected a text of at most {MAX_TEXT_CHARACTERS:,} characters. Received {len(text):,}."
            )
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


def _check_readable(names: Sequence[str], cells: Sequence[Any]) -> None:
    """Refuses a row of which a cell to keep cannot be read."""
    for name, cell in zip(names, cells, strict=True):
        for of, value in cell.items() if name == EVERY else [(name, cell)]:
            if isinstance(value, Unreadable):
                raise BadRow(f"{of} cannot be read: {value}.")


def _raw(cells: Cells) -> str:
    if isinstance(cells, Malformed):
        return cells.raw
    if isinstance(cells, dict):
        return json.dumps(cells, ensure_ascii=False, default=str)
    return "\t".join("" if cell is None else str(cell) for cell in cells)


def read_rows(
    source: Source,
    kind: RowKind = PAIRS,
    *,
    normalizer: Callable[[str], str] | None = None,
    chunk_rows: int = 8192,
    raw: bool = False,
    **reading: Any,
) -> RowReader:
    """Reads rows of texts as a stream.

    TSV is split at every tab and its quotes are plain text; CSV has quotes, and records may span lines; JSON and
    Parquet have columns by name; of an Excel workbook the one sheet is read. Each may be compressed with gzip.

    Args:
        source: a file, where "-" is standard input; a data frame; or rows (see `textsim.data.sources.Source`).
        kind: what a row holds: `PAIRS`, `UNLABELED`, `TRIPLETS` or `TEXTS`.
        normalizer: applied to every text; one that is empty afterwards makes a bad row.
        chunk_rows: rows in a chunk; the last may have fewer, and so may one of very long texts.
        raw: whether chunks hold the texts as they were read too.
        reading: how to read, see `textsim.data.settings.Reading`.

    Returns:
        An iterator over `RowChunk`. Its `info` tells the encoding and counts rows.

    Raises:
        DataFormatError: the source cannot be read or lacks a column; or, from the iterator, a row is bad and not to be
            skipped, or no row is left. Names file and line.
        ConfigError: an argument has a value that it cannot have.
        MissingDependencyError: the library for a format is not installed.

    Example:
        >>> [chunk.texts for chunk in read_rows([("怎么还款", "如何还款", 1)])]
        [(['怎么还款'], ['如何还款'])]
    """
    return open_rows(source, kind, Reading(**reading), normalizer=normalizer, chunk_rows=chunk_rows, raw=raw)


def open_rows(
    source: Source,
    kind: RowKind,
    how: Reading,
    *,
    normalizer: Callable[[str], str] | None = None,
    chunk_rows: int = 8192,
    raw: bool = False,
) -> RowReader:
    """`read_rows` with settings that were made before; it raises what that raises."""
    if how.label_rule != LabelRule() and not kind.labeled:
        raise ConfigError(f"{kind.name} have no labels: leave out label_threshold and label_max.")
    for target in how.reject_files:
        check_target(target, [source] if is_path(source) else [])
    with contextlib.ExitStack() as stack:
        log = None
        if how.skips:
            log = (
                how.rejects
                if isinstance(how.rejects, RejectLog)
                else stack.enter_context(RejectLog(how.rejects))
            )
        dialect = how.dialect
        if kind.texts == 1 and how.format is None and is_path(source):
            dialect["format"] = plain_text_lines(source)
        table = stack.enter_context(open_source(source, **dialect))
        # Rows in memory without names have no header.
        named = is_path(source) or table.keyed or table.names is not None
        header = how.header if named else "no"
        wanted, keep = parse_wanted(how.columns, kind, header), parse_keep(how.keep, header)
        found = find_columns(table, kind, wanted, header, how.label_rule, keep, asks=how.format is None)
        reader = RowReader(
            table,
            kind,
            found,
            how.label_rule,
            log,
            normalizer,
            chunk_rows,
            raw,
            in_memory=not is_path(source),
        )
        reader.keep_open(stack.pop_all())
        return reader
    raise AssertionError("an exit stack swallows no exception")
