"""Searches an index for the texts of files of any length, as streams."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

import numpy as np

from textsim.data.formats.files import open_writer
from textsim.data.row_kinds import TEXTS
from textsim.data.sources import Source
from textsim.matching.files.output import check_outputs, progress_bar
from textsim.matching.files.report import FileReport
from textsim.matching.files.text_file import TextFile
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher

_COLUMNS = ("text", "rank", "found", "cosine", "score", "match")


def stored_texts(
    matcher: TextMatcher, source: Source, **reading: Any
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
    source: Source,
    target: str | os.PathLike[str],
    *,
    k: int = 5,
    progress: bool | None = None,
    **reading: Any,
) -> FileReport:
    """Searches an index for each text of a file, as a stream.

    The output has the columns text, rank (from 1), found, cosine, score, match, `k` rows a text.

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
        open_writer(target, _COLUMNS) as output,
        progress_bar(progress, "texts") as bar,
    ):
        for _, (column,) in file:
            found = index.search_read(column, k)
            hits = [hit for one in found for hit in one]
            output.write(
                {
                    "text": [text for text, one in zip(column.texts, found, strict=True) for _ in one],
                    "rank": np.array([rank for one in found for rank, _ in enumerate(one, 1)]),
                    "found": [hit.text for hit in hits],
                    "cosine": np.array([hit.cosine for hit in hits]),
                    "score": np.array([hit.score for hit in hits]),
                    "match": np.array([hit.match for hit in hits]),
                }
            )
            rows += len(column)
            matches += sum(one[0].match for one in found)
            indistinct += sum(hit.indistinct for hit in hits)
            bar.update(len(column))
    return file.report(rows=rows, matches=matches, indistinct=indistinct, seconds=time.perf_counter() - start)
