"""TSV, split at every tab; CSV, with quotes; and files of one text a line."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from textsim.data.formats.cells import as_utf8, one_line, text_columns
from textsim.data.formats.format import FORMATS, Batch, Format, TableWriter
from textsim.data.formats.table import MAX_ROW_CHARACTERS, Cells, Table, malformed_line, without_blank_end
from textsim.errors import ConfigError, DataFormatError
from textsim.io.text_encoding import BadLine, Lines


@FORMATS.register("tsv")
class Tsv(Format):
    """Columns between tabs, or another delimiter. Quotes are text."""

    endings = (".tsv", ".tab", ".txt")
    is_text = True

    @contextlib.contextmanager
    def open(self, file: BinaryIO, name: str, encoding: str | None, delimiter: str | None) -> Iterator[Table]:
        lines = Lines(file, name, encoding)
        table = Table(name, "tsv", iter(()), _separated("\t", delimiter), lines=lines)
        table.rows = without_blank_end(_split(lines, delimiter or "\t", table))
        yield table

    def writer(self, file: BinaryIO, name: str, columns: Sequence[str]) -> TableWriter:
        return DelimitedWriter(file, columns, _tsv_lines)


@FORMATS.register("csv")
class Csv(Format):
    """Columns between commas, or another delimiter. Cells may stand in quotes, and then span lines."""

    endings = (".csv",)
    is_text = True

    @contextlib.contextmanager
    def open(self, file: BinaryIO, name: str, encoding: str | None, delimiter: str | None) -> Iterator[Table]:
        lines = Lines(file, name, encoding)
        yield Table(
            name,
            "csv",
            without_blank_end(_records(lines, name, delimiter or ",")),
            _separated(",", delimiter),
            lines=lines,
        )

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


def _separated(usual: str, delimiter: str | None) -> str:
    _check_delimiter(delimiter)
    if delimiter in (None, usual):
        return "tab-separated" if usual == "\t" else "comma-separated"
    return f"{delimiter!r}-separated"


def _check_delimiter(delimiter: str | None) -> None:
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ConfigError(f"delimiter {delimiter!r}: expected one character, and no quote or line end.")


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
    return len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', "")


def _records(lines: Iterable[tuple[int, str]], name: str, delimiter: str) -> Iterator[tuple[int, Cells]]:
    """Yields each record with the number of the line on which it begins."""
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_CHARACTERS))
    # The csv module takes a lone CR for the end of a record, even where lines are handed to it one by one.
    # U+FFFF is no character, so no text holds it.
    stand_in = "\uffff"
    hidden = False
    bad: list[BadLine] = []

    def ended_lines() -> Iterator[str]:
        nonlocal hidden
        for _, line in lines:
            if isinstance(line, BadLine):
                bad.append(line)
            if "\r" in line:
                hidden = True
                line = line.replace("\r", stand_in)
            yield line + "\n"

    reader = csv.reader(ended_lines(), delimiter=delimiter, strict=True)
    begin = 1
    try:
        for record in reader:
            if bad:
                yield begin, malformed_line(bad[0])
                bad.clear()
            else:
                cells: list[Any] = [cell.replace(stand_in, "\r") for cell in record] if hidden else record
                yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        # What follows a broken quote cannot be told apart, so no row after it could be trusted.
        raise DataFormatError(
            f"{name}, line {begin}: expected a CSV record in which quotes are closed and doubled inside. "
            f"Received one that is not ({error})."
        ) from error


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
