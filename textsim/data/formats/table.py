"""A table: a stream of numbered rows, whatever it is read from."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple

from textsim.io.text_encoding import MAX_LINE_CHARACTERS, BadLine, Lines

MAX_ROW_CHARACTERS = MAX_LINE_CHARACTERS
"""Of a row of text. It bounds what an unclosed quote takes of memory."""
# All rows of an Excel sheet. It bounds what blank rows take, of which a small compressed file may hold billions.
_MOST_BLANK_ROWS = 1 << 20
# How far the columns' names are looked for. It bounds what a stream whose names are wrong is read before that is said.
_BEGINNING_ROWS = 100
_AS_CSV = r"pass format='csv' and delimiter='\t'"


class Malformed(NamedTuple):
    """A row that its format cannot read."""

    reason: str
    raw: str


@dataclass(frozen=True)
class Unreadable:
    """A cell that its format cannot read: no text, so that nobody takes the reason for one."""

    reason: str

    def __str__(self) -> str:
        return self.reason


def malformed_line(line: BadLine) -> Malformed:
    """The row that such a line is."""
    return Malformed(line.reason, line)


Cells = list[Any] | dict[str, Any] | Malformed


@dataclass
class Table:
    """Rows, open for reading.

    Attributes:
        name: what they come from, for messages.
        format: the registered name of a file format, or "rows" of what is no file.
        rows: the numbered rows, read as they are asked for: a list of cells, a dict (JSON) or `Malformed`. Blank
            lines are rows without cells. At the end they are left out, and so are rows of blank cells.
        separator: what separates columns, in words, for messages.
        unit: what a row's number counts: "line" of a file, or "row" of a table. Both begin with 1.
        names: the columns' names where the source has them for all rows (Parquet, data frames), else None: then the
            first row may be a header, or each row is a dict.
        keyed: whether each row is a dict.
        columns: the same rows as blocks of columns, for a source that has them so (Parquet, data frames, arrays): each
            block is a list of sequences of cells. Who reads them does not read `rows`.
        lines: of the text file that the rows are read from.
        sha256: makes the hash of the bytes that were read, after all rows; None where there are no bytes.
        fraction: tells how much of the source was read, in [0, 1]; None where that is not known.
        quoted: how many cells, of the rows read so far of a tab-separated TSV file, stand in double quotes as CSV's do.
    """

    name: str
    format: str
    rows: Iterator[tuple[int, Cells]]
    separator: str
    unit: str = "line"
    names: list[str] | None = None
    keyed: bool = False
    columns: Iterator[list[Any]] | None = None
    lines: Lines | None = None
    sha256: Callable[[], str | None] = lambda: None
    fraction: Callable[[], float | None] = lambda: None
    quoted: int = 0

    @property
    def encoding(self) -> str | None:
        """Of the text, as far as it has been read; None where there is none."""
        return None if self.lines is None else self.lines.encoding

    def where(self, number: int) -> str:
        """The place of a row, for messages."""
        return f"{self.name}, {self.unit} {number}"

    def columns_of(self, count: int) -> str:
        """So many columns, for messages."""
        number = "one" if count == 1 else str(count)
        return " ".join(filter(None, [number, self.separator, "column" if count == 1 else "columns"]))

    def take_until(
        self, fits: Callable[[Cells], bool], most: int | None = _BEGINNING_ROWS
    ) -> list[tuple[int, Cells]]:
        """Takes off rows up to the first that `fits`, `most` of them: by default no more than a file's beginning."""
        taken = []
        for row in islice(self.rows, most):
            taken.append(row)
            if fits(row[1]):
                break
        return taken

    def put_back(self, rows: Sequence[tuple[int, Cells]]) -> None:
        """Makes `rows` the next ones again."""
        self.rows = chain(rows, self.rows)

    @property
    def has_plain_quotes(self) -> bool:
        """Whether quotes are text where a spreadsheet would have written them around cells."""
        return self.format == "tsv" and self.separator == "tab-separated"

    def quotes_hint(self, cells: Cells) -> str:
        """A sentence on how to read a bad row if its quotes are not text, or nothing."""
        if self.has_plain_quotes and any(str(cell).startswith('"') for cell in cells):
            return f" If double quotes stand around cells, {_AS_CSV}."
        return ""


def quotes_note(cells: int) -> str:
    """What to say of a TSV file with so many cells in double quotes."""
    unit = "cell" if cells == 1 else "cells"
    return f"{cells:,} {unit} in double quotes, kept as text: if they only stand around cells, {_AS_CSV}"


def is_blank(cells: Cells) -> bool:
    """Whether a row holds nothing, as the empty rows that spreadsheets write at the end."""
    if not isinstance(cells, list):
        return False
    for cell in cells:  # noqa: SIM110
        # A loop, since the first cell of nearly every row tells.
        if cell.strip() if isinstance(cell, str) else cell is not None:
            return False
    return True


def without_blank_end(rows: Iterator[tuple[int, Cells]]) -> Iterator[tuple[int, Cells]]:
    """The rows but for blank ones behind the last that holds anything, or for the last `_MOST_BLANK_ROWS` of them."""
    blank: deque[tuple[int, Cells]] = deque()
    for row in rows:
        if is_blank(row[1]):
            blank.append(row)
            if len(blank) > _MOST_BLANK_ROWS:
                yield blank.popleft()
        elif blank:
            yield from blank
            blank.clear()
            yield row
        else:
            yield row


def rows_of(blocks: Iterator[list[Any]]) -> Iterator[tuple[int, Cells]]:
    """Numbered rows of blocks of columns."""
    number = 0
    for columns in blocks:
        for number, cells in enumerate(zip(*map(_listed, columns), strict=True), number + 1):  # noqa: B020
            yield number, list(cells)


def _listed(column: Any) -> Any:
    return column.tolist() if hasattr(column, "tolist") else column
