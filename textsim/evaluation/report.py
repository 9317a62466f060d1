"""One page to look at: what a model does on labelled pairs, and what a threshold costs."""

from __future__ import annotations

import csv
import itertools
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from textsim.artifacts.pretrained import find_model
from textsim.errors import DataFormatError
from textsim.evaluation.calibration import calibration_metrics, reliability
from textsim.evaluation.check import check, contrast_set
from textsim.evaluation.errors import DecidedPair, decided_pairs
from textsim.extras import needed_for
from textsim.io.atomic import atomic_file
from textsim.io.paths import as_text
from textsim.matching.text_matcher import TextMatcher
from textsim.text.vocabulary import UNK_ID

ERRORS = 8
"""Errors shown of each direction."""
_CURVE_POINTS = 200


def write_report(
    model: str | os.PathLike[str],
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    **reading: Any,
) -> None:
    """Writes a page about a model of texts on the labelled pairs of a file. It needs nothing from elsewhere.

    Args:
        model: a model folder or the name of a bundled model.
        path: file of labelled pairs.
        target: the page to write, in HTML.
        reading: how to read the file, see `textsim.data.rows.read_rows`.

    Raises:
        ArtifactError: the model is not whole, or is of another kind.
        DataFormatError: the file cannot be read, or holds no pairs.
    """
    content = report_content(model, path, **reading)
    # Nothing in a text may end the script.
    data = json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")
    page = (resources.files("textsim.evaluation") / "pages" / "report.html").read_text(encoding="utf-8")
    with atomic_file(target) as file:
        file.write(Template(page).substitute(data=data))


def report_content(
    model: str | os.PathLike[str], path: str | os.PathLike[str], **reading: Any
) -> dict[str, Any]:
    """What the page shows, as JSON can hold it. Arguments and errors of `write_report`."""
    matcher = TextMatcher.load(model)
    pairs = list(decided_pairs(matcher, path, **reading))
    if not pairs:
        raise DataFormatError(f"{path}: expected labelled pairs. Found none.")
    labels = np.array([pair.label >= 0.5 for pair in pairs])
    scores = np.array([pair.score for pair in pairs])
    probabilities = np.array([pair.probability for pair in pairs])
    bins = reliability(labels, probabilities)
    metrics = calibration_metrics(labels, probabilities)
    kinds = check(matcher, contrast_set()).kinds
    return {
        "model": as_text(Path(model).name),
        "file": as_text(Path(path).name),
        "threshold": matcher.threshold,
        "no_match_below": matcher.saved.calibration.no_match_below,
        # For the slider: how many pairs of each label have each score, by thousandths.
        "positive": np.histogram(scores[labels], bins=1000, range=(0, 1))[0].tolist(),
        "negative": np.histogram(scores[~labels], bins=1000, range=(0, 1))[0].tolist(),
        "probability": matcher.saved.calibration.probabilities(np.linspace(0, 1, 1001)).round(5).tolist(),
        "ece": metrics.ece,
        "brier": metrics.brier,
        "log_loss": metrics.log_loss,
        "reliability": [bins.probability.tolist(), bins.fraction.tolist(), bins.pairs.tolist()],
        **_curves(labels, scores),
        "errors": [_error(matcher, pair) for pair in _most_confident(pairs)],
        "slices": _slices(matcher, pairs),
        "contrast": {name: [kind.pairs, 1 - kind.wrong] for name, kind in kinds.items()},
        "history": _history(find_model(model) / "history.csv"),
        "faults": data_faults(pairs),
    }


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

    def overlap(pair: DecidedPair) -> float:
        a, b = set(pair.text_a), set(pair.text_b)
        return len(a & b) / max(len(a | b), 1)

    def unknown(pair: DecidedPair) -> float:
        tokens = [token for text in pair[:2] for token in matcher.tokenize(text, "text")]
        return sum(UNK_ID in token.ids for token in tokens)

    measures: list[tuple[str, Callable[[DecidedPair], float], tuple[float, ...]]] = [
        ("length", lambda pair: max(len(pair.text_a), len(pair.text_b)), (0, 8, 12, 16, 24, np.inf)),
        ("overlap", overlap, (0, 0.2, 0.4, 0.6, 0.8, np.inf)),
        ("unknown", unknown, (0, 1, 2, np.inf)),
    ]
    found = []
    for name, measure, edges in measures:
        values = np.array([measure(pair) for pair in pairs])
        right = np.array([(pair.score >= matcher.threshold) == (pair.label >= 0.5) for pair in pairs])
        for low, high in itertools.pairwise(edges):
            inside = (values >= low) & (values < high)
            if inside.any():
                until = "" if np.isinf(high) else f"{high:g}"
                found.append(
                    {
                        "by": name,
                        "from": f"{low:g}",
                        "to": until,
                        "pairs": int(inside.sum()),
                        "right": float(right[inside].mean()),
                    }
                )
    return found


def data_faults(pairs: Sequence[DecidedPair]) -> dict[str, Any]:
    """What is wrong with the data itself.

    Returns:
        "duplicates": rows that repeat an earlier one, sides exchanged or not; "conflicts": pairs that have both labels;
        "one_class": whether all labels are alike; "equal_texts_no_match": pairs of one text labelled no match;
        "suspicious": pairs whose label the model contradicts with a probability of 0.98 and more, the first 20.
    """
    labels: dict[tuple[str, ...], set[bool]] = defaultdict(set)
    counts: Counter[tuple[str, ...]] = Counter()
    for pair in pairs:
        key = tuple(sorted((pair.text_a, pair.text_b)))
        labels[key].add(pair.label >= 0.5)
        counts[key] += 1
    suspicious = [pair for pair in pairs if pair.wrong and pair.confidence >= 0.98]
    return {
        "duplicates": sum(count - 1 for count in counts.values()),
        "conflicts": [list(key) for key, found in labels.items() if len(found) > 1][:20],
        "one_class": len({pair.label >= 0.5 for pair in pairs}) < 2,
        "equal_texts_no_match": sum(pair.text_a == pair.text_b and pair.label < 0.5 for pair in pairs),
        "suspicious": [[pair.text_a, pair.text_b, pair.label, pair.probability] for pair in suspicious[:20]],
    }


def _history(path: Path) -> list[dict[str, float]]:
    """The epochs of a training run, empty where the model folder has none."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: float(value) for name, value in row.items() if value} for row in rows]
