"""Choosing the decision threshold of a model: for a training run, and for a saved model on pairs of one's own."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np

from textsim.artifacts import MANIFEST, SavedModel, check_output, save_model, stored_precision
from textsim.bundled import find_model
from textsim.errors import InputError
from textsim.files import sha256_file
from textsim.matcher import load_matcher
from textsim.score_files import FileReport
from textsim.text import layout
from textsim.training.evaluation import Evaluation, evaluate_scores, labelled_scores
from textsim.training.report import write_scores_plot

FOLDS = 10


def choose_threshold(labels: np.ndarray, scores: np.ndarray, min_precision: float | None = None) -> float:
    """The threshold in [0, 1] at which most pairs are judged rightly; of equal ones, the one nearest 0.5.

    Candidates lie midway between neighbouring distinct scores, and at the ends.

    Args:
        labels: float (pairs,), positive at 0.5 and more.
        scores: float (pairs,) in [0, 1].
        min_precision: in place of that, the lowest threshold at which at least this share, in (0, 1], of the pairs
            judged the same are.

    Raises:
        InputError: no threshold has that precision.
    """
    positive = np.asarray(labels) >= 0.5
    values, where = np.unique(np.asarray(scores, "float64"), return_inverse=True)
    positives = np.bincount(where, weights=positive, minlength=len(values))
    negatives = np.bincount(where, weights=~positive, minlength=len(values))
    above = 0.5 if values[-1] < 0.5 else (values[-1] + 1) / 2
    cuts = np.concatenate([[min(values[0], 0.5)], (values[:-1] + values[1:]) / 2, [above]])
    if min_precision is not None:
        # Of the pairs from value k on, those that are the same, and all.
        found, judged = (np.cumsum(counts[::-1])[::-1] for counts in (positives, positives + negatives))
        enough = np.flatnonzero(found >= min_precision * judged)
        if not len(enough):
            raise InputError(
                f"no threshold has a precision of {min_precision:g} on these {len(positive):,} pairs: the best is "
                f"{np.max(found / judged):.4f}."
            )
        return float(cuts[enough[0]])
    # Right with the cut below value k: the negatives under it and the positives from it on.
    right = (
        np.concatenate([[0], np.cumsum(negatives)])
        + positives.sum()
        - np.concatenate([[0], np.cumsum(positives)])
    )
    # The last cut judges everything different, which no threshold does to a score of exactly 1.
    if values[-1] >= 1.0:
        right, cuts = right[:-1], cuts[:-1]
    best = np.flatnonzero(right == right.max())
    return float(cuts[best[np.argmin(np.abs(cuts[best] - 0.5))]])


def as_pairs(labels: np.ndarray | None, columns: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of pairs, from what `labelled_scores` gives: a triplet is a match and a pair that is none."""
    if labels is not None:
        return labels, columns[0]
    return np.repeat([1.0, 0.0], len(columns[0])), np.concatenate(columns)


@dataclasses.dataclass(frozen=True)
class ThresholdFit:
    """A threshold chosen for a saved model on labelled pairs.

    Attributes:
        threshold: the chosen one, in [0, 1].
        min_precision: what it was asked to reach; None where it judges most pairs rightly.
        before: figures on the pairs at the model's threshold until now.
        after: figures at the chosen one. They flatter: it was chosen on these pairs.
        expected: what they are on pairs that had no say: each tenth of the pairs, drawn at random, at the threshold
            that the other nine tenths choose. The accuracy, or the precision where one was asked for; None where that
            is not defined.
    """

    threshold: float
    min_precision: float | None
    before: Evaluation
    after: Evaluation
    expected: float | None

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def format(self) -> str:
        """The figures as lines of text."""
        lines = [f"{'':22} {'until now':>10} {'chosen':>10}"]
        for name, key in (
            ("threshold", "threshold"),
            ("accuracy", "accuracy_at_threshold"),
            ("precision", "precision"),
            ("recall", "recall"),
            ("F1", "f1"),
        ):
            lines.append(f"{name:22} {getattr(self.before, key):10.4f} {getattr(self.after, key):10.4f}")
        figure = "accuracy" if self.min_precision is None else "precision"
        expected = "-" if self.expected is None else f"{self.expected:.4f}"
        lines.append(
            f"{figure + ' to expect':22} {'':>10} {expected:>10}  on pairs that had no say in the choice"
        )
        lines.append(
            f"chosen on {self.after.pairs:,} pairs, {self.after.majority_accuracy:.4f} of them in one class"
        )
        return "\n".join(lines)


