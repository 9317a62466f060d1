"""Searches an index for the texts of files of any length, as streams."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

from textsim.data.rows import TEXTS
from textsim.matching.files.output import check_outputs, one_line, open_output, progress_bar
from textsim.matching.files.report import FileReport
from textsim.matching.files.text_file import TextFile
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher


def stored_texts(
    matcher: TextMatcher, source: str | os.PathLike[str], **reading: Any
) -> tuple[list[str], FileReport]:
    """The texts of a file, as a `TextIndex` takes them, and what was read and left out.

    Args:
        matcher: the loaded model, which must be able to read each.
        source: file of texts, one a line or in a column.
        reading: as in `score_file`.

    Raises:
        DataFormatError: the source cannot be read, or a row is bad and not to be skipped; names the line.
    """
    texts: list[str] = []
    with contextlib.closing(TextFile(matcher, source, TEXTS, reading)) as file:
        for chunk, _ in file:
            texts += chunk.texts[0]
    return texts, file.report(rows=len(texts))


def search_file(
    index: TextIndex,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    k: int = 5,
    progress: bool | None = None,
    **reading: Any,
) -> FileReport:
    """Searches an index for each text of a file, as a stream.

    The output is TSV with a header: text, rank (from 1), found, cosine, score, match (1 or 0), `k` rows a text. Tabs
    and line ends inside a text are written as spaces.

    Args:
        index: the stored texts.
        source: file of texts, one a line or in a column; "-" is standard input.
        target, progress, reading: as in `score_file`.
        k: how many stored texts to find for each.

    Returns:
        The report; its `rows` are the texts of the source, its `matches` those whose first is a match.

    Raises:
        DataFormatError: the source cannot be read, or a row is bad and not to be skipped; names the line.
        InputError: as `score_file`, or `k` is less than 1.
    """
    start = time.perf_counter()
    check_outputs(target, source, reading)
    rows = matches = indistinct = 0
    with (
        contextlib.closing(TextFile(index.matcher, source, TEXTS, reading)) as file,
        open_output(target) as output,
        progress_bar(progress, "texts") as bar,
    ):
        header = "text\trank\tfound\tcosine\tscore\tmatch\n"
        for _, (column,) in file:
            found = index.search_read(column, k)
            lines = [
                f"{one_line(text)}\t{rank}\t{one_line(hit.text)}\t{hit.cosine:.6f}\t{hit.score:.6f}\t{hit.match:d}\n"
                for text, hits in zip(column.texts, found, strict=True)
                for rank, hit in enumerate(hits, 1)
            ]
            output.write((header + "".join(lines)).encode("utf-8", "replace"))
            header = ""
            rows += len(column)
            matches += sum(hits[0].match for hits in found)
            indistinct += sum(hit.indistinct for hits in found for hit in hits)
            bar.update(len(column))
    return file.report(rows=rows, matches=matches, indistinct=indistinct, seconds=time.perf_counter() - start)
