"""Thresholds at which a precision holds on new pairs, with a stated confidence."""

from __future__ import annotations

import bisect
import dataclasses

import numpy as np

USEFUL_RECALL = 0.2
"""Recall from which on a precision is of use."""
POWER = 0.8
"""How likely it shall be that as many pairs as are asked for show what is true."""
_PAIRS_A_FAULT, _MOST_FAULTS = 400, 4
_FIRST_FRACTION = 0.05
_MANY_PAIRS, _FRACTIONS = 2000, (0.1, 0.2)


@dataclasses.dataclass(frozen=True)
class RankedPairs:
    """Labelled pairs in falling order of their scores, counted above each threshold.

    Attributes:
        thresholds: float64 (n,), falling: midway between neighbouring distinct scores, the last below all.
        selected: int (n,), the pairs that score at least each threshold.
        hits: int (n,), those of them that are positive.
        positives: positive pairs in all.
    """

    thresholds: np.ndarray
    selected: np.ndarray
    hits: np.ndarray
    positives: int

    @classmethod
    def of(cls, positive: np.ndarray, scores: np.ndarray) -> RankedPairs:
        """Counts pairs: bool (pairs,), and scores, float (pairs,) in [0, 1]."""
        values, where = np.unique(np.asarray(scores, np.float64), return_inverse=True)
        counts = np.bincount(where)
        matches = np.bincount(where, positive).astype(np.int64)
        below = np.concatenate([[0.0], values[:-1]])
        thresholds = ((values + below) / 2)[::-1]
        return cls(thresholds, np.cumsum(counts[::-1]), np.cumsum(matches[::-1]), int(matches.sum()))

    @property
    def recall(self) -> np.ndarray:
        """The fraction of the positive pairs that each threshold finds, float64 (n,)."""
        return self.hits / max(self.positives, 1)


def certified(pairs: RankedPairs, precision: float, confidence: float) -> np.ndarray:
    """The thresholds at which precision on new pairs is at least `precision`, all of them with that confidence.

    Learn-then-Test with fixed sequences. The thresholds, which scores alone give, are tested one after the other from a
    high one down: would as many positives among the selected pairs be likely (by the binomial distribution) if their
    precision were less than asked for? The first threshold at which they would ends the sequence. So the chance that
    any returned threshold has a lower precision is at most 1 - confidence, whatever the scores and labels are like, as
    long as the new pairs are drawn as these were.

    A sequence begins at 5 % of the pairs, or further down where the test could not pass before with a few wrong pairs.
    Of 2,000 pairs and more, two further sequences begin at 10 % and 20 %, and the three divide the risk among them:
    some wrong labels at the top then do not end it all.

    Args:
        pairs: what to test on.
        precision: in (0, 1).
        confidence: in (0, 1).

    Returns:
        Places in `pairs.thresholds`, int (found,), from high thresholds to low ones; none where no threshold is
        certified.

    References:
        Angelopoulos, Bates, Candès, Jordan & Lei (2021), Learn then Test.
        Clopper & Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the binomial.
    """
    from scipy.stats import binom

    total = int(pairs.selected[-1])
    fractions = _FRACTIONS if total >= _MANY_PAIRS else ()
    risk = (1 - confidence) / (1 + len(fractions))
    faults = min(_MOST_FAULTS, total // _PAIRS_A_FAULT)
    first = bisect.bisect_left(
        range(total), True, key=lambda size: bool(binom.sf(size - faults - 1, size, precision) <= risk)
    )
    passed = binom.sf(pairs.hits - 1, pairs.selected, precision) <= risk
    reached = np.zeros(len(passed), bool)
    for begin in (
        max(first, int(_FIRST_FRACTION * total)),
        *(int(total * fraction) for fraction in fractions),
    ):
        start = int(np.searchsorted(pairs.selected, begin))
        length = len(passed) - start if passed[start:].all() else int(np.argmin(passed[start:]))
        reached[start : start + length] = True
    return np.flatnonzero(reached)


@dataclasses.dataclass(frozen=True)
class Supported:
    """What labelled pairs support where they do not support what was asked for.

    Attributes:
        precision: the highest that `certified` shows at a recall of at least `USEFUL_RECALL`; 0 where none.
        place: of its threshold, in `RankedPairs.thresholds`: the highest with such a recall.
        pairs_needed: about how many pairs would show what was asked for, with a chance of `POWER`; None where no
            threshold of a useful recall is expected to be that precise.
        refuted: whether the pairs show, with the confidence asked for, that no such threshold is that precise.
    """

    precision: float
    place: int
    pairs_needed: int | None
    refuted: bool


def supported(
    pairs: RankedPairs, probabilities: np.ndarray, precision: float, confidence: float
) -> Supported:
    """What pairs support where `certified` finds nothing at `precision`.

    Args:
        pairs: what was tested on.
        probabilities: of each of these pairs to be positive, float (pairs,), by a fitted curve: smoother than counts.
        precision, confidence: what was asked for.
    """
    useful = np.flatnonzero(pairs.recall >= USEFUL_RECALL)
    low, high, place = 0, int(np.ceil(1000 * precision)), int(useful[0])
    while high - low > 1:
        middle = (low + high) // 2
        found = np.intersect1d(certified(pairs, middle / 1000, confidence), useful)
        if len(found):
            low, place = middle, int(found[0])
        else:
            high = middle
    # One-sided: the upper end of an interval with both sides' doubt above it.
    highest = proportion_interval(pairs.hits[useful], pairs.selected[useful], 2 * confidence - 1)[1]
    return Supported(
        low / 1000,
        place,
        _pairs_needed(probabilities, precision, confidence),
        refuted=bool((highest < precision).all()),
    )


def _pairs_needed(probabilities: np.ndarray, precision: float, confidence: float) -> int | None:
    """By the usual sample size of a test of one proportion, at the threshold that needs fewest pairs."""
    from scipy.stats import norm

    falling = np.sort(np.asarray(probabilities, np.float64))[::-1]
    counts = np.arange(1, len(falling) + 1)
    expected = np.cumsum(falling) / counts
    useful = (np.cumsum(falling) >= USEFUL_RECALL * falling.sum()) & (expected > precision)
    if not useful.any():
        return None
    found, fraction = expected[useful], counts[useful] / len(falling)
    spread = norm.ppf(confidence) * np.sqrt(precision * (1 - precision)) + norm.ppf(POWER) * np.sqrt(
        found * (1 - found)
    )
    return int(np.ceil(np.min((spread / (found - precision)) ** 2 / fraction)))


def proportion_interval(
    hits: np.ndarray | int, total: np.ndarray | int, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """The exact interval of a proportion (Clopper & Pearson): float64 arrays low and high, of the shape of `hits`.

    Args:
        hits: how many had the property.
        total: out of how many; of none, the interval is from 0 to 1.
        confidence: of the interval, both sides together.
    """
    from scipy.stats import beta

    hits, total = np.asarray(hits, np.float64), np.asarray(total, np.float64)
    outside = (1 - confidence) / 2
    low = np.where(hits > 0, beta.ppf(outside, np.maximum(hits, 1), total - hits + 1), 0.0)
    high = np.where(hits < total, beta.ppf(1 - outside, hits + 1, np.maximum(total - hits, 1)), 1.0)
    return low, high
