"""Scores the pairs of files of any length, as streams."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from textsim.data.rows import UNLABELED
from textsim.data.vectors import iter_vector_pairs
from textsim.errors import InputError
from textsim.matching.files.output import cell_text, check_outputs, one_line, open_output, progress_bar
from textsim.matching.files.report import FileReport
from textsim.matching.files.text_file import TextFile
from textsim.matching.matcher import Matcher
from textsim.matching.text_matcher import CACHE_BYTES, TextMatcher
from textsim.matching.vector_matcher import VectorMatcher

_SCORE_COLUMNS = ("text_a", "text_b", "score", "match")


def score_file(
    matcher: TextMatcher | VectorMatcher,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    progress: bool | None = None,
    cache_bytes: int = CACHE_BYTES,
    **reading: Any,
) -> FileReport:
    """Scores every pair of a file as a stream: rows keep their order, and memory does not grow with them.

    The output is TSV with a header: text_a, text_b, score, match (1 or 0), and the columns of the source that
    `keep` names; for vectors row, score, match. Tabs and line ends inside a text are written as spaces.

    Args:
        matcher: the loaded model.
        source: file of pairs; "-" is standard input (texts).
        target: the file to write, which appears when it is complete, compressed if it ends in ".gz"; "-" is standard
            output.
        progress: show a progress bar on standard error; by default where that is a terminal.
        cache_bytes: memory for encoded texts that occur again later in the file; what no longer fits waits in a
            temporary file, so that each text is encoded once. A matcher's own cache is used instead, and that alone.
        reading: how to read the source: arguments of `textsim.data.rows.read_rows`, or, for vectors, of
            `textsim.data.vectors.iter_vector_pairs`.

    Raises:
        DataFormatError: the source cannot be read, or a row is bad and not to be skipped; names the line.
        InputError: the target is the source, or where rejected rows go, or its name is that of another format;
            or a column to keep has the name of one that is written.
    """
    start = time.perf_counter()
    check_outputs(target, source, reading)
    if isinstance(matcher, TextMatcher):
        return _score_texts(matcher, source, target, progress, cache_bytes, reading, start)
    if isinstance(matcher, VectorMatcher):
        return _score_vectors(matcher, source, target, progress, reading, start)
    raise InputError(f"matcher: expected a loaded matcher. Received {type(matcher).__name__}.")


def _score_texts(
    matcher: TextMatcher,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    progress: bool | None,
    cache_bytes: int,
    reading: dict[str, Any],
    start: float,
) -> FileReport:
    rows = matches = indistinct = 0
    with (
        matcher.cache_for_a_pass(cache_bytes) as cache,
        contextlib.closing(TextFile(matcher, source, UNLABELED, reading)) as file,
        open_output(target) as output,
        progress_bar(progress, "pairs") as bar,
    ):
        for chunk, (left, right) in file:
            result = matcher.compare(left, right, cache)
            numbers = _numbers(result.scores, matcher)
            columns = [map(one_line, chunk.texts[0]), map(one_line, chunk.texts[1]), numbers.lines]
            columns += [map(cell_text, cells) for cells in chunk.kept.values()]
            lines = "".join(f"{line}\n" for line in map("\t".join, zip(*columns, strict=True)))
            # Half a surrogate pair, which JSON can hold, is no UTF-8.
            output.write(((_header(chunk.kept) if not rows else "") + lines).encode("utf-8", "replace"))
            rows += len(left)
            matches += numbers.matches
            indistinct += int(result.indistinct.sum())
            bar.update(len(left))
    return file.report(rows=rows, matches=matches, indistinct=indistinct, seconds=time.perf_counter() - start)


def _score_vectors(
    matcher: VectorMatcher,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    progress: bool | None,
    reading: dict[str, Any],
    start: float,
) -> FileReport:
    rows = matches = 0
    with open_output(target) as output, progress_bar(progress, "pairs") as bar:
        for chunk in iter_vector_pairs(source, labeled=False, **reading):
            numbers = _numbers(matcher.score_pairs(chunk.left, chunk.right), matcher)
            lines = "".join(f"{row}\t{line}\n" for row, line in enumerate(numbers.lines, rows + 1))
            output.write((("" if rows else "row\tscore\tmatch\n") + lines).encode())
            rows += len(chunk)
            matches += numbers.matches
            bar.update(len(chunk))
    return FileReport(rows=rows, matches=matches, seconds=time.perf_counter() - start)


def _header(kept: Iterable[str]) -> str:
    names = [one_line(name) for name in kept]
    for name in names:
        if name in _SCORE_COLUMNS:
            raise InputError(
                f"keep: expected columns other than {', '.join(_SCORE_COLUMNS)}, which are written anyway. "
                f"Received {name!r}. Give it another name in the file."
            )
    return "\t".join([*_SCORE_COLUMNS, *names]) + "\n"


class _Numbers(NamedTuple):
    """The columns score and match as text, and how many match."""

    lines: list[str]
    matches: int


def _numbers(scores: np.ndarray, matcher: Matcher) -> _Numbers:
    # As wide as the threshold, as everywhere.
    matches = scores.astype(np.float64) >= matcher.threshold
    lines = [
        f"{score:.6f}\t{match:d}" for score, match in zip(scores.tolist(), matches.tolist(), strict=True)
    ]
    return _Numbers(lines, int(matches.sum()))
