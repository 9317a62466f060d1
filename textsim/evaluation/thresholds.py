"""Choosing the decision threshold of a model: for a training run, and for a saved model on pairs of one's own."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np

from textsim.artifacts.pretrained import find_model
from textsim.artifacts.provenance import data_origin
from textsim.artifacts.saved_model import SavedModel, check_output, copy_model
from textsim.errors import InputError
from textsim.evaluation.calibration import fit_calibration
from textsim.evaluation.evaluate import Evaluation, evaluate_scores, labelled_scores
from textsim.evaluation.plots import write_scores_plot
from textsim.io.manifest import write_json
from textsim.io.paths import as_text, check_target
from textsim.matching.files.report import FileReport
from textsim.matching.load import load_matcher

FOLDS = 10
ENOUGH_PAIRS = 100
THRESHOLD = "threshold.json"
"""In a model folder: on what its threshold was chosen, with which figures."""


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
        enough = np.flatnonzero(found / judged >= min_precision)
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


def check_both_kinds(labels: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Raises InputError where labels, float (pairs,), give no threshold anything to part."""
    if len(np.unique(labels >= 0.5)) < 2:
        raise InputError(
            f"{path}: a threshold parts pairs that mean the same from pairs that do not. Expected both, received "
            f"{len(labels):,} of one kind. Are the labels read as they are meant (label_threshold, label_max)?"
        )


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
        report: how the file was read.
    """

    threshold: float
    min_precision: float | None
    before: Evaluation
    after: Evaluation
    expected: float | None
    report: FileReport = dataclasses.field(default_factory=FileReport)

    def to_dict(self) -> dict[str, Any]:
        return {
            "threshold": self.threshold,
            "min_precision": self.min_precision,
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "expected": self.expected,
            "warnings": self.warnings,
        }

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
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)])

    @property
    def warnings(self) -> list[str]:
        """What speaks against relying on the threshold, in plain words."""
        found = []
        if self.after.pairs < ENOUGH_PAIRS:
            found.append(f"{self.after.pairs} pairs are few to choose a threshold on: take a few hundred.")
        if self.min_precision is not None and (self.expected is None or self.expected < self.min_precision):
            expected = "none" if self.expected is None else f"{self.expected:.4f}"
            found.append(
                f"on pairs that had no say, precision is {expected}, not the {self.min_precision:g} asked for. "
                "Take more pairs, or ask for more than is needed."
            )
        return found


def fit_threshold(
    model: str | os.PathLike[str],
    path: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    min_precision: float | None = None,
    simplify: bool = False,
    split: str | None = None,
    kind: Literal["pairs", "triplets"] | None = None,
    overwrite: bool = False,
    **reading: Any,
) -> ThresholdFit:
    """Chooses the threshold of a saved model anew, on labelled pairs of the domain that it will be used in.

    Nothing is trained: a model whose scores rank the pairs of a new domain well may need no more than this.

    Args:
        model: a model folder or the name of a bundled model.
        path: a data file, or a dataset folder whose vocabulary is the model's.
        out: a folder for a copy of the model with the chosen threshold, its figures on these pairs in
            ``threshold.json``; None to write nothing.
        min_precision: see `choose_threshold`.
        simplify: see `TextMatcher`. The copy of the model simplifies by itself.
        split, kind, reading: see `evaluate_file`.
        overwrite: whether an existing model folder may be replaced, `model` itself excepted.

    Raises:
        InputError: `min_precision` is not in (0, 1] or not reached, the labels are all alike, or `out` is `model`.
        ArtifactError: the model or the dataset is not whole, or `out` exists.
        DataFormatError, ConfigError: see `evaluate_file`.
    """
    if min_precision is not None and not 0 < min_precision <= 1:
        raise InputError(f"min_precision: expected a share in (0, 1]. Received {min_precision}.")
    if out is not None:
        check_target(out, [find_model(model), path])
        check_output(out, overwrite=overwrite)
    matcher = load_matcher(model, simplify=simplify)
    given = labelled_scores(matcher, path, split=split, kind=kind, **reading)
    labels, scores = given.as_pairs()
    check_both_kinds(labels, path)
    # As wide as the threshold, as everywhere.
    scores = scores.astype(np.float64)
    threshold = choose_threshold(labels, scores, min_precision)
    fit = ThresholdFit(
        threshold,
        min_precision,
        evaluate_scores(labels, scores, matcher.threshold),
        evaluate_scores(labels, scores, threshold),
        _expected(labels, scores, min_precision),
        given.report,
    )
    if out is not None:
        _save(find_model(model), matcher.saved, fit, Path(path), labels, scores, Path(out), overwrite)
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
    folder: Path,
    saved: SavedModel,
    fit: ThresholdFit,
    path: Path,
    labels: np.ndarray,
    scores: np.ndarray,
    out: Path,
    overwrite: bool,
) -> None:
    """Writes the model of `folder`, as it scored, anew with the chosen threshold."""
    origin = data_origin(path)
    # The metrics stay those of the validation split, at the threshold of training.
    fitted = dataclasses.replace(
        saved,
        threshold=fit.threshold,
        calibration=fit_calibration(labels, scores),
        provenance={**saved.provenance, "threshold_chosen_on": origin},
    )

    def extra(partial: Path) -> None:
        write_json(partial / THRESHOLD, {"chosen_on": origin, **fit.to_dict()})
        (partial / "scores.png").unlink(missing_ok=True)
        title = f"{as_text(out.name)} on {as_text(path.name)}"
        write_scores_plot(partial, title, labels, scores, fit.threshold)

    copy_model(folder, fitted, out, extra=extra, overwrite=overwrite)
