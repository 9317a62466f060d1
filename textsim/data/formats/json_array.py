"""JSON files: one array of objects, read and written as a stream."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from textsim.data.formats.cells import as_utf8, json_objects
from textsim.data.formats.format import FORMATS, Batch, Format, TableWriter
from textsim.data.formats.table import MAX_ROW_CHARACTERS, Cells, Malformed, Table, malformed_line
from textsim.errors import DataFormatError
from textsim.io.text_encoding import Lines

_BLANK = re.compile(r"\s*")


@FORMATS.register("json")
class JsonArray(Format):
    """Columns are keys. Objects may also follow each other without an array, as in JSON lines."""

    endings = (".json",)
    is_text = True

    @contextlib.contextmanager
    def open(self, file: BinaryIO, name: str, encoding: str | None, delimiter: str | None) -> Iterator[Table]:
        self.no_delimiter(delimiter)
        lines = Lines(file, name, encoding)
        yield Table(name, "json", _Values(lines, name).rows(), "JSON", keyed=True, lines=lines)

    def writer(self, file: BinaryIO, name: str, columns: Sequence[str]) -> TableWriter:
        return _JsonArrayWriter(file)


class _Values:
    """The values of an array, or of a text that holds one after the other, parsed as the text comes."""

    def __init__(self, lines: Lines, name: str) -> None:
        self._blocks = lines.blocks()
        self._bad = lines.bad
        self._name = name
        self._parse = json.JSONDecoder().raw_decode
        # What was read and is not parsed yet begins at `place` of `text`, on line `line` of the file.
        self._text, self._place, self._line = "", 0, 1
        self._ended = False

    def rows(self) -> Iterator[tuple[int, Cells]]:
        """Each value with the number of the line on which it begins."""
        in_array = self._take("[")
        while self._next():
            if in_array and self._take("]"):
                if self._next():
                    raise self._error("nothing behind the array")
                return
            number, value, text = self._value()
            if bad := self._bad(text):
                yield number, malformed_line(bad)
            elif isinstance(value, dict):
                yield number, value
            else:
                yield number, Malformed(f"expected a JSON object. Received {text:.80}", text)
            if in_array and not self._take(",") and self._next() != "]":
                raise self._error("a comma or the end of the array")
        if in_array:
            raise self._error("the end of the array")

    def _next(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            found = _BLANK.match(self._text, self._place)
            assert found is not None
            self._advance(found.end())
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more(1):
                return ""

    def _take(self, character: str) -> bool:
        """Whether the next character is this one, which is then passed."""
        if self._next() != character:
            return False
        self._advance(self._place + 1)
        return True

    def _value(self) -> tuple[int, Any, str]:
        """The line, the next value, and its text."""
        while True:
            try:
                value, end = self._parse(self._text, self._place)
            except (ValueError, RecursionError) as error:
                # Perhaps its end is not read yet. Twice as much each time: the time is linear in its length.
                unread = len(self._text) - self._place
                if unread > MAX_ROW_CHARACTERS or not self._more(unread):
                    raise self._error(f"a JSON object ({error})") from None
                continue
            # A number may go on in the next block.
            if end == len(self._text) and self._more(1):
                continue
            number, text = self._line, self._text[self._place : end]
            self._advance(end)
            return number, value, text

    def _advance(self, place: int) -> None:
        self._line += self._text.count("\n", self._place, place)
        self._place = place

    def _more(self, characters: int) -> bool:
        """Reads at least so many characters on; False at the end of the text."""
        blocks = [self._text[self._place :]]
        while characters > 0 and not self._ended:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
            else:
                blocks.append(block)
                characters -= len(block)
        self._text, self._place = "".join(blocks), 0
        return len(blocks) > 1

    def _error(self, expected: str) -> DataFormatError:
        received = self._text[self._place : self._place + 40] or "the end of the file"
        # What follows cannot be told apart, so no row after it could be trusted.
        return DataFormatError(
            f"{self._name}, line {self._line}: expected a JSON array of objects, and here {expected}. "
            f"Received {received!r}."
        )


class _JsonArrayWriter:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._before = "[\n"

    def write(self, batch: Batch) -> None:
        for row in json_objects(batch):
            self._file.write(as_utf8(self._before + row))
            self._before = ",\n"

    def close(self) -> None:
        self._file.write(as_utf8("\n]\n" if self._before == ",\n" else "[]\n"))
