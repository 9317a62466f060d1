"""Scores the pairs of files of any length, as streams."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from textsim.data.formats.files import open_writer
from textsim.data.row_kinds import UNLABELED
from textsim.data.sources import Source
from textsim.data.vectors import iter_vector_pairs
from textsim.errors import InputError
from textsim.io.progress import progress_bar
from textsim.matching.decisions import Decision
from textsim.matching.files.output import check_outputs
from textsim.matching.files.report import FileReport
from textsim.matching.files.text_file import TextFile
from textsim.matching.text_matcher import CACHE_BYTES, TextMatcher
from textsim.matching.vector_matcher import VectorMatcher

_DECISION_COLUMNS = ("score", "probability", "decision")
_SCORE_COLUMNS = ("text_a", "text_b", *_DECISION_COLUMNS)


def score_file(
    matcher: TextMatcher | VectorMatcher,
    source: Source,
    target: str | os.PathLike[str],
    *,
    progress: bool | None = None,
    cache_bytes: int = CACHE_BYTES,
    **reading: Any,
) -> FileReport:
    """Scores every pair of a file as a stream: rows keep their order, and memory does not grow with them.

    The output has the columns text_a, text_b, score, probability, decision (match, unsure or no match), and those of
    the source that `keep` names; for vectors row, score, probability, decision. In TSV, tabs and line ends inside a
    text are written as spaces.

    Args:
        matcher: the loaded model.
        source: file of pairs, where "-" is standard input; a data frame; or rows in memory (see
            `textsim.data.sources.Source`).
        target: the file to write, which appears when it is complete; its name tells the format, such as .tsv, .csv.gz,
            .jsonl, .parquet or .xlsx (see `textsim.data.formats.files.open_writer`). "-" is standard output, in TSV.
        progress: show a progress bar on standard error; by default where that is a terminal.
        cache_bytes: memory for encoded texts that occur again later in the file; what no longer fits waits in a
            temporary file, so that each text is encoded once. A matcher's own cache is used instead, and that alone.
        reading: how to read the source, see `textsim.data.settings.Reading`.

    Raises:
        DataFormatError: the source cannot be read, or a row is bad and not to be skipped; names the line.
        InputError: the target is the source, or where rejected rows go, or of a format that is not written; or a column
            to keep has the name of one that is written.

    Example:
        >>> from textsim import TextMatcher, score_file
        >>> report = score_file(TextMatcher.load("zh-general"), "pairs.tsv", "scores.tsv", progress=False)
        >>> report.rows
        40
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
    source: Source,
    target: str | os.PathLike[str],
    progress: bool | None,
    cache_bytes: int,
    reading: dict[str, Any],
    start: float,
) -> FileReport:
    rows = matches = indistinct = 0
    with contextlib.ExitStack() as stack:
        cache = stack.enter_context(matcher.cache_for_a_pass(cache_bytes))
        file = stack.enter_context(contextlib.closing(TextFile(matcher, source, UNLABELED, reading)))
        output = stack.enter_context(open_writer(target, [*_SCORE_COLUMNS, *_kept(file.kept)]))
        bar = stack.enter_context(progress_bar(progress, "scoring", "pairs"))
        for chunk, (left, right) in file:
            result = matcher.compare(left, right, cache)
            decisions = matcher.decisions(result)
            texts_a, texts_b = chunk.texts
            output.write(
                {"text_a": texts_a, "text_b": texts_b, **_columns(result.scores, decisions), **chunk.kept}
            )
            rows += len(left)
            matches += _matches(decisions)
            indistinct += int(result.indistinct.sum())
            bar.update(len(left), file.fraction())
    return file.report(rows=rows, matches=matches, indistinct=indistinct, seconds=time.perf_counter() - start)


def _score_vectors(
    matcher: VectorMatcher,
    source: Source,
    target: str | os.PathLike[str],
    progress: bool | None,
    reading: dict[str, Any],
    start: float,
) -> FileReport:
    rows = matches = 0
    left_out = None
    with (
        open_writer(target, ["row", *_DECISION_COLUMNS]) as output,
        progress_bar(progress, "scoring", "pairs") as bar,
    ):
        for chunk in iter_vector_pairs(source, labeled=False, **reading):
            scores = matcher.score_pairs(chunk.left, chunk.right)
            decisions = matcher.decisions(scores)
            numbers = np.arange(rows + 1, rows + 1 + len(chunk))
            output.write({"row": numbers, **_columns(scores, decisions)})
            rows += len(chunk)
            matches += _matches(decisions)
            left_out = chunk.left_out
            bar.update(len(chunk))
    return FileReport(rows=rows, matches=matches, left_out=left_out, seconds=time.perf_counter() - start)


def _kept(names: Sequence[str]) -> Sequence[str]:
    """The columns to keep, none of which is one that is written anyway."""
    for name in names:
        if name in _SCORE_COLUMNS:
            raise InputError(
                f"keep: expected columns other than {', '.join(_SCORE_COLUMNS)}, which are written anyway. "
                f"Received {name!r}. Give it another name in the file."
            )
    return names


def _columns(scores: np.ndarray, decisions: Sequence[Decision]) -> dict[str, Sequence[Any] | np.ndarray]:
    return {
        "score": scores,
        "probability": np.array([decision.probability for decision in decisions]),
        "decision": [decision.decision for decision in decisions],
    }


def _matches(decisions: Sequence[Decision]) -> int:
    return sum(decision.decision == "match" for decision in decisions)
