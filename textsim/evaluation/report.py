"""One page to look at: what a model does on labelled pairs, and what a threshold costs."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from textsim.artifacts.pretrained import find_model
from textsim.artifacts.saved_model import SavedModel
from textsim.data.row_kinds import PAIRS
from textsim.data.rows import read_rows
from textsim.data.sources import Source, name_of, paths_of
from textsim.evaluation.calibration import calibration_metrics, reliability
from textsim.evaluation.check import check, contrast_set
from textsim.evaluation.data_faults import data_faults
from textsim.evaluation.drift import TextMeasures
from textsim.evaluation.errors import DecidedPair, decided_pairs
from textsim.evaluation.plots import loss_limit
from textsim.extras import needed_for
from textsim.io.atomic import atomic_file
from textsim.io.paths import check_target
from textsim.matching.decisions import VERDICTS, Decision
from textsim.matching.files.output import check_outputs
from textsim.matching.files.report import FileReport
from textsim.matching.text_matcher import TextMatcher

REPORT = "report.html"
"""Beside a trained model."""
ERRORS = 8
"""Errors shown of each direction."""
_CURVE_POINTS = 200


def report(
    model: str | os.PathLike[str],
    path: Source,
    target: str | os.PathLike[str],
    *,
    trained_on: Source | None = None,
    progress: bool | None = None,
    **reading: Any,
) -> FileReport:
    """Writes a page about a model of texts on labelled pairs. It needs nothing from elsewhere.

    Args:
        model: a model folder or the name of a bundled model.
        path: labelled pairs, see `textsim.data.sources.Source`.
        target: the page to write, in HTML; one that is there is replaced.
        trained_on: the labelled pairs that the model was trained on: the page tells which of `path` it has seen.
        progress: whether to show a bar; by default where standard error is a terminal.
        reading: how to read both, see `textsim.data.settings.Reading`; `rejects` are those of `path`.

    Returns:
        How `path` was read.

    Raises:
        ArtifactError: the model is not whole or is of another kind, or no file can be made at `target`.
        DataFormatError: a source cannot be read, or holds no pairs.
        InputError: `target` is what is read.

    Example:
        >>> from textsim import report
        >>> report("zh-general", "dev.tsv", "page.html").rows
        40
    """
    check_outputs(target, path, reading)
    check_target(target, paths_of([trained_on]))
    matcher = TextMatcher.load(model)
    found = decided_pairs(matcher, path, progress=progress, **reading)
    further = {name: value for name, value in reading.items() if name != "rejects"}
    seen = None if trained_on is None else pairs_of(trained_on, **further)
    labels = np.array([pair.label for pair in found.pairs])
    content = {
        **score_content(matcher.saved, labels, found.pairs, read_history(find_model(model))),
        **text_content(matcher, found.pairs, seen),
    }
    with atomic_file(target) as file:
        file.write(report_page(name_of(model), name_of(path), content))
    return found.report


def report_page(model: str, file: str, content: Mapping[str, Any]) -> str:
    """The page of what `score_content` and `text_content` found, under the names of a model and of its pairs."""
    values = {"model": model, "file": file, **content}
    # Nothing in a text may end the script.
    data = json.dumps(values, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    # Half of a surrogate pair, which no file holds, as JSON escapes it.
    data = data.encode("utf-8", "backslashreplace").decode("utf-8")
    page = (resources.files("textsim.evaluation") / "pages" / "report.html").read_text(encoding="utf-8")
    return Template(page).substitute(data=data)


def score_content(
    saved: SavedModel,
    labels: np.ndarray,
    decisions: Sequence[Decision | DecidedPair],
    history: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What the page shows of labels and decisions, as JSON can hold it.

    Args:
        saved: the model.
        labels: float (pairs,), positive at 0.5 and more.
        decisions: about the same pairs. On pairs that the model was calibrated on, with probabilities by curves that
            were fitted without them (see `CrossFit`): those of the model's own curve would look better than they are.
        history: one dict an epoch of the model's training; empty where it is not known.
    """
    positive = np.asarray(labels) >= 0.5
    scores, probabilities = (
        np.array([getattr(decision, name) for decision in decisions], np.float64)
        for name in ("score", "probability")
    )
    verdicts = np.array([decision.decision for decision in decisions])
    bins = reliability(positive, probabilities)
    # What is not finite is no point of a curve, nor anything that JSON holds.
    epochs = [
        {name: value for name, value in row.items() if value is not None and math.isfinite(value)}
        for row in history
    ]
    # For the slider: the last thousandth up to which each score reaches; that of 1 is one of its own.
    reached = np.searchsorted(np.arange(1001) / 1000, scores, side="right") - 1
    return {
        "threshold": saved.threshold,
        "no_match_below": saved.threshold
        if saved.calibration.no_match_below is None
        else saved.calibration.no_match_below,
        "decisions": [
            [verdict, int(np.sum(verdicts == verdict)), int(np.sum(positive[verdicts == verdict]))]
            for verdict in VERDICTS
        ],
        "positive": np.bincount(reached[positive], minlength=1001).tolist(),
        "negative": np.bincount(reached[~positive], minlength=1001).tolist(),
        "probability": saved.calibration.probabilities(np.linspace(0, 1, 1001)).round(5).tolist(),
        **dataclasses.asdict(calibration_metrics(positive, probabilities)),
        "reliability": [bins.probability.tolist(), bins.fraction.tolist(), bins.pairs.tolist()],
        **_curves(positive, scores),
        "history": epochs,
        "loss_limit": loss_limit(epochs),
    }


