"""Searches an index for the texts of files of any length, as streams."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from textsim.data.formats.files import open_writer
from textsim.data.formats.format import Batch
from textsim.data.row_kinds import TEXTS
from textsim.data.sources import Source
from textsim.io.progress import progress_bar
from textsim.matching.files.output import check_outputs
from textsim.matching.files.report import FileReport
from textsim.matching.files.text_file import TextFile
from textsim.matching.index.search import Hit
from textsim.matching.index.text_index import TextIndex

_COLUMNS = ("text", "rank", "id", "found", "score", "probability", "decision", "cosine")
_NOTHING = Hit(id="", text="", score=0.0, probability=0.0, decision="no match", cosine=0.0, payload={})


def search_file(
    index: TextIndex,
    source: Source,
    target: str | os.PathLike[str],
    *,
    k: int = 5,
    filter: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    **reading: Any,
) -> FileReport:
    """Searches an index for each text of a file, as a stream.

    The output has the columns text, rank (from 1), id, found (the stored text), score, probability, decision, cosine,
    and those of the payloads; one that has a name of these is called payload.NAME. There are `k` rows a text, or fewer
    where there are fewer hits; where there is none, one of rank 0.

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

    Example:
        >>> from textsim import TextIndex, TextMatcher, search_file
        >>> index = TextIndex.build(TextMatcher.load("zh-general"), ["忘记密码怎么办", "如何申请退货"])
        >>> report = search_file(index, ["密码忘了", "我要退货"], "found.tsv", k=1, progress=False)
        >>> report.rows
        2
    """
    start = time.perf_counter()
    check_outputs(target, source, reading)
    rows = matches = 0
    payload = _payload_columns(index.columns)
    with (
        contextlib.closing(TextFile(index.matcher, source, TEXTS, reading)) as file,
        open_writer(target, [*_COLUMNS, *payload]) as output,
        progress_bar(progress, "searching", "texts") as bar,
    ):
        for _, (texts,) in file:
            found = index.search_read(texts, k, filter=filter)
            output.write(_batch(texts.texts, found, payload))
            rows += len(texts)
            matches += sum(bool(hits) and hits[0].decision == "match" for hits in found)
            bar.update(len(texts), file.fraction())
    return file.report(rows=rows, matches=matches, seconds=time.perf_counter() - start)


def _payload_columns(names: Sequence[str]) -> dict[str, str]:
    """The columns to write of payloads, each with its name there; none has the name of another."""
    taken, columns = {*_COLUMNS, *names}, {}
    for name in names:
        column = name
        while column in _COLUMNS or (column != name and column in taken):
            column = f"payload.{column}"
        taken.add(column)
        columns[column] = name
    return columns


def _batch(texts: Sequence[str], found: Sequence[Sequence[Hit]], payload: Mapping[str, str]) -> Batch:
    """The rows of some texts and their hits; `payload` has for each further column its name in the payloads."""
    ranked = [
        (text, rank, hit)
        for text, hits in zip(texts, found, strict=True)
        for rank, hit in (enumerate(hits, 1) if hits else [(0, _NOTHING)])
    ]
    hits = [hit for _, _, hit in ranked]
    return {
        "text": [text for text, _, _ in ranked],
        "rank": np.array([rank for _, rank, _ in ranked]),
        "id": [hit.id for hit in hits],
        "found": [hit.text for hit in hits],
        "score": np.array([hit.score for hit in hits]),
        "probability": np.array([hit.probability for hit in hits]),
        "decision": [hit.decision for hit in hits],
        "cosine": np.array([hit.cosine for hit in hits]),
        **{column: [hit.payload.get(name) for hit in hits] for column, name in payload.items()},
    }
