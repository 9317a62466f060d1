"""JSON lines: an object a line."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from textsim.data.formats.cells import as_utf8, json_objects
from textsim.data.formats.format import FORMATS, Batch, Format, TableWriter
from textsim.data.formats.table import Cells, Malformed, Table, malformed_line, without_blank_end
from textsim.errors import DataFormatError
from textsim.io.text_encoding import BadLine, Lines


@FORMATS.register("jsonl")
class JsonLines(Format):
    """Columns are keys."""

    endings = (".jsonl", ".ndjson")
    is_text = True

    @contextlib.contextmanager
    def open(self, file: BinaryIO, name: str, encoding: str | None, delimiter: str | None) -> Iterator[Table]:
        self.no_delimiter(delimiter)
        lines = Lines(file, name, encoding)
        yield Table(name, "jsonl", without_blank_end(_rows(lines, name)), "JSON", keyed=True, lines=lines)

    def writer(self, file: BinaryIO, name: str, columns: Sequence[str]) -> TableWriter:
        return _JsonLinesWriter(file)


def _rows(lines: Iterable[tuple[int, str]], name: str) -> Iterator[tuple[int, Cells]]:
    for number, line in lines:
        if not line:
            yield number, []
        elif isinstance(line, BadLine):
            yield number, malformed_line(line)
        else:
            row = _row(line)
            if number == 1 and isinstance(row, Malformed):
                _check_no_array(line, name)
            yield number, row


def _check_no_array(line: str, name: str) -> None:
    """Refuses a file that begins as an array of objects does, on one line or on many."""
    if re.match(r"\s*\[\s*(\{|$)", line):
        raise DataFormatError(
            f"{name}, line 1: expected a JSON object on each line. Received the beginning of a JSON array: name the "
            "file .json, or pass format='json'."
        )


def _row(text: str) -> Cells:
    """The object that a JSON text is, or `Malformed`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Malformed(f"expected a JSON object. It cannot be parsed: {error}", text)
    if isinstance(value, dict):
        return value
    return Malformed(f"expected a JSON object. Received {text:.80}", text)


class _JsonLinesWriter:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, batch: Batch) -> None:
        self._file.write(as_utf8("".join([f"{row}\n" for row in json_objects(batch)])))

    def close(self) -> None:
        """Nothing stands at the end."""
