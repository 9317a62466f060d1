"""A file of texts as a matcher reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from textsim.data.row_kinds import RowKind
from textsim.data.rows import RowChunk, read_rows
from textsim.data.sources import Source
from textsim.errors import InputError
from textsim.matching.files.report import FileReport
from textsim.matching.matcher import CHUNK_ROWS
from textsim.matching.text_matcher import TextMatcher, TokenizedTexts


class TextFile:
    """Chunks of a file's rows with their texts as the model reads them; bad rows are left out and counted.

    Iterate it once, and `close` it where that may end early.

    Args:
        matcher: the loaded model.
        source: the file, where "-" is standard input; or another source of rows (see `textsim.data.sources.Source`).
        kind: what a row holds.
        reading: how to read it, see `textsim.data.settings.Reading`.

    Raises:
        DataFormatError: the source cannot be read, or, while iterating, a row is bad and not to be skipped; names the
            line.
    """

    def __init__(
        self,
        matcher: TextMatcher,
        source: Source,
        kind: RowKind,
        reading: Mapping[str, Any],
    ) -> None:
        self._matcher, self._kind = matcher, kind
        self._reader = read_rows(source, kind, **{"chunk_rows": CHUNK_ROWS, **reading})
        self._truncated = 0

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of the columns that are kept."""
        return self._reader.kept

    def __iter__(self) -> Iterator[tuple[RowChunk, list[TokenizedTexts]]]:
        for chunk in self._reader:
            chunk, columns = self._readable(chunk)
            self._truncated += sum(int(column.truncated.sum()) for column in columns)
            yield chunk, columns

    def fraction(self) -> float | None:
        """How much of the file was read, in [0, 1]; None where that is not known."""
        return self._reader.fraction()

    def close(self) -> None:
        """Closes the file before its end."""
        self._reader.close()

    def report(self, **results: Any) -> FileReport:
        """What was found about the file so far, with what was done with it, as `FileReport` has it."""
        info = self._reader.info
        return FileReport(
            **{
                "encoding": info.encoding,
                "rejected": info.rejected,
                "rejected_lines": sorted(self._reader.rejected_lines),
                "quoted": info.quoted,
                "undecoded": info.undecoded,
                "truncated": self._truncated,
                **results,
            }
        )

    def _readable(self, chunk: RowChunk) -> tuple[RowChunk, list[TokenizedTexts]]:
        try:
            return chunk, [self._matcher.read(column) for column in chunk.texts]
        except InputError:
            pass
        # A text that holds nothing once it is normalized: found row by row.
        good = []
        for place, row in enumerate(zip(*chunk.texts, strict=True)):
            try:
                self._matcher.read(row, self._kind.columns.__getitem__)
            except InputError as error:
                self._reader.reject(chunk.lines[place], str(error), "\t".join(row))
            else:
                good.append(place)
        chunk = chunk.take(good)
        return chunk, [self._matcher.read(column) for column in chunk.texts]