def fit_threshold(
    model: str | os.PathLike[str],
    path: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    min_precision: float | None = None,
    split: str | None = None,
    kind: Literal["pairs", "triplets"] | None = None,
    overwrite: bool = False,
    report: FileReport | None = None,
    **reading: Any,
) -> ThresholdFit:
    """Chooses the threshold of a saved model anew, on labelled pairs of the domain that it will be used in.

    Nothing is trained: a model whose scores rank the pairs of a new domain well may need no more than this.

    Args:
        model: a model folder or the name of a bundled model.
        path: a data file, or a dataset folder whose vocabulary is the model's.
        out: where the model goes, with the chosen threshold and its figures on these pairs; None to write nothing.
        min_precision: see `choose_threshold`.
        split, kind, report, reading: see `evaluate_file`.
        overwrite: whether an existing model folder may be replaced, which may be `model` itself.

    Raises:
        InputError: `min_precision` is not in (0, 1] or not reached, or the labels are all alike.
        ArtifactError: the model or the dataset is not whole, or `out` exists.
        DataFormatError, ConfigError: see `evaluate_file`.
    """
    if min_precision is not None and not 0 < min_precision <= 1:
        raise InputError(f"min_precision: expected a share in (0, 1]. Received {min_precision}.")
    if out is not None:
        check_output(out, overwrite=overwrite)
    matcher = load_matcher(model)
    given = labelled_scores(matcher, path, split=split, kind=kind, report=report or FileReport(), **reading)
    labels, scores = as_pairs(*given)
    if len(np.unique(labels >= 0.5)) < 2:
        raise InputError(
            f"{path}: a threshold parts pairs that mean the same from pairs that do not, but all {len(labels):,} have "
            "one label."
        )
    threshold = choose_threshold(labels, scores, min_precision)
    fit = ThresholdFit(
        threshold,
        min_precision,
        evaluate_scores(labels, scores, matcher.threshold),
        evaluate_scores(labels, scores, threshold),
        _expected(labels, scores, min_precision),
    )
    if out is not None:
        _save(model, matcher.saved, fit, Path(path), labels, scores, Path(out), overwrite)
    return fit


def _expected(labels: np.ndarray, scores: np.ndarray, min_precision: float | None) -> float | None:
    """Accuracy, or precision, where no pair has a say in the threshold that it is judged by."""
    positive = labels >= 0.5
    folds = np.random.default_rng(0).permutation(len(labels)) % FOLDS
    judged = np.zeros(len(labels), bool)
    for fold in range(FOLDS):
        inside = folds == fold
        if inside.all() or not inside.any():
            continue
        try:
            judged[inside] = scores[inside] >= choose_threshold(
                labels[~inside], scores[~inside], min_precision
            )
        except InputError:
            # None of these is said to be the same.
            continue
    if min_precision is None:
        return float(np.mean(judged == positive))
    return float(np.mean(positive[judged])) if judged.any() else None


def _save(
    model: str | os.PathLike[str],
    saved: SavedModel,
    fit: ThresholdFit,
    path: Path,
    labels: np.ndarray,
    scores: np.ndarray,
    out: Path,
    overwrite: bool,
) -> None:
    chosen_on = {
        "on": "/".join(path.resolve().parts[-2:]),
        "sha256": sha256_file(path / layout.MANIFEST if path.is_dir() else path),
        "min_precision": fit.min_precision,
        "expected": fit.expected,
    }
    changed = dataclasses.replace(
        saved,
        threshold=fit.threshold,
        metrics=fit.after.to_dict(),
        provenance={**saved.provenance, "threshold": chosen_on},
    )
    origin = find_model(model)

    def extra(folder: Path) -> None:
        write_scores_plot(folder, f"{out.name} on {path.name}", labels, scores, fit.threshold)
        # The training history, its curves and whatever else goes along.
        for file in origin.iterdir():
            if file.is_file() and file.name != MANIFEST and not (folder / file.name).exists():
                shutil.copy2(file, folder / file.name)

    save_model(changed, out, extra=extra, overwrite=overwrite, precision=stored_precision(saved))