def text_content(
    matcher: TextMatcher,
    pairs: Sequence[DecidedPair],
    trained_on: Iterable[tuple[str, str]] | None = None,
) -> dict[str, Any]:
    """What the page shows of texts, as JSON can hold it.

    Args:
        matcher: the model.
        pairs: what it decides of labelled pairs.
        trained_on: see `data_faults`.
    """
    kinds = check(matcher, contrast_set()).kinds
    return {
        "errors": [_error(matcher, pair) for pair in _most_confident(pairs)],
        "slices": _slices(matcher, pairs),
        "contrast": {name: [kind.pairs, 1 - kind.wrong] for name, kind in kinds.items()},
        "faults": dataclasses.asdict(data_faults(pairs, trained_on)),
    }


def pairs_of(source: Source, **reading: Any) -> Iterator[tuple[str, str]]:
    """Labelled pairs without their labels, as a stream."""
    for chunk in read_rows(source, PAIRS, **reading):
        yield from zip(*chunk.texts, strict=True)


def read_history(folder: Path) -> list[dict[str, float]]:
    """The epochs of a training run, empty where the model folder has none."""
    path = folder / "history.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: float(value) for name, value in row.items() if value} for row in rows]


def _curves(labels: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """ROC and precision-recall as points, empty where there is one class."""
    if labels.all() or not labels.any():
        return {"roc": [], "pr": [], "auc": None, "average_precision": None}
    with needed_for("a report"):
        from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve
    false, true, _ = roc_curve(labels, scores)
    precision, recall, _ = precision_recall_curve(labels, scores)
    return {
        "roc": _thinned(false, true),
        "pr": _thinned(recall[::-1], precision[::-1]),
        "auc": float(roc_auc_score(labels, scores)),
        "average_precision": float(average_precision_score(labels, scores)),
    }


def _thinned(x: np.ndarray, y: np.ndarray) -> list[list[float]]:
    places = np.unique(np.linspace(0, len(x) - 1, _CURVE_POINTS).astype(int))
    return np.column_stack([x, y])[places].round(5).tolist()


def _most_confident(pairs: Sequence[DecidedPair]) -> list[DecidedPair]:
    errors = sorted((pair for pair in pairs if pair.wrong), key=lambda pair: -pair.confidence)
    false = [pair for pair in errors if pair.decision == "match"][:ERRORS]
    missed = [pair for pair in errors if pair.decision == "no match"][:ERRORS]
    return [*false, *missed]


def _error(matcher: TextMatcher, pair: DecidedPair) -> dict[str, Any]:
    found = matcher.explain(pair.text_a, pair.text_b)
    tokens = {
        name: [[token.token, round(token.contribution, 4)] for token in side]
        for name, side in (("tokens_a", found.tokens_a), ("tokens_b", found.tokens_b))
    }
    return {**pair._asdict(), **tokens}


def _slices(matcher: TextMatcher, pairs: Sequence[DecidedPair]) -> list[dict[str, Any]]:
    """Right decisions by the length, the overlap and the unknown tokens of pairs."""
    right = np.array([(pair.score >= matcher.threshold) == (pair.label >= 0.5) for pair in pairs])
    sides = [pair.text_a for pair in pairs], [pair.text_b for pair in pairs]
    measures = [TextMeasures.of_keys(matcher.read(side).keys) for side in sides]
    characters = [(set(a), set(b)) for a, b in zip(*sides, strict=True)]
    slices: list[tuple[str, np.ndarray, tuple[float, ...]]] = [
        ("length", np.max([[len(text) for text in side] for side in sides], axis=0), (0, 8, 12, 16, 24)),
        (
            "overlap",
            np.array([len(a & b) / max(len(a | b), 1) for a, b in characters]),
            (0, 0.2, 0.4, 0.6, 0.8),
        ),
        ("unknown", sum(side.unknown * side.lengths for side in measures).round(), (0, 1, 2)),
    ]
    found = []
    for name, values, edges in slices:
        for low, high in itertools.pairwise([*edges, np.inf]):
            inside = (values >= low) & (values < high)
            if inside.any():
                found.append(
                    {
                        "by": name,
                        "from": f"{low:g}",
                        "to": "" if np.isinf(high) else f"{high:g}",
                        "pairs": int(inside.sum()),
                        "right": float(right[inside].mean()),
                    }
                )
    return found
