"""TSV, split at every tab; CSV, with quotes; and files of one text a line."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, BinaryIO

from textsim.data.formats.cells import as_utf8, one_line, text_columns
from textsim.data.formats.format import FORMATS, Batch, Format, TableWriter
from textsim.data.formats.table import MAX_ROW_CHARACTERS, Cells, Table, malformed_line, without_blank_end
from textsim.errors import ConfigError, DataFormatError
from textsim.io.text_encoding import BadLine, Lines


class _Delimited(Format):
    is_text = True
    delimiter: str

    @contextlib.contextmanager
    def open(self, file: BinaryIO, name: str, encoding: str | None, delimiter: str | None) -> Iterator[Table]:
        _check_delimiter(delimiter)
        lines = Lines(file, name, encoding)
        table = Table(name, self.registered_name, iter(()), "", lines=lines)
        numbered, told = _told_delimiter(lines)
        delimiter = delimiter or told or self.delimiter
        table.separator = _SEPARATORS.get(delimiter, f"{delimiter!r}-separated")
        table.rows = without_blank_end(self._rows(numbered, delimiter, table))
        yield table

    def _rows(
        self, lines: Iterator[tuple[int, str]], delimiter: str, table: Table
    ) -> Iterator[tuple[int, Cells]]:
        raise NotImplementedError


_SEPARATORS = {"\t": "tab-separated", ",": "comma-separated"}


def _check_delimiter(delimiter: str | None) -> None:
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ConfigError(f"delimiter {delimiter!r}: expected one character, and no quote or line end.")


def _told_delimiter(lines: Lines) -> tuple[Iterator[tuple[int, str]], str | None]:
    """The lines but for a first one "sep=;", in which Excel tells the delimiter; and that."""
    numbered = iter(lines)
    first = list(islice(numbered, 1))
    found = re.fullmatch(r'"?sep=([^"\r\n])"?', first[0][1], re.IGNORECASE) if first else None
    return (numbered, found[1]) if found else (chain(first, numbered), None)


@FORMATS.register("tsv")
class Tsv(_Delimited):
    """Columns between tabs, or another delimiter. Quotes are text."""

    endings = (".tsv", ".tab", ".txt")
    delimiter = "\t"

    def _rows(
        self, lines: Iterator[tuple[int, str]], delimiter: str, table: Table
    ) -> Iterator[tuple[int, Cells]]:
        return _split(lines, delimiter, table)

    def writer(self, file: BinaryIO, name: str, columns: Sequence[str]) -> TableWriter:
        return DelimitedWriter(file, columns, _tsv_lines)


@FORMATS.register("csv")
class Csv(_Delimited):
    """Columns between commas, or another delimiter. Cells may stand in quotes, and then span lines."""

    endings = (".csv",)
    delimiter = ","

    def _rows(
        self, lines: Iterator[tuple[int, str]], delimiter: str, table: Table
    ) -> Iterator[tuple[int, Cells]]:
        return _Records(lines, delimiter, table.name).rows()

    def writer(self, file: BinaryIO, name: str, columns: Sequence[str]) -> TableWriter:
        return DelimitedWriter(file, columns, _csv_lines)


@FORMATS.register("lines")
class WholeLines(Format):
    """One text a line."""

    is_text = True

    @contextlib.contextmanager
    def open(self, file: BinaryIO, name: str, encoding: str | None, delimiter: str | None) -> Iterator[Table]:
        self.no_delimiter(delimiter)
        lines = Lines(file, name, encoding)
        yield Table(name, "lines", without_blank_end(_whole(lines)), "whole-line", lines=lines)


def _whole(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, Cells]]:
    for number, line in lines:
        if isinstance(line, BadLine):
            yield number, malformed_line(line)
        else:
            yield number, [line] if line else []


def _split(lines: Iterable[tuple[int, str]], delimiter: str, table: Table) -> Iterator[tuple[int, Cells]]:
    counts = table.has_plain_quotes
    for number, line in lines:
        if isinstance(line, BadLine):
            yield number, malformed_line(line)
            continue
        cells: list[Any] = line.split(delimiter) if line else []
        if counts and '"' in line:
            table.quoted += sum(map(_is_quoted, cells))
        yield number, cells


def _is_quoted(cell: str) -> bool:
    """Whether a cell is as CSV writes it: in double quotes, and those inside doubled."""
    cell = cell.strip(" ")
    return len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', "")


class _Records:
    """The records of CSV, each with the number of the line on which it begins."""

    # The csv module takes a lone CR for the end of a record, even where lines are handed to it one by one.
    # U+FFFF is no character, so no text holds it.
    _CR = "\uffff"

    def __init__(self, lines: Iterator[tuple[int, str]], delimiter: str, name: str) -> None:
        csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_CHARACTERS))
        self._lines = lines
        self._delimiter = delimiter
        self._name = name
        # Of the record that is being read: its lines and their length, the number of the first, and what of them calls
        # for more than the csv module does.
        self._read: list[str] = []
        self._length = 0
        self._begin = 1
        self._odd = False

    def rows(self) -> Iterator[tuple[int, Cells]]:
        reader = csv.reader(self._ended(), delimiter=self._delimiter, strict=True)
        try:
            for record in reader:
                yield self._begin, self._cells(record) if self._odd else record
                self._read.clear()
                self._length, self._odd = 0, False
        except csv.Error as error:
            raise self._error(error) from error

    def _ended(self) -> Iterator[str]:
        spaced = self._delimiter + " "
        for number, line in self._lines:
            if not self._read:
                self._begin = number
            self._length += len(line)
            if self._length > MAX_ROW_CHARACTERS and self._read:
                raise csv.Error(f"it is longer than {MAX_ROW_CHARACTERS:,} characters")
            if "\r" in line or spaced in line or line.startswith(" ") or isinstance(line, BadLine):
                self._odd = True
            self._read.append(line)
            yield line.replace("\r", self._CR) + "\n" if self._odd else line + "\n"

    def _cells(self, record: list[str]) -> Cells:
        """The cells of a record that holds more than plain cells."""
        bad = next((line for line in self._read if isinstance(line, BadLine)), None)
        if bad is not None:
            return malformed_line(bad)
        return [cell.replace(self._CR, "\r") for cell in self._without_spaces(record)]

    def _without_spaces(self, record: list[str]) -> list[str]:
        """The record with cells in quotes that stand behind a space, as people type them, as what is in the quotes."""
        if not any(cell.startswith(" ") and cell.lstrip(" ").startswith('"') for cell in record):
            return record
        lines = [line.replace("\r", self._CR) + "\n" for line in self._read]
        try:
            (again,) = csv.reader(lines, delimiter=self._delimiter, strict=True, skipinitialspace=True)
        except (csv.Error, ValueError):
            # The quotes end within the cell: they are text.
            return record
        return again

    def _error(self, error: Exception) -> DataFormatError:
        # What follows a broken quote cannot be told apart, so no row after it could be trusted.
        return DataFormatError(
            f"{self._name}, line {self._begin}: expected a CSV record in which quotes are closed and doubled inside. "
            f"Received one that is not ({error})."
        )


class DelimitedWriter:
    """Writes a header and rows of texts.

    Args:
        file: open for writing.
        columns: names for the header.
        as_lines: makes rows of cells into lines of text.
    """

    def __init__(
        self, file: BinaryIO, columns: Sequence[str], as_lines: Callable[[Iterable[Sequence[str]]], str]
    ) -> None:
        self._file = file
        self._as_lines = as_lines
        # Known for good with the first rows: a column of vectors is several.
        self._header: Sequence[str] | None = columns

    def write(self, batch: Batch) -> None:
        columns = text_columns(batch)
        if self._header is not None:
            self._header = list(columns)
        self.close()
        self._write(zip(*columns.values(), strict=True))

    def close(self) -> None:
        if self._header is not None:
            self._write([self._header])
            self._header = None

    def _write(self, rows: Iterable[Sequence[str]]) -> None:
        self._file.write(as_utf8(self._as_lines(rows)))


def _tsv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Tabs and line ends inside a cell, which TSV cannot hold, become spaces."""
    return "".join(["\t".join(map(one_line, row)) + "\n" for row in rows])


def _csv_lines(rows: Iterable[Sequence[str]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
