"""Groups of texts that mean the same, of a file."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from textsim.data.formats.files import open_writer
from textsim.io.paths import check_target
from textsim.matching.dedup import (
    MIN_COSINE,
    Groups,
    check_settings,
    distinct_texts,
    group,
    kept_pairs,
    score_neighbors,
)
from textsim.matching.files.output import check_outputs
from textsim.matching.files.report import FileReport
from textsim.matching.index.entries import EntryFile
from textsim.matching.matcher import CHUNK_ROWS
from textsim.matching.text_matcher import PairScores, TextMatcher


@dataclass(frozen=True)
class DedupReport(FileReport):
    """What was read, and what was found.

    Attributes:
        groups: groups of two texts or more.
        duplicates: texts that another one stands for.
    """

    groups: int = 0
    duplicates: int = 0


_COLUMNS = ("group", "representative", "id", "text", "score", "decision")


def dedup_file(
    matcher: TextMatcher,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    threshold: float | None = None,
    neighbors: int = 20,
    min_cosine: float = MIN_COSINE,
    pairs: str | os.PathLike[str] | None = None,
    representatives_only: bool = False,
    progress: bool | None = None,
    **reading: Any,
) -> DedupReport:
    """Finds the groups of texts that mean the same in a file.

    The output has the columns group (from 1), representative (its id), id, text, score (with the representative) and
    decision (what the model says of the two at its own threshold). Each group begins with its representative; the
    groups come first whose last member scores least: these are for a person to look at. Texts that are alone are left
    out. With `representatives_only` the output has one row a group instead, and texts that are alone each as a group,
    in the order of the file: the list without its duplicates.

    Args:
        matcher: the loaded model.
        source: file of texts, one a line or in columns, with an id where there is one; others are numbered from 1.
        target: the file to write.
        threshold: score from which on a text belongs to a representative; by default the matcher's.
        neighbors, min_cosine: see `score_neighbors`.
        pairs: a file (.npz) that keeps the scored pairs. Where it is there, nothing is encoded: another threshold takes
            seconds.
        representatives_only: whether to write the list without its duplicates.
        progress: whether to show progress on standard error; by default where that is a terminal.
        reading: as in `score_file`.

    Raises:
        ArtifactError: the file of pairs is of other texts, another model or other settings.
        DataFormatError: the source cannot be read, or a row is bad and not to be skipped; names the line.
        InputError: the target is the source, or a number is out of its range.
        MissingDependencyError: there are more than 10,000 different texts, and usearch is not installed.

    Example:
        >>> from textsim import TextMatcher, dedup_file
        >>> report = dedup_file(TextMatcher.load("zh-general"), "questions.txt", "groups.tsv", progress=False)
    """
    start = time.perf_counter()
    check_outputs(target, source, reading)
    if pairs is not None:
        check_target(pairs, [source, target])
    threshold = matcher.threshold if threshold is None else threshold
    check_settings(threshold=threshold, neighbors=neighbors, min_cosine=min_cosine)
    texts: list[str] = []
    given: list[str | None] = []
    with contextlib.closing(EntryFile(matcher, source, **reading)) as file:
        for entries, _ in file.batches():
            texts += [entry.text for entry in entries]
            given += [entry.id for entry in entries]
    ids = _numbered(given)
    distinct = distinct_texts(matcher, texts)
    different = [texts[place] for place in distinct.first]
    known = None if pairs is None else kept_pairs(matcher, different, Path(pairs), neighbors, min_cosine)
    scored = known or score_neighbors(
        matcher, different, neighbors=neighbors, min_cosine=min_cosine, progress=progress
    )
    if pairs is not None and known is None:
        scored.save(pairs)
    groups = distinct.spread(group(scored, threshold))
    members = _listed(groups, representatives_only)
    _, numbers = np.unique(groups.representatives[members], return_index=True)
    order = groups.representatives[members[np.sort(numbers)]]
    number_of = {place: number for number, place in enumerate(order.tolist(), 1)}
    with open_writer(target, _COLUMNS) as output:
        for begin in range(0, len(members), CHUNK_ROWS):
            some = members[begin : begin + CHUNK_ROWS]
            output.write(_batch(matcher, groups, some, number_of, texts, ids))
    alone = int((np.bincount(groups.representatives, minlength=len(texts)) == 1).sum())
    return DedupReport(
        **{
            **vars(file.report()),
            "seconds": time.perf_counter() - start,
            "groups": len(np.unique(groups.representatives)) - alone,
            "duplicates": len(texts) - len(np.unique(groups.representatives)),
        }
    )


def _numbered(ids: Sequence[str | None]) -> list[str]:
    """The ids; for None a number, from 1, that no other has."""
    given = set(ids)
    free = (number for number in map(str, itertools.count(1)) if number not in given)
    return [next(free) if id is None else id for id in ids]


def _listed(groups: Groups, representatives_only: bool) -> np.ndarray:
    """The places of the texts to write, in their order."""
    everyone = np.arange(len(groups.representatives))
    own = groups.representatives == everyone
    if representatives_only:
        return everyone[own]
    sizes = np.bincount(groups.representatives, minlength=len(everyone))
    members = everyone[sizes[groups.representatives] > 1]
    lowest = np.ones(len(everyone), np.float32)
    np.minimum.at(lowest, groups.representatives, groups.scores)
    of = groups.representatives[members]
    # By group, the least sure first; in it the representative, then the least sure member.
    return members[np.lexsort((groups.scores[members], ~own[members], of, lowest[of]))]


def _batch(
    matcher: TextMatcher,
    groups: Groups,
    members: np.ndarray,
    number_of: dict[int, int],
    texts: Sequence[str],
    ids: Sequence[str],
) -> dict[str, Any]:
    representatives = groups.representatives[members].tolist()
    scores = groups.scores[members]
    result = PairScores(scores, groups.indistinct[members], np.zeros(len(members), bool))
    return {
        "group": np.array([number_of[place] for place in representatives]),
        "representative": [ids[place] for place in representatives],
        "id": [ids[place] for place in members],
        "text": [texts[place] for place in members],
        "score": scores,
        "decision": [decision.decision for decision in matcher.decisions(result)],
    }
