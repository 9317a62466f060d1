"""Calibrates the first hit of a search, on queries whose answer is known."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from textsim.artifacts.calibration import SearchCurve, search_terms
from textsim.artifacts.pretrained import find_model
from textsim.artifacts.saved_model import check_output, copy_model
from textsim.data.sources import Source, is_path, name_of, paths_of
from textsim.errors import InputError
from textsim.evaluation.calibration import (
    CalibrationMetrics,
    calibration_metrics,
    cross_fitted,
    fit_log_odds,
)
from textsim.evaluation.decisions import check_fraction
from textsim.evaluation.risk import RankedPairs, certified
from textsim.io.paths import check_target
from textsim.matching.files.report import FileReport
from textsim.matching.index.entries import EntryFile
from textsim.matching.index.search import margin_of
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher


@dataclasses.dataclass(frozen=True)
class SearchFit:
    """A calibration of first hits.

    Attributes:
        curve: from score, margin and cosine to the probability that the first hit is right.
        right: the fraction of the queries whose first hit is; a query without an answer has none.
        metrics: of the probabilities, each by a curve that was fitted without its query.
        target: the precision asked for; None where none was.
        reachable: whether these queries show that it holds.
        precision: the fraction of the accepted first hits that are right; None where none is accepted.
        accepted: the fraction of the queries whose first hit is accepted.
        report: how a file of queries was read.
    """

    curve: SearchCurve
    right: float
    metrics: CalibrationMetrics
    target: float | None
    reachable: bool
    precision: float | None
    accepted: float
    report: FileReport = dataclasses.field(default_factory=FileReport)

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        values = {
            name: value
            for name, value in dataclasses.asdict(self).items()
            if name not in ("curve", "metrics", "report")
        }
        return {"queries": self.curve.queries, **dataclasses.asdict(self.metrics), **values}

    def format(self) -> str:
        """As lines of text."""
        precision = "-" if self.precision is None else f"{self.precision:.4f}"
        lines = [
            f"queries        {self.curve.queries:,}, the first hit of {self.right:.1%} is right",
            f"probabilities  ECE {self.metrics.ece:.4f}, Brier {self.metrics.brier:.4f}, log loss "
            f"{self.metrics.log_loss:.4f} (on queries left out of each fit)",
        ]
        if self.reachable:
            lines.append(
                f"match          from probability {self.curve.min_probability:.4f}: {self.accepted:.1%} of the "
                f"queries, precision {precision}"
            )
        else:
            lines.append(
                f"warning: a precision of {self.target:g} cannot be shown on these queries. Take more."
            )
        return "\n".join(lines)


def fit_search(
    right: np.ndarray,
    scores: np.ndarray,
    margins: np.ndarray,
    cosines: np.ndarray,
    *,
    precision: float | None = None,
    confidence: float = 0.9,
) -> SearchFit:
    """Fits the probability that a first hit is right.

    Args:
        right: bool (queries,), whether the first hit is.
        scores, margins: float (queries,) in [0, 1], of the first hit, and its difference to the second's score.
        cosines: float (queries,) in [-1, 1], of the first hit.
        precision: of the first hits that are accepted, at least this fraction shall be right on new queries.
        confidence: with which it shall hold.

    Raises:
        InputError: `precision` or `confidence` is no fraction in (0, 1).
    """
    check_fraction("precision", precision)
    check_fraction("confidence", confidence)
    right = np.asarray(right, bool)
    hits = np.column_stack([scores, margins, cosines])
    curve = _fitted(right, hits)
    probabilities = curve(scores, margins, cosines)
    # A query that had a say in its own probability would make it look better than it is.
    held_out = cross_fitted(lambda *rows: lambda others: _fitted(*rows)(*others.T), right, hits)
    reachable = True
    if precision is not None:
        ranked = RankedPairs.of(right, probabilities)
        places = certified(ranked, precision, confidence)
        reachable = len(places) > 0
        if reachable:
            curve = curve.model_copy(update={"min_probability": float(ranked.thresholds[places[-1]])})
    accepted = probabilities >= curve.min_probability
    return SearchFit(
        curve,
        float(right.mean()),
        calibration_metrics(right, held_out),
        precision,
        reachable,
        float(right[accepted].mean()) if accepted.any() else None,
        float(accepted.mean()),
    )


def _fitted(right: np.ndarray, hits: np.ndarray) -> SearchCurve:
    """The curve of first hits, float (queries, 3), of which bool (queries,) are right."""
    score, margin, cosine, intercept = fit_log_odds(right, search_terms(*hits.T)).tolist()
    return SearchCurve(score=score, margin=margin, cosine=cosine, intercept=intercept, queries=len(right))


def calibrate_search(
    model: str | os.PathLike[str],
    index: str | os.PathLike[str],
    path: Source,
    out: str | os.PathLike[str] | None = None,
    *,
    precision: float | None = None,
    confidence: float = 0.9,
    overwrite: bool = False,
    **reading: Any,
) -> SearchFit:
    """Calibrates the first hits of searches in an index, on queries whose answer is known.

    Args:
        model: the model of the index, a folder or the name of a bundled one.
        index: the folder of the index.
        path: queries, a file, a data frame, or rows or columns in memory (see `textsim.data.sources.Source`), with a
            column id, or of another usual name: that of the right entry, empty where there is none.
        out: a folder for a copy of the model with this calibration; None to write nothing. Where `precision` is not
            reachable, nothing is written.
        precision, confidence: see `fit_search`.
        overwrite: whether an existing model folder may be replaced, `model` itself excepted.
        reading: how to read the queries, see `textsim.data.rows.read_rows`.

    Raises:
        InputError: a first hit is right for all queries or for none, `out` is what is read, or see `fit_search`.
        ArtifactError: the model or the index is not whole, or `out` exists.
        DataFormatError: the queries cannot be read; names the line.
    """
    if out is not None:
        check_target(out, [find_model(model), *paths_of([path]), index])
        check_output(out, overwrite=overwrite)
    matcher = TextMatcher.load(model)
    right, scores, margins, cosines = [], [], [], []
    with (
        TextIndex.open(index, matcher) as stored,
        contextlib.closing(EntryFile(matcher, path, **reading)) as file,
    ):
        for queries, texts in file.batches():
            for query, hits in zip(queries, stored.search_read(texts, 2), strict=True):
                right.append(bool(hits) and hits[0].id == query.id)
                scores.append(hits[0].score if hits else 0.0)
                margins.append(margin_of([hit.score for hit in hits]))
                cosines.append(hits[0].cosine if hits else 0.0)
        report = file.report()
    if len(set(right)) < 2:
        where = path if is_path(path) else name_of(path)
        raise InputError(
            f"{where}: expected queries whose first hit is right and such where it is not. Received {len(right):,} of "
            "one kind. Is there a column id, and are its ids those of the index?"
        )
    fit = fit_search(
        np.array(right),
        np.array(scores),
        np.array(margins),
        np.array(cosines),
        precision=precision,
        confidence=confidence,
    )
    fit = dataclasses.replace(fit, report=report)
    if out is not None and fit.reachable:
        saved = matcher.saved
        calibration = saved.calibration.model_copy(update={"search": fit.curve})
        copy_model(
            find_model(model),
            dataclasses.replace(saved, calibration=calibration),
            Path(out),
            overwrite=overwrite,
        )
    return fit
