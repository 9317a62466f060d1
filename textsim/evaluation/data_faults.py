"""What is wrong with labelled pairs themselves: conflicts, rows that training saw, one-sided classes, doubtful labels.

Whether a label is doubtful is told by cross-fitting: pairs are parted into folds, and the probability of each pair's
label comes from a logistic regression that was fitted on the other folds. Its features are cheap: the log-odds of the
model's score, the overlap of characters and of pairs of characters, the difference of the lengths, and whether the
digits differ. A pair that stands twice is in one fold.

Reference:
    Northcutt, Jiang & Chuang (2021), Confident Learning: Estimating Uncertainty in Dataset Labels: out-of-sample
    probabilities.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from textsim.artifacts.calibration import log_terms
from textsim.evaluation.errors import DecidedPair
from textsim.extras import needed_for

FOLDS = 5
DOUBTFUL = 0.1
"""Probability of a label up to which it is doubtful."""
ONE_SIDED = 0.05
"""Fraction of the smaller class below which classes are one-sided."""
FEWEST = 20
"""Different pairs of each class without which no label is doubted."""
SHOWN = 20

Pair = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class DataFaults:
    """What is wrong with labelled pairs. Of lists the first `SHOWN` are kept.

    Attributes:
        matches: how many pairs are labelled a match.
        one_sided: whether one class is less than `ONE_SIDED` of the pairs.
        duplicates: rows that repeat an earlier one, sides exchanged or not.
        conflicts: how many pairs have both labels; conflicting: some of them.
        equal_no_match: how many pairs of one text are labelled no match.
        leaked: how many rows hold a pair that training saw, sides exchanged or not, and leaked_texts, how many distinct
            texts training saw; None where it is not known what training saw. leaking: some of the rows.
        doubtful: how many labels have a cross-fitted probability of at most `DOUBTFUL`; None where a class has fewer
            than `FEWEST` different pairs. doubted: the most doubtful ones, as (text_a, text_b, label, that
            probability).
    """

    matches: int
    one_sided: bool
    duplicates: int
    conflicts: int
    conflicting: list[Pair]
    equal_no_match: int
    leaked: int | None
    leaked_texts: int | None
    leaking: list[Pair]
    doubtful: int | None
    doubted: list[tuple[str, str, float, float]]


def data_faults(pairs: Sequence[DecidedPair], trained_on: Iterable[Pair] | None = None) -> DataFaults:
    """What is wrong with labelled pairs, one at least.

    Args:
        pairs: what a model decides of them.
        trained_on: the pairs that training saw, as a stream; None where they are not known.
    """
    positive = np.array([pair.label >= 0.5 for pair in pairs])
    labels: dict[Pair, set[bool]] = defaultdict(set)
    counts: Counter[Pair] = Counter()
    for pair in pairs:
        labels[_key(pair[:2])].add(pair.label >= 0.5)
        counts[_key(pair[:2])] += 1
    conflicting = [key for key, found in labels.items() if len(found) > 1]
    leaking, texts = ([], None) if trained_on is None else _leaks(counts.keys(), trained_on)
    doubts = label_probabilities(pairs)
    doubted = [] if doubts is None else [k for k in np.argsort(doubts).tolist() if doubts[k] <= DOUBTFUL]
    return DataFaults(
        matches=int(positive.sum()),
        one_sided=bool(min(positive.mean(), 1 - positive.mean()) < ONE_SIDED),
        duplicates=len(pairs) - len(counts),
        conflicts=len(conflicting),
        conflicting=conflicting[:SHOWN],
        equal_no_match=sum(pair.text_a == pair.text_b and pair.label < 0.5 for pair in pairs),
        leaked=None if trained_on is None else sum(counts[key] for key in leaking),
        leaked_texts=texts,
        leaking=leaking[:SHOWN],
        doubtful=None if doubts is None else len(doubted),
        doubted=[(*pairs[k][:3], float(doubts[k])) for k in doubted[:SHOWN]] if doubts is not None else [],
    )


def _key(pair: Sequence[str]) -> Pair:
    low, high = sorted(pair)
    return low, high


def _leaks(keys: Iterable[Pair], trained_on: Iterable[Pair]) -> tuple[list[Pair], int]:
    """Which pairs training saw, and how many of their texts."""
    unseen = dict.fromkeys(keys)
    texts = {text for key in unseen for text in key}
    found: list[Pair] = []
    known: set[str] = set()
    for pair in trained_on:
        known.update(text for text in pair if text in texts)
        key = _key(pair)
        if key in unseen:
            del unseen[key]
            found.append(key)
    return found, len(known)


def label_probabilities(pairs: Sequence[DecidedPair]) -> np.ndarray | None:
    """The cross-fitted probability of each pair's label, float64 (pairs,); None of too few pairs of a class."""
    positive = np.array([pair.label >= 0.5 for pair in pairs])
    numbers: dict[Pair, int] = {}
    groups = np.array([numbers.setdefault(_key(pair[:2]), len(numbers)) for pair in pairs])
    # Copies of a pair are in one fold: without others of their class there would be none to fit on.
    if min(len(np.unique(groups[positive == label])) for label in (True, False)) < FEWEST:
        return None
    with needed_for("doubting labels"):
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    probabilities = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression()),
        _features(pairs),
        positive,
        groups=groups,
        cv=folds,
        method="predict_proba",
    )[:, 1]
    return np.where(positive, probabilities, 1 - probabilities)


def _features(pairs: Sequence[DecidedPair]) -> np.ndarray:
    """What is cheap to know of pairs: float64 (pairs, 5)."""
    # Of wrong labels at the ends, log-odds without bounds would outweigh all others.
    log_odds = log_terms(np.array([pair.score for pair in pairs])).sum(axis=1).clip(-5, 5)
    rows = [
        (
            _overlap(set(a), set(b)),
            _overlap(_bigrams(a), _bigrams(b)),
            abs(len(a) - len(b)) / max(len(a), len(b)),
            re.findall(r"\d+", a) != re.findall(r"\d+", b),
        )
        for a, b in (pair[:2] for pair in pairs)
    ]
    return np.column_stack([log_odds, np.array(rows, np.float64)])


def _bigrams(text: str) -> set[str]:
    return {text[k : k + 2] for k in range(len(text) - 1)}


def _overlap(a: set[str], b: set[str]) -> float:
    """The fraction of the members of two sets that both have, in [0, 1]."""
    return len(a & b) / max(len(a | b), 1)
