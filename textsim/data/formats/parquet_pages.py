"""How much memory the pages of a Parquet file take, told before they are unpacked.

A page is compressed, and its header says to how many bytes it unpacks; a lie is an error of pyarrow. Only the headers
are read here, which are Thrift structures in its compact protocol.

References:
    Apache Parquet, https://github.com/apache/parquet-format (PageHeader).
    Apache Thrift, thrift-compact-protocol.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

BATCH_BYTES = 1 << 28
"""What the cells that are read at once may take."""
_MAX_PAGE_BYTES = 1 << 28
# Of a column of lists, whose cells may be of any size: as often as its bytes in the file.
_MAX_EXPANSION = 128
_HEADER_BYTES = 1 << 12
_MAX_HEADER_BYTES = 1 << 24
_POINTER_BYTES = 8
_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3


class TooLarge(ValueError):
    """A page, or a column of lists, takes more memory than it may."""


class Page(NamedTuple):
    """What the header of a page says.

    Attributes:
        kind: 0 and 3 for values, 2 for a dictionary.
        unpacked: bytes.
        values: how many; of lists, those within.
    """

    kind: int
    unpacked: int
    values: int


def rows_at_once(file: BinaryIO, metadata: Any, group: int, most: int) -> int:
    """How many rows of a row group can be read into `BATCH_BYTES`, at least one and at most `most`.

    Args:
        file: the Parquet file. Its position changes.
        metadata: of the file, by pyarrow.
        group: the number of the row group.
        most: rows.

    Raises:
        TooLarge: a page or a column takes more memory than it may.
        ValueError: a header of a page is none.
    """
    rows = metadata.row_group(group)
    bytes_of_a_row = 0.0
    for number in range(rows.num_columns):
        column, within_lists = rows.column(number), metadata.schema.column(number).max_repetition_level > 0
        unpacked = values = 0
        widest = 0.0
        for page in _pages(file, column):
            if page.unpacked > _MAX_PAGE_BYTES:
                raise TooLarge(
                    f"a page of the column {column.path_in_schema} takes {page.unpacked:,} bytes of memory. Expected "
                    f"at most {_MAX_PAGE_BYTES:,}"
                )
            unpacked += page.unpacked
            if page.kind == _DICTIONARY:
                if column.physical_type == "BYTE_ARRAY":
                    # All rows may have its longest value, which the length of each stands before.
                    widest = max(widest, page.unpacked - 4 * page.values)
                continue
            values += page.values
            # A value may repeat the beginning of the one before it.
            alone = "DELTA_BYTE_ARRAY" in column.encodings
            widest = max(widest, page.unpacked / (1 if alone else max(1, page.values)))
        if not within_lists:
            bytes_of_a_row += widest
            continue
        size = unpacked + _POINTER_BYTES * values
        if size > max(_MAX_PAGE_BYTES, _MAX_EXPANSION * column.total_compressed_size):
            raise TooLarge(
                f"the column {column.path_in_schema} takes {size:,} bytes of memory, and "
                f"{column.total_compressed_size:,} of the file"
            )
        bytes_of_a_row += size / max(1, rows.num_rows)
    return int(min(most, max(1, BATCH_BYTES // max(1.0, bytes_of_a_row))))


def _pages(file: BinaryIO, column: Any) -> Iterator[Page]:
    """The pages of a column in a row group."""
    place = column.data_page_offset
    if column.has_dictionary_page and column.dictionary_page_offset:
        place = min(place, column.dictionary_page_offset)
    end = place + column.total_compressed_size
    while column.num_values and place < end:
        header, length = _header(file, place)
        kind, unpacked, packed = (header.get(field, -1) for field in (1, 2, 3))
        if min(kind, unpacked, packed) < 0:
            raise ValueError(f"the header of a page of the column {column.path_in_schema} is damaged")
        of_kind = header.get({_DATA: 5, _DICTIONARY: 7, _DATA_2: 8}.get(kind, -1), {})
        yield Page(kind, unpacked, max(0, of_kind.get(1, 0)))
        place += length + packed


def _header(file: BinaryIO, place: int) -> tuple[dict[int, Any], int]:
    """The header of the page at a place, and how many bytes it has."""
    size = _HEADER_BYTES
    while True:
        file.seek(place)
        reader = _Reader(file.read(size))
        try:
            return reader.structure(), reader.place
        except IndexError:
            # It holds statistics, which hold values.
            if len(reader.data) < size or size >= _MAX_HEADER_BYTES:
                raise ValueError("the header of a page is cut short") from None
            size *= 16


class _Reader:
    """Reads Thrift structures as {field: value}, numbers and structures alone; all else is passed over.

    Raises:
        IndexError: from each method: the data ends before.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def structure(self, depth: int = 0) -> dict[int, Any]:
        if depth > 8:
            raise ValueError("the header of a page is damaged")
        fields: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._number()
            value = self._value(head & 15, depth)
            if value is not None:
                fields[field] = value
        return fields

    def _byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]

    def _plain(self) -> int:
        number = shift = 0
        while (byte := self._byte()) & 0x80:
            number |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise ValueError("the header of a page is damaged")
        return number | byte << shift

    def _number(self) -> int:
        number = self._plain()
        return number >> 1 ^ -(number & 1)

    def _pass(self, count: int) -> None:
        self.place += count
        if self.place > len(self.data):
            raise IndexError

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (4, 5, 6):
            return self._number()
        if kind == 12:
            return self.structure(depth + 1)
        if kind in (3, 7):
            self._pass(1 if kind == 3 else 8)
        elif kind == 8:
            self._pass(self._plain())
        elif kind not in (1, 2):
            raise ValueError("the header of a page is damaged")
        return None
