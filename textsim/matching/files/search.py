"""Searches an index for the texts of files of any length, as streams."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from textsim.data.rows import TEXTS
from textsim.matching.files.output import cell_text, check_outputs, one_line, open_output, progress_bar
from textsim.matching.files.report import FileReport
from textsim.matching.files.text_file import TextFile
from textsim.matching.index.search import Hit
from textsim.matching.index.text_index import TextIndex

_COLUMNS = ("text", "rank", "id", "found", "score", "probability", "decision", "cosine")


def search_file(
    index: TextIndex,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    k: int = 5,
    filter: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    **reading: Any,
) -> FileReport:
    """Searches an index for each text of a file, as a stream.

    The output is TSV with a header: text, rank (from 1), id, found (the stored text), score, probability, decision,
    cosine, and then the payload's columns; one that has a name of these is called payload.NAME. There are `k` rows a
    text, or as many as there are hits; where there is none, one row says no match. Tabs and line ends inside a text
    are written as spaces.

    Args:
        index: the stored texts.
        source: file of texts, one a line or in a column; "-" is standard input.
        target, progress, reading: as in `score_file`.
        k, filter: as in `TextIndex.search`.

    Returns:
        The report; its `rows` are the texts of the source, its `matches` those whose first hit is a match.

    Raises:
        DataFormatError: the source cannot be read, or a row is bad and not to be skipped; names the line.
        InputError: as `score_file` and `TextIndex.search`.
    """
    start = time.perf_counter()
    check_outputs(target, source, reading)
    rows = matches = 0
    with (
        contextlib.closing(TextFile(index.matcher, source, TEXTS, reading)) as file,
        open_output(target) as output,
        progress_bar(progress, "texts") as bar,
    ):
        columns = index.columns
        names = [f"payload.{name}" if name in _COLUMNS else one_line(name) for name in columns]
        output.write(("\t".join([*_COLUMNS, *names]) + "\n").encode("utf-8", "replace"))
        for _, (texts,) in file:
            found = index.search_read(texts, k, filter=filter)
            for text, hits in zip(texts.texts, found, strict=True):
                output.write(_lines(text, hits, columns).encode("utf-8", "replace"))
            rows += len(texts)
            matches += sum(bool(hits) and hits[0].decision == "match" for hits in found)
            bar.update(len(texts))
    return file.report(rows=rows, matches=matches, seconds=time.perf_counter() - start)


def _lines(text: str, hits: Sequence[Hit], columns: Sequence[str]) -> str:
    lines = [
        [
            one_line(text),
            str(rank),
            one_line(hit.id),
            one_line(hit.text),
            f"{hit.score:.6f}",
            f"{hit.probability:.6f}",
            hit.decision,
            f"{hit.cosine:.6f}",
            *(cell_text(hit.payload.get(column)) for column in columns),
        ]
        for rank, hit in enumerate(hits, 1)
    ]
    nothing = [one_line(text), "", "", "", "", "", "no match", "", *("" for _ in columns)]
    return "".join("\t".join(line) + "\n" for line in lines or [nothing])
