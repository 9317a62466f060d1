"""Chooses what a model decides, on labelled pairs of the domain that it will be used in."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from textsim.artifacts.calibration import Calibration
from textsim.errors import InputError
from textsim.evaluation.calibration import (
    CalibrationMetrics,
    calibration_metrics,
    cross_fit,
)
from textsim.evaluation.labelled_pairs import LabelledPairs
from textsim.evaluation.risk import (
    USEFUL_RECALL,
    RankedPairs,
    Supported,
    certified,
    proportion_interval,
    supported,
)
from textsim.evaluation.thresholds import best_f1_threshold, choose_threshold

ENOUGH_PAIRS, ENOUGH_OF_A_CLASS = 100, 20
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
"""The probabilities of the table by threshold."""


@dataclasses.dataclass(frozen=True)
class Targets:
    """What decisions shall reach. By default, as many right ones as possible.

    Attributes:
        match_precision: the fraction, in (0, 1), of the pairs decided to be matches that shall be.
        no_match_precision: likewise for no match. With one of the two given, the other side keeps the most accurate
            threshold.
        confidence: with which those precisions shall hold on new pairs of the same kind, in (0, 1).
        cost_false_match, cost_missed_match: in place of precisions, what a wrong decision of each kind costs.
        best_f1: in place of them, the highest F1.

    Raises:
        InputError: a number out of its range, or targets that exclude each other.

    Example:
        >>> from textsim import Targets
        >>> Targets(match_precision=0.95, no_match_precision=0.98).confidence
        0.9
    """

    match_precision: float | None = None
    no_match_precision: float | None = None
    confidence: float = 0.9
    cost_false_match: float | None = None
    cost_missed_match: float | None = None
    best_f1: bool = False

    def __post_init__(self) -> None:
        for name in ("match_precision", "no_match_precision", "confidence"):
            check_fraction(name, getattr(self, name))
        for name in ("cost_false_match", "cost_missed_match"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise InputError(f"{name}: expected a positive number. Received {value}.")
        precisions = self.match_precision is not None or self.no_match_precision is not None
        costs = self.cost_false_match is not None or self.cost_missed_match is not None
        if precisions + costs + self.best_f1 > 1:
            raise InputError(
                "targets: expected precisions, costs or the best F1, and one kind of them. Received more."
            )


def check_fraction(name: str, value: float | None) -> None:
    """Raises InputError for what is given and no fraction in (0, 1)."""
    if value is not None and not 0 < value < 1:
        raise InputError(f"{name}: expected a fraction in (0, 1). Received {value}.")


@dataclasses.dataclass(frozen=True)
class Side:
    """One of the two cuts, and what it is like on the pairs that chose it.

    Attributes:
        target: the precision asked for; None where none was.
        confidence: with which it shall hold.
        reachable: whether these pairs show that it does. Where not, what follows is that of the threshold with the
            highest precision that they support at a useful recall.
        probability: at the cut.
        score: the cut: a match from it on, or no match below it.
        precision: the fraction of the pairs decided so that are so; None where none is.
        precision_low: what it is at least, with that confidence (Clopper & Pearson, at this cut alone); None likewise.
        recall: the fraction of the pairs that are so that are decided so.
    """

    target: float | None
    confidence: float
    reachable: bool
    probability: float
    score: float
    precision: float | None
    precision_low: float | None
    recall: float


@dataclasses.dataclass(frozen=True)
class ThresholdRow:
    """What a threshold is like on labelled pairs. Intervals are exact, of 95 %.

    Attributes:
        probability, score: the threshold, as both.
        pairs: those that score at least it.
        precision, recall: of these as matches.
        precision_interval, recall_interval: low and high.
        unsure: the fraction of all pairs that are unsure where a match begins here, and no match ends where chosen.
    """

    probability: float
    score: float
    pairs: int
    precision: float
    precision_interval: tuple[float, float]
    recall: float
    recall_interval: tuple[float, float]
    unsure: float


@dataclasses.dataclass(frozen=True)
class DecisionFit:
    """Probabilities and decisions fitted on labelled pairs.

    Attributes:
        pairs: how many.
        matches: how many of them match.
        indistinct: how many are one to the model, and so unsure whatever their score: no curve and no cut is fitted on
            them.
        calibration: the curve and the cut for no match, as a model keeps it.
        threshold: score from which on a pair is a match.
        metrics: of the probabilities, each by a curve that was fitted without its pair.
        match, no_match: the two cuts.
        unsure: the fraction of the pairs between them, or indistinct.
        table: what other thresholds are like.
        supported: by the names of the sides that are not reachable, what the pairs support instead.
    """

    pairs: int
    matches: int
    indistinct: int
    calibration: Calibration
    threshold: float
    metrics: CalibrationMetrics
    match: Side
    no_match: Side
    unsure: float
    table: list[ThresholdRow]
    supported: dict[str, Supported]

    @property
    def reachable(self) -> bool:
        """Whether both sides reach what was asked for."""
        return self.match.reachable and self.no_match.reachable

    def to_dict(self) -> dict[str, Any]:
        """The metrics, as JSON can hold them."""
        return {
            "pairs": self.pairs,
            "method": self.calibration.curve.method,
            **dataclasses.asdict(self.metrics),
            "match": dataclasses.asdict(self.match),
            "no_match": dataclasses.asdict(self.no_match),
            "unsure": self.unsure,
        }

    @property
    def warnings(self) -> list[str]:
        """What speaks against relying on it, in plain words."""
        found = []
        smaller = min(self.matches, self.pairs - self.matches)
        if self.pairs < ENOUGH_PAIRS or smaller < ENOUGH_OF_A_CLASS:
            found.append(
                f"{self.pairs:,} pairs, {smaller:,} of the rarer kind, are few: the intervals are wide. Label a few "
                "hundred."
            )
        for name, support in self.supported.items():
            side = self.match if name == "match" else self.no_match
            most = (
                f"{support.precision:g} at recall {side.recall:.2f} is the most"
                if support.precision
                else f"nothing at a recall of {USEFUL_RECALL:g} or more is what"
            )
            if support.pairs_needed is not None:
                more = (
                    f"about {_rounded(support.pairs_needed):,} pairs would be needed to show {side.target:g}"
                )
            elif support.refuted:
                more = (
                    f"more pairs would not help: the model is not that precise at any recall of {USEFUL_RECALL:g} or "
                    "more"
                )
            else:
                more = f"they are too few to tell whether more would show {side.target:g}"
            found.append(
                f"{name.replace('_', ' ')}: a precision of {side.target:g} cannot be shown. {most} these "
                f"{self.pairs:,} pairs support; {more}."
            )
        return found

    def format(self) -> str:
        """The metrics as lines of text."""
        lines = [
            f"pairs          {self.pairs:,}, of which {self.matches:,} match"
            + (f"; {self.indistinct:,} read alike, so unsure" if self.indistinct else ""),
            f"probabilities  {self.calibration.curve.method}: ECE {self.metrics.ece:.4f}, Brier "
            f"{self.metrics.brier:.4f}, log loss {self.metrics.log_loss:.4f} (on pairs left out of each fit)",
            "",
            "probability  score       pairs  precision              recall                 unsure",
        ]
        for row in self.table:
            precision, recall = _interval(row.precision_interval), _interval(row.recall_interval)
            lines.append(
                f"{row.probability:11.2f}  {row.score:.4f}  {row.pairs:8,}  {row.precision:.4f} {precision}  "
                f"{row.recall:.4f} {recall}  {row.unsure:6.1%}"
            )
        lines.append("")
        for name, side, where in (
            ("match", self.match, "from"),
            ("no match", self.no_match, "below"),
        ):
            if not side.reachable:
                continue
            precision = (
                "no pair there"
                if side.precision is None
                else f"precision {side.precision:.4f} (at least {side.precision_low:.4f})"
            )
            held = (
                "" if side.target is None else f"; holds {side.target:g} with confidence {side.confidence:g}"
            )
            lines.append(
                f"{name:<9} {where} probability {side.probability:.4f} (score {side.score:.4f}): {precision}, recall "
                f"{side.recall:.4f}{held}"
            )
        if self.reachable:
            lines.append(f"unsure    {self.unsure:.1%} of the pairs")
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)])


def fit_decisions(
    labels: np.ndarray,
    scores: np.ndarray,
    targets: Targets | None = None,
    indistinct: np.ndarray | None = None,
) -> DecisionFit:
    """Fits probabilities, and chooses the two cuts between which a pair is unsure.

    Args:
        labels: float (pairs,), positive at 0.5 and more; of both classes, those that are indistinct aside.
        scores: float (pairs,) in [0, 1].
        targets: what the decisions shall reach.
        indistinct: bool (pairs,), see `decide`; by default none is.
    """
    targets = targets or Targets()
    total, matches = len(labels), int(np.sum(np.asarray(labels) >= 0.5))
    none = np.zeros(total, bool)
    # As wide as the threshold, as everywhere.
    scores = np.asarray(scores, np.float64)
    fitted = LabelledPairs(np.asarray(labels), scores, none if indistinct is None else indistinct).distinct()
    positive, scores = fitted.labels >= 0.5, fitted.scores
    calibration, held_out = cross_fit(positive, scores)
    probabilities = calibration.probabilities(scores)
    usual = (
        best_f1_threshold(positive, scores)
        if targets.best_f1
        else choose_threshold(
            positive,
            scores,
            cost_false_match=targets.cost_false_match or 1,
            cost_missed_match=targets.cost_missed_match or 1,
        )
    )
    ranked = RankedPairs.of(positive, scores)
    turned = RankedPairs.of(~positive, 1 - scores)
    high = low = np.array([usual])
    failed: dict[str, Supported] = {}
    if targets.match_precision is not None:
        places = certified(ranked, targets.match_precision, targets.confidence)
        if not len(places):
            failed["match"] = supported(ranked, probabilities, targets.match_precision, targets.confidence)
            places = np.array([failed["match"].place])
        high = ranked.thresholds[places]
    if targets.no_match_precision is not None:
        places = certified(turned, targets.no_match_precision, targets.confidence)
        if not len(places):
            failed["no_match"] = supported(
                turned, 1 - probabilities, targets.no_match_precision, targets.confidence
            )
            places = np.array([failed["no_match"].place])
        low = 1 - turned.thresholds[places]
    below, threshold = _narrowest(low, high, usual, targets)
    calibration = calibration.model_copy(update={"no_match_below": below if below < threshold else None})

    def side(
        target: float | None, name: str, score: float, decided: np.ndarray, right: np.ndarray, sought: int
    ) -> Side:
        hits, count = int(np.sum(decided & right)), int(decided.sum())
        # One-sided: the lower end of an interval with both sides' doubt below it.
        least = float(proportion_interval(hits, count, 2 * targets.confidence - 1)[0]) if count else None
        return Side(
            target=target,
            confidence=targets.confidence,
            reachable=name not in failed,
            probability=float(calibration.probabilities(np.array([score]))[0]),
            score=score,
            precision=hits / count if count else None,
            precision_low=least,
            recall=hits / max(sought, 1),
        )

    return DecisionFit(
        pairs=total,
        matches=matches,
        indistinct=total - len(scores),
        calibration=calibration,
        threshold=threshold,
        metrics=calibration_metrics(positive, held_out),
        match=side(targets.match_precision, "match", threshold, scores >= threshold, positive, matches),
        no_match=side(
            targets.no_match_precision, "no_match", below, scores < below, ~positive, total - matches
        ),
        unsure=(int(np.sum((scores >= below) & (scores < threshold))) + total - len(scores)) / total,
        table=threshold_table(positive, scores, calibration, below, total, matches),
        supported=failed,
    )


def _narrowest(low: np.ndarray, high: np.ndarray, usual: float, targets: Targets) -> tuple[float, float]:
    """Of the cuts that hold, the two with least between them: no match below the first, a match from the second on."""
    if targets.no_match_precision is None:
        # Where a match may begin lower than is most accurate, nothing is unsure.
        threshold = float(high.min())
        return min(usual, threshold), threshold
    if targets.match_precision is None:
        below = float(low.max())
        return below, max(usual, below)
    if low.max() <= high.min():
        return float(low.max()), float(high.min())
    # The sides overlap: one threshold that holds on both.
    between = high[(high <= low.max()) & (high >= low.min())]
    threshold = float(between[np.argmin(np.abs(between - usual))]) if len(between) else float(high.min())
    return min(float(low[np.argmin(np.abs(low - threshold))]), threshold), threshold


def threshold_table(
    positive: np.ndarray,
    scores: np.ndarray,
    calibration: Calibration,
    below: float,
    total: int,
    matches: int,
) -> list[ThresholdRow]:
    """What thresholds are like, one for each of `LEVELS` that the probabilities of some pairs reach.

    Args:
        positive: bool (pairs,).
        scores: float64 (pairs,) in [0, 1].
        calibration: from scores to probabilities.
        below: score below which a pair is no match.
        total, matches: how many pairs there are, and how many of them match, with those that are indistinct: these are
            found by no threshold.
    """
    falling = np.sort(scores)[::-1]
    reached = calibration.probabilities(falling)
    rows = []
    for level in LEVELS:
        count = int(np.sum(reached >= level))
        if not count:
            continue
        score = float(falling[count - 1])
        selected = scores >= score
        hits = int(np.sum(positive & selected))
        precision, recall = (proportion_interval(hits, among) for among in (count, matches))
        rows.append(
            ThresholdRow(
                probability=level,
                score=score,
                pairs=count,
                precision=hits / count,
                precision_interval=(float(precision[0]), float(precision[1])),
                recall=hits / max(matches, 1),
                recall_interval=(float(recall[0]), float(recall[1])),
                unsure=(int(np.sum((scores >= below) & (scores < score))) + total - len(scores)) / total,
            )
        )
    return rows


def _interval(ends: tuple[float, float]) -> str:
    return f"({ends[0]:.4f}-{ends[1]:.4f})"


def _rounded(pairs: int) -> int:
    """To two digits: it is a rough number."""
    unit = 10 ** max(len(str(pairs)) - 2, 0)
    return -(-pairs // unit) * unit
