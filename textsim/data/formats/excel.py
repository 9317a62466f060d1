"""Excel workbooks (.xlsx), through openpyxl (extra `excel`)."""

from __future__ import annotations

import contextlib
import datetime
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from textsim.data.formats.cells import as_text, as_utf8, value_columns
from textsim.data.formats.format import FORMATS, Batch, Format, TableWriter
from textsim.data.formats.table import Cells, Table, Unreadable, without_blank_end
from textsim.data.formats.workbook import MAX_ROWS, Workbook
from textsim.errors import DataFormatError, InputError
from textsim.extras import needed_for

# What openpyxl raises for a damaged workbook depends on where the damage is.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    EOFError,
    SyntaxError,
    OSError,
    # An encrypted part, a way of compression that Python lacks, elements within each other a thousand times.
    RuntimeError,
)
_MAX_CELL_CHARACTERS = 32_767
# How a workbook writes a character that its XML cannot hold, such as _x000D_ for a carriage return (ECMA-376, part 1,
# 22.4.2.4); the underscore of a text that only looks so is written as _x005F_.
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_LIKE_AN_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_ERRORS = frozenset(
    {"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!"}
)


@FORMATS.register("xlsx")
class Excel(Format):
    """The first sheet. Cells are read as the texts that CSV would have; formulas as the values last saved.

    An error of a formula, such as #N/A, is a cell that cannot be read.
    """

    endings = (".xlsx", ".xlsm")

    @classmethod
    def recognizes(cls, beginning: bytes) -> bool:
        return beginning.startswith(b"PK\x03\x04") and b".npy" not in beginning

    @contextlib.contextmanager
    def open(self, file: BinaryIO, name: str, encoding: str | None, delimiter: str | None) -> Iterator[Table]:
        self.no_delimiter(delimiter)
        with needed_for(f"{name}: reading Excel workbooks"):
            import openpyxl  # noqa: F401
        try:
            book = Workbook(file, name)
        except _DAMAGED as error:
            raise DataFormatError(
                f"{name}: expected an Excel workbook. It cannot be read: {error}"
            ) from error
        with contextlib.closing(book):
            _check_single(book, name)
            yield Table(name, "xlsx", without_blank_end(_rows(book, name)), "Excel", unit="row")

    def writer(self, file: BinaryIO, name: str, columns: Sequence[str]) -> TableWriter:
        with needed_for(f"{name}: writing Excel workbooks"):
            import openpyxl
        return _ExcelWriter(file, name, openpyxl.Workbook(write_only=True), columns)


def _check_single(book: Workbook, name: str) -> None:
    """Refuses a workbook of which a part would be left out."""
    if not book.sheets:
        raise DataFormatError(f"{name}: expected a workbook with a sheet of cells. Received none.")
    first, *more = book.sheets
    try:
        others = [sheet.title for sheet in more if any(book.rows(sheet))]
    except _DAMAGED as error:
        raise DataFormatError(f"{name}: a sheet behind the first is damaged: {error}") from error
    if others:
        raise DataFormatError(
            f"{name}: expected rows on one sheet. Received them on {first.title!r} and "
            f"{', '.join(map(repr, others))}: save the sheet to read as a workbook of its own, or as CSV."
        )


def _rows(book: Workbook, name: str) -> Iterator[tuple[int, Cells]]:
    width = 0
    number = 0
    try:
        for number, row in enumerate(book.rows(book.sheets[0]), 1):
            width = width or len(row)
            yield number, [_text(cell) for cell in row] + [""] * (width - len(row) if row else 0)
    except _DAMAGED as error:
        raise DataFormatError(f"{name}: damaged after row {number}: {error}") from error


def _text(cell: Any) -> str | Unreadable:
    if isinstance(cell, str):
        if cell in _ERRORS:
            return Unreadable(f"the formula gives the error {cell}")
        return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), cell)
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    return as_text(cell)


class _ExcelWriter:
    """One sheet with a header. Texts are texts, never formulas."""

    def __init__(self, file: BinaryIO, name: str, book: Any, columns: Sequence[str]) -> None:
        self._file = file
        self._name = name
        self._book = book
        self._sheet = book.create_sheet()
        self._header: Sequence[str] | None = columns
        self._rows = 0

    def write(self, batch: Batch) -> None:
        columns = value_columns(batch)
        if self._header is not None:
            self._header = list(columns)
        self._begin()
        self._append(zip(*columns.values(), strict=True))

    def _begin(self) -> None:
        if self._header is not None:
            self._append([self._header])
            self._header = None

    def _append(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            self._rows += 1
            if self._rows > MAX_ROWS:
                raise InputError(
                    f"{self._name}: a sheet holds {MAX_ROWS:,} rows, and there are more. Choose a name in .csv, .tsv, "
                    ".jsonl or .parquet."
                )
            self._sheet.append([self._cell(value) for value in row])

    def _cell(self, value: Any) -> Any:
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

        if isinstance(value, bool):
            return int(value)
        if value is None or isinstance(value, int | float):
            return value
        text = as_utf8(value if isinstance(value, str) else as_text(value)).decode()
        text = _LIKE_AN_ESCAPE.sub("_x005F_", ILLEGAL_CHARACTERS_RE.sub("\ufffd", text))
        if len(text) > _MAX_CELL_CHARACTERS:
            raise InputError(
                f"{self._name}, row {self._rows}: a cell of a sheet holds {_MAX_CELL_CHARACTERS:,} characters, and the "
                f"text has {len(text):,}. Choose a name in .csv, .tsv, .jsonl or .parquet."
            )
        cell = WriteOnlyCell(self._sheet, text)
        cell.data_type = "s"  # "=1+1" would be a formula
        return cell

    def close(self) -> None:
        self._begin()
        self._book.save(self._file)
