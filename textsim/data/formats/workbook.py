"""The cells of a workbook (.xlsx), through openpyxl, in memory that has a bound.

Its parts are XML in a zip archive, which can hold a thousand times its size. What openpyxl loads whole, such as the
shared texts, has a bound together; of a sheet, which is read as a stream, a row has one.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple
from xml.etree.ElementTree import XMLPullParser

from textsim.data.formats.table import MAX_ROW_CHARACTERS
from textsim.errors import DataFormatError

MAX_ROWS = 1_048_576
"""Of a sheet, as Excel has it."""
_MAX_LOADED = 1 << 30
# A character takes four bytes at most.
_MAX_ROW = 4 * MAX_ROW_CHARACTERS
# An element or an attribute takes at most twice as much in Python, its text aside.
_NODE_BYTES = 48
# Expat reads a tag or a comment anew with each block, until it ends.
_BLOCK_BYTES = 1 << 20
_MAX_DEPTH = 100
# In UTF-8 or UTF-16. What it declares may stand for a thousand times its size, and OPC (ECMA-376, part 2) forbids it.
_DECLARATION = re.compile(b"<\0?!\0?D\0?O\0?C\0?T")
_DECLARATION_BYTES = 11


class Sheet(NamedTuple):
    """A sheet of cells: its name, and that of its part of the archive."""

    title: str
    part: str


class Workbook:
    """An open workbook. Formulas are the values last saved.

    Args:
        file: open at its beginning.
        name: of the file, for messages.

    Attributes:
        sheets: those of cells, in order.

    Raises:
        DataFormatError: it takes too much memory. What openpyxl and zipfile raise for a damaged one is raised as it is.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        from openpyxl.reader.excel import ExcelReader
        from openpyxl.styles.stylesheet import apply_stylesheet

        self._name = name
        reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
        reader.archive = self._archive = _Archive(file, name)
        reader.read_manifest()
        reader.read_workbook()
        apply_stylesheet(self._archive, reader.wb)
        self._strings, self._book = self._shared_strings(reader.package), reader.wb
        self.sheets = [
            Sheet(sheet.name, related.target)
            for sheet, related in reader.parser.find_sheets()
            if related.target in reader.valid_files and "chartsheet" not in related.Type
        ]
        self._archive.limit, self._archive.what = _MAX_ROW, "a row of it takes"
        self._archive.unreleased = 0

    def _shared_strings(self, package: Any) -> list[str]:
        from openpyxl.cell.text import Text
        from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

        found = package.find(SHARED_STRINGS)
        if found is None:
            return []
        with self._archive.open(found.PartName[1:]) as part:
            return [
                Text.from_tree(element).content
                for element in _elements(part, 1)
                if element.tag == f"{{{SHEET_MAIN_NS}}}si"
            ]

    def close(self) -> None:
        """Closes the archive, and not the file."""
        self._archive.close()

    def rows(self, sheet: Sheet) -> Iterator[list[Any]]:
        """The cells of each row, less empty ones at its end; a row that the sheet leaves out is empty.

        Raises:
            DataFormatError: a row takes too much memory, or has a number that Excel has not. What openpyxl and zipfile
                raise for a damaged sheet is raised as it is.
        """
        from openpyxl.worksheet._reader import DATA_TAG, ROW_TAG, WorkSheetParser

        book, last = self._book, 0
        with self._archive.open(sheet.part) as part:
            parser = WorkSheetParser(
                part,
                self._strings,
                data_only=True,
                epoch=book.epoch,
                date_formats=book._date_formats,
                timedelta_formats=book._timedelta_formats,
            )
            for element in _elements(part, 2):
                if element.tag == DATA_TAG:
                    return
                if element.tag == ROW_TAG:
                    _, cells = parser.parse_row(element)
                    # Of rows that are not in order, each is the next one.
                    number = max(parser.row_counter, last + 1)
                    if number > max(MAX_ROWS, last + 1):
                        raise DataFormatError(
                            f"{self._name}: expected at most {MAX_ROWS:,} rows. Received row {number:,} after row "
                            f"{last:,}."
                        )
                    yield from ([] for _ in range(last + 1, number))
                    yield _in_order(cells)
                    last = number
                # Their heights would be kept.
                parser.row_dimensions.clear()
                self._archive.unreleased = 0


def _elements(part: BinaryIO, depth: int) -> Iterator[Any]:
    """The elements of XML that lie within so many others at most, when they end; then the tree lets go of them."""
    parser: XMLPullParser[Any] = XMLPullParser(("start", "end"))
    within: list[Any] = []
    while block := part.read(_BLOCK_BYTES):
        parser.feed(block)
        events: Iterator[Any] = parser.read_events()
        for event, element in events:
            if event == "start":
                within.append(element)
                if len(within) > _MAX_DEPTH:
                    raise ValueError(f"elements lie within each other more than {_MAX_DEPTH} times")
                continue
            within.pop()
            if len(within) <= depth:
                yield element
                if within:
                    within[-1].remove(element)
    parser.close()


def _in_order(cells: list[dict[str, Any]]) -> list[Any]:
    row: list[Any] = [None] * max((cell["column"] for cell in cells), default=0)
    for cell in cells:
        row[cell["column"] - 1] = cell["value"]
    while row and row[-1] is None:
        row.pop()
    return row


class _Archive(zipfile.ZipFile):
    """An archive that holds what is read of its parts to a bound.

    Attributes:
        unreleased: about how many bytes of memory what was read takes, as XML, since this was last set to 0.
        limit: for it.
        what: takes so much, for the message.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        super().__init__(file)
        self._name = name
        self.unreleased, self.limit, self.what = 0, _MAX_LOADED, "its texts take"

    def open(self, name: Any, *args: Any, **options: Any) -> Any:
        part = super().open(name, *args, **options)
        kind = self.getinfo(name).compress_type if isinstance(name, str) else name.compress_type
        if kind not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # Python unpacks others by the block, whatever it holds.
            raise zipfile.BadZipFile(f"{part.name} is compressed in a way that workbooks have not")
        return _Part(part, self)

    def note(self, data: bytes) -> None:
        self.unreleased += len(data) + _NODE_BYTES * (data.count(b"<") + data.count(b"="))
        if self.unreleased > self.limit:
            raise DataFormatError(
                f"{self._name}: {self.what} more than {self.limit:,} bytes of memory: save it as CSV."
            )


class _Part(io.RawIOBase):
    def __init__(self, part: Any, archive: _Archive) -> None:
        self._part, self._archive = part, archive
        self._end = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._part.read(min(len(buffer), _BLOCK_BYTES))
        if _DECLARATION.search(self._end + data):
            raise zipfile.BadZipFile(f"{self._part.name} holds a document type declaration")
        self._end = (self._end + data)[-_DECLARATION_BYTES:]
        self._archive.note(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._part.close()
        super().close()
