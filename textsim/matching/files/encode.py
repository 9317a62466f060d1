"""Encodes the texts of files of any length, as streams."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

from textsim.data.formats.files import open_writer
from textsim.data.row_kinds import TEXTS
from textsim.data.sources import Source
from textsim.errors import InputError
from textsim.io.paths import is_stream
from textsim.io.progress import progress_bar
from textsim.matching.files.output import check_outputs
from textsim.matching.files.report import FileReport
from textsim.matching.files.text_file import TextFile
from textsim.matching.text_matcher import CACHE_BYTES, TextMatcher


def encode_file(
    matcher: TextMatcher,
    source: Source,
    target: str | os.PathLike[str],
    *,
    progress: bool | None = None,
    cache_bytes: int = CACHE_BYTES,
    **reading: Any,
) -> FileReport:
    """Encodes every text of a file, as a stream.

    Vectors are in the order of the texts. A bad row that is skipped has none: `rejects` names their lines.

    Args:
        matcher: the loaded model.
        source: file of texts, one a line or in a column; "-" is standard input.
        target: the file to write, which appears when it is complete. A .npy file holds the vectors alone, float32
            (texts, output_dim); files of other formats have the columns text and vector. No stream.
        progress, cache_bytes, reading: as in `score_file`.

    Raises:
        DataFormatError: the source cannot be read, or a row is bad and not to be skipped; names the line.
        InputError: the target is the source, or where rejected rows go, or a stream.

    Example:
        >>> import numpy as np
        >>> from textsim import TextMatcher, encode_file
        >>> report = encode_file(TextMatcher.load("zh-general"), "questions.txt", "vectors.npy", progress=False)
        >>> len(np.load("vectors.npy")) == report.rows
        True
    """
    start = time.perf_counter()
    check_outputs(target, source, reading)
    if is_stream(target):
        raise InputError(
            f"{target}: vectors are written to a file, whose beginning is written last. Choose a path."
        )
    rows = 0
    with (
        matcher.cache_for_a_pass(cache_bytes) as cache,
        contextlib.closing(TextFile(matcher, source, TEXTS, reading)) as texts,
        open_writer(target, ["text", "vector"], default="npy") as output,
        progress_bar(progress, "encoding", "texts") as bar,
    ):
        for _, (column,) in texts:
            encoded, places = matcher.encode_keys(column.keys, cache)
            output.write({"text": column.texts, "vector": encoded[places]})
            rows += len(column)
            bar.update(len(column), texts.fraction())
    return texts.report(rows=rows, seconds=time.perf_counter() - start)
