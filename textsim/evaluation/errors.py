"""The pairs of a file that a model decides wrongly."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, NamedTuple

from textsim.data.formats.files import open_writer
from textsim.data.row_kinds import PAIRS
from textsim.data.sources import Source, name_of
from textsim.errors import DataFormatError, InputError
from textsim.io.progress import progress_bar
from textsim.matching.decisions import Verdict
from textsim.matching.files.output import check_outputs
from textsim.matching.files.report import FileReport
from textsim.matching.files.text_file import TextFile
from textsim.matching.matcher import Matcher
from textsim.matching.text_matcher import TextMatcher


class DecidedPair(NamedTuple):
    """A labelled pair, and what a model decides of it.

    Attributes:
        text_a, text_b, label: as the file has them; positive at 0.5 and more.
        score, probability, decision: see `Decision`.
    """

    text_a: str
    text_b: str
    label: float
    score: float
    probability: float
    decision: Verdict

    @property
    def wrong(self) -> bool:
        """Whether it is decided to be what it is not; what is unsure is not wrong."""
        return self.decision == ("no match" if self.label >= 0.5 else "match")

    @property
    def confidence(self) -> float:
        """The probability of what was decided, in [0, 1]."""
        return self.probability if self.decision == "match" else 1 - self.probability


class DecidedPairs(NamedTuple):
    """The labelled pairs of a source.

    Attributes:
        pairs: with what a model decides of each; one at least.
        report: how they were read.
    """

    pairs: list[DecidedPair]
    report: FileReport


def decided_pairs(
    matcher: TextMatcher, source: Source, *, progress: bool | None = None, **reading: Any
) -> DecidedPairs:
    """The labelled pairs of a source with what a model decides of each.

    Args:
        matcher: the loaded model.
        source: labelled pairs, see `textsim.data.sources.Source`.
        progress: whether to show a bar; by default where standard error is a terminal.
        reading: how to read them, see `textsim.data.settings.Reading`.

    Raises:
        DataFormatError: the source cannot be read, or holds no pairs; names the line.
    """
    pairs: list[DecidedPair] = []
    indistinct = 0
    with (
        matcher.cache_for_a_pass() as cache,
        contextlib.closing(TextFile(matcher, source, PAIRS, reading)) as file,
        progress_bar(progress, "scoring", "pairs") as bar,
    ):
        for chunk, (left, right) in file:
            assert chunk.labels is not None
            result = matcher.compare(left, right, cache)
            rows = zip(*chunk.texts, chunk.labels.tolist(), matcher.decisions(result), strict=True)
            pairs += [
                DecidedPair(a, b, label, decision.score, decision.probability, decision.decision)
                for a, b, label, decision in rows
            ]
            indistinct += int(result.indistinct.sum())
            bar.update(len(left), file.fraction())
    if not pairs:
        raise DataFormatError(f"{name_of(source)}: expected labelled pairs. Found none.")
    return DecidedPairs(pairs, file.report(rows=len(pairs), indistinct=indistinct))


def write_errors(
    matcher: Matcher, path: str | os.PathLike[str], target: str | os.PathLike[str], **reading: Any
) -> int:
    """Writes the pairs of a file that are decided wrongly, the most confident first; returns how many.

    The output has the columns text_a, text_b, label, score, probability, decision.

    Args:
        matcher: a matcher of texts.
        path: file of labelled pairs.
        target: the file to write; its name tells the format, see `open_writer`.
        reading: how to read the file, see `textsim.data.rows.read_rows`.

    Raises:
        InputError: the model reads vectors, `path` is a dataset folder, or `target` is what is read.
        DataFormatError: the file cannot be read; names the line.
    """
    if not isinstance(matcher, TextMatcher) or Path(path).is_dir():
        raise InputError(
            "errors: expected a model of texts and a file of labelled pairs, whose texts are written."
        )
    check_outputs(target, path, reading)
    errors = sorted(
        (pair for pair in decided_pairs(matcher, path, **reading).pairs if pair.wrong),
        key=lambda pair: -pair.confidence,
    )
    with open_writer(target, DecidedPair._fields) as output:
        output.write({name: [getattr(pair, name) for pair in errors] for name in DecidedPair._fields})
    return len(errors)
