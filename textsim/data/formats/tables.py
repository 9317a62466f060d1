"""Files of rows (TSV, CSV, JSON lines, Parquet; plain or gzip) as a stream of numbered rows."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from textsim.errors import ConfigError, DataFormatError, MissingDependencyError
from textsim.io.paths import STREAM, is_gzip, is_stream
from textsim.io.text_encoding import Lines, open_bytes
from textsim.registry import unknown_name

FORMATS = ("csv", "jsonl", "lines", "parquet", "tsv")
_SUFFIXES = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_REMEDIES = {
    ".json": "If each of its lines is a JSON object, pass --format jsonl (format='jsonl').",
    ".xlsx": "Save the sheet as CSV (UTF-8) and pass that.",
    ".xls": "Save the sheet as CSV (UTF-8) and pass that.",
}
_AS_CSV = r"pass --format csv --delimiter '\t' (format='csv', delimiter='\t')"
# An unclosed quote makes the rest of a CSV file one field: this bounds it, yet a text can be very long.
_MAX_CSV_FIELD_CHARACTERS = 1 << 24
# How far the columns' names are looked for. It bounds what a stream whose names are wrong is read before that is said.
_BEGINNING_ROWS = 100


class Malformed(NamedTuple):
    """A row that its format cannot read."""

    reason: str
    raw: str


Cells = list[Any] | dict[str, Any] | Malformed


@dataclass
class Table:
    """An open file of rows.

    Attributes:
        path: as given.
        format: one of `FORMATS`.
        lines: of the text file that the rows are read from; None for Parquet.
        names: the columns' names where the format has them for the whole file (Parquet), else None.
        unit: what a row's number counts: "line" of the file, or "row" of a Parquet table. Both begin with 1.
        separator: what separates columns, in words, for messages.
        rows: the numbered rows, read as they are asked for: a list of cells (TSV, CSV, Parquet), a dict (JSON
            lines) or `Malformed`. Blank lines are rows without cells. At the file's end they are left out,
            and so are rows of blank cells.
        quoted: how many cells, of the rows read so far of a tab-separated TSV file, stand in double quotes as CSV's do.
    """

    path: str | os.PathLike[str]
    format: str
    lines: Lines | None
    names: list[str] | None
    unit: str
    separator: str
    rows: Iterator[tuple[int, Cells]]
    quoted: int = 0

    @property
    def encoding(self) -> str | None:
        """Of the text, as far as it has been read; None for Parquet."""
        return None if self.lines is None else self.lines.encoding

    def where(self, number: int) -> str:
        """The place of a row, for messages."""
        return f"{self.path}, {self.unit} {number}"

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

    def put_back(self, rows: list[tuple[int, Cells]]) -> None:
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
    return f"{cells:,} cells in double quotes, kept as text: if they only stand around cells, {_AS_CSV}"


def table_format(path: str | os.PathLike[str]) -> str:
    """The format that a file's name tells, less a final ".gz"; TSV for standard input.

    Raises:
        DataFormatError: the suffix is none that is known.
    """
    if os.fspath(path) == STREAM:
        return "tsv"
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    if suffixes and suffixes[-1] in _SUFFIXES:
        return _SUFFIXES[suffixes[-1]]
    remedy = _REMEDIES.get(suffixes[-1] if suffixes else "", "Pass --format (format=...).")
    raise DataFormatError(
        f"{path}: cannot tell the format from the name. Expected one of: {', '.join(sorted(_SUFFIXES))}, "
        f"each also with .gz. {remedy}"
    )


@contextlib.contextmanager
def open_table(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Iterator[Table]:
    """Opens a file of rows.

    Args:
        path: the file; "-" is standard input.
        format: one of `FORMATS`; by default the one that the name tells. "lines" makes each line one cell.
        encoding: of a text file; detected by default.
        delimiter: between columns, one character; by default a tab in TSV and a comma in CSV.

    Raises:
        DataFormatError: the file is missing, cannot be read, or is not in its format.
        ConfigError: an argument has a value that it cannot have.
        MissingDependencyError: Parquet is asked for and pyarrow is not installed.
    """
    if format is None:
        format = table_format(path)
    elif format not in FORMATS:
        raise ConfigError(unknown_name("file format", format, FORMATS))
    if delimiter is not None and (format not in ("tsv", "csv") or len(delimiter) != 1):
        raise ConfigError(
            f"delimiter {delimiter!r}: expected one character, for TSV or CSV. The format here is {format}."
        )
    with open_bytes(path) as file:
        if format == "parquet":
            with open_parquet(file, path) as parquet:
                names = list(parquet.schema_arrow.names)
                yield Table(path, format, None, names, "row", "Parquet", _parquet_rows(parquet, path))
            return
        lines = Lines(file, path, encoding)
        table = Table(path, format, lines, None, "line", "", iter(()))
        if format == "jsonl":
            table.separator = "JSON"
            table.rows = _without_blank_end(_json_rows(lines))
        elif format == "csv":
            table.separator = "comma-separated" if delimiter in (None, ",") else f"{delimiter!r}-separated"
            table.rows = _without_blank_end(_csv_rows(lines, path, delimiter or ","))
        elif format == "tsv":
            table.separator = "tab-separated" if delimiter in (None, "\t") else f"{delimiter!r}-separated"
            table.rows = _without_blank_end(_split_rows(lines, delimiter or "\t", table))
        else:
            table.separator = "whole-line"
            table.rows = _without_blank_end((number, [line] if line else []) for number, line in lines)
        yield table


def _without_blank_end(rows: Iterator[tuple[int, Cells]]) -> Iterator[tuple[int, Cells]]:
    blank: list[tuple[int, Cells]] = []
    for row in rows:
        if is_blank(row[1]):
            blank.append(row)
        elif blank:
            yield from blank
            blank.clear()
            yield row
        else:
            yield row


def is_blank(cells: Cells) -> bool:
    """Whether a row holds nothing, as the empty rows that spreadsheets write at the end."""
    return isinstance(cells, list) and not any(map(str.strip, cells))


def _split_rows(
    lines: Iterable[tuple[int, str]], delimiter: str, table: Table
) -> Iterator[tuple[int, Cells]]:
    counts = table.has_plain_quotes
    for number, line in lines:
        cells: list[Any] = line.split(delimiter) if line else []
        if counts and '"' in line:
            table.quoted += sum(map(_is_quoted, cells))
        yield number, cells


def _is_quoted(cell: str) -> bool:
    """Whether a cell is as CSV writes it: in double quotes, and those inside doubled."""
    return len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', "")


def _json_rows(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, Cells]]:
    for number, line in lines:
        if not line:
            yield number, []
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, Malformed(f"expected a JSON object. It cannot be parsed: {error}", line)
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            yield number, Malformed(f"expected a JSON object. Received {line:.80}", line)


def _csv_rows(
    lines: Iterable[tuple[int, str]], path: str | os.PathLike[str], delimiter: str
) -> Iterator[tuple[int, Cells]]:
    """Yields each record with the number of the line on which it begins."""
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CSV_FIELD_CHARACTERS))
    # The csv module takes a lone CR for the end of a record, even where lines are handed to it one by one.
    # U+FFFF is no character, so no text holds it.
    stand_in = "\uffff"
    hidden = False

    def ended_lines() -> Iterator[str]:
        nonlocal hidden
        for _, line in lines:
            if "\r" in line:
                hidden = True
                line = line.replace("\r", stand_in)
            yield line + "\n"

    reader = csv.reader(ended_lines(), delimiter=delimiter, strict=True)
    begin = 1
    try:
        for record in reader:
            cells: list[Any] = [cell.replace(stand_in, "\r") for cell in record] if hidden else record
            yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        # What follows a broken quote cannot be told apart, so no row after it could be trusted.
        raise DataFormatError(
            f"{path}, line {begin}: expected a CSV record in which quotes are closed and doubled inside. "
            f"Received one that is not ({error})."
        ) from error


def check_header(path: str | os.PathLike[str], format: str, header: str) -> None:
    """Raises ConfigError where columns that have names are said to have none."""
    if header == "no":
        raise ConfigError(
            f"{path}: header 'no' is for TSV and CSV. The columns of {format} have names: leave the header out."
        )


@contextlib.contextmanager
def open_parquet(file: BinaryIO, path: str | os.PathLike[str]) -> Iterator[Any]:
    """Opens a Parquet file as a `pyarrow.parquet.ParquetFile`.

    Args:
        file: the open file.
        path: its name, for messages; ".gz" and standard input are laid down in a temporary file first, since
            Parquet is read from its end.

    Raises:
        DataFormatError: it is no Parquet file.
        MissingDependencyError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError(
            f"{path}: reading Parquet needs pyarrow. Install it with: pip install 'textsim[parquet]'"
        ) from error
    with tempfile.TemporaryFile() as spool:
        if is_stream(path) or is_gzip(path):
            shutil.copyfileobj(file, spool)
            spool.seek(0)
            file = spool
        try:
            parquet = pyarrow.parquet.ParquetFile(file)
        except (pyarrow.ArrowException, OSError) as error:
            raise DataFormatError(f"{path}: expected a Parquet file. It cannot be read: {error}") from error
        yield parquet


def parquet_batches(parquet: Any, path: str | os.PathLike[str], rows: int) -> Iterator[Any]:
    """The record batches of an open Parquet file, of at most `rows` rows.

    Raises:
        DataFormatError: the file is damaged.
    """
    import pyarrow

    done = 0
    batches = parquet.iter_batches(batch_size=rows)
    while True:
        try:
            batch = next(batches, None)
        except (pyarrow.ArrowException, OSError) as error:
            raise DataFormatError(f"{path}: damaged after row {done}: {error}") from error
        if batch is None:
            return
        done += batch.num_rows
        yield batch


def _parquet_rows(parquet: Any, path: str | os.PathLike[str]) -> Iterator[tuple[int, Cells]]:
    number = 0
    for batch in parquet_batches(parquet, path, 8192):
        columns = [column.to_pylist() for column in batch.columns]
        for cells in zip(*columns, strict=True):
            number += 1
            yield number, list(cells)
