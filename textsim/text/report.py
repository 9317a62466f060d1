"""What preprocessing found out about the data: numbers for report.json, and as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from textsim.text.arrays import slices

PERCENTILES = (50, 90, 95, 99, 99.5, 100)


def length_percentile(lengths: np.ndarray, usage: np.ndarray, percent: float) -> int:
    """The smallest length that at least `percent` % of the used sentences do not exceed; at least 1.

    Args:
        lengths: tokens of each sentence, shape (sentences,).
        usage: how often each sentence is used, shape (sentences,).
        percent: from 0 to 100.
    """
    shares = np.cumsum(_histogram(lengths, usage))
    return max(1, int(np.searchsorted(shares, shares[-1] * percent / 100)))


def _histogram(lengths: np.ndarray, usage: np.ndarray) -> np.ndarray:
    return np.bincount(lengths, usage, minlength=2)


def length_report(lengths: np.ndarray, usage: np.ndarray) -> dict[str, Any]:
    """Mean and percentiles of the number of tokens, each use of a sentence counted."""
    histogram = _histogram(lengths, usage)
    mean = float(histogram @ np.arange(len(histogram)) / max(histogram.sum(), 1))
    return {
        "mean": round(mean, 3),
        "percentiles": {f"{p:g}": length_percentile(lengths, usage, p) for p in PERCENTILES},
    }


def row_keys(sides: tuple[np.ndarray, ...], n_sentences: int) -> np.ndarray:
    """A number for each row, equal for rows of the same sentences; for pairs in either order.

    Args:
        sides: sentence indices, two or three arrays of shape (rows,).
        n_sentences: how many sentences there are.

    Returns:
        int64 array of shape (rows,), below 2**62.
    """
    first, second = (np.asarray(side, np.int64) for side in sides[:2])
    if len(sides) == 2:
        return np.minimum(first, second) * n_sentences + np.maximum(first, second)
    _, keys = np.unique(first * n_sentences + second, return_inverse=True)
    return keys.astype(np.int64) * n_sentences + sides[2]


def rows_report(
    sides: tuple[np.ndarray, ...],
    labels: np.ndarray | None,
    keys: np.ndarray,
    full_lengths: np.ndarray,
    max_length: int,
) -> dict[str, Any]:
    """What one split's rows are like.

    Args:
        sides: sentence indices, two or three arrays of shape (rows,).
        labels: shape (rows,), or None.
        keys: `row_keys` of the rows.
        full_lengths: of each sentence before it was cut to `max_length`.

    Returns:
        rows; truncated_rows (a sentence of theirs was cut); duplicate_rows (the same pair in either order, or
        the same triplet, was in an earlier row); same_text_rows (the first two sentences are equal); and with
        labels: positive_share (labels of at least 0.5), mean_label, conflicting_pairs (pairs that occur both
        with a label of at least 0.5 and with one below).
    """
    rows = len(keys)
    truncated = same = 0
    for part in slices(rows):
        truncated += int(np.any([full_lengths[side[part]] > max_length for side in sides], axis=0).sum())
        same += int((sides[0][part] == sides[1][part]).sum())
    distinct = _distinct(keys)
    report: dict[str, Any] = {
        "rows": rows,
        "truncated_rows": truncated,
        "duplicate_rows": rows - len(distinct),
        "same_text_rows": same,
    }
    if labels is not None:
        report.update(_label_report(labels))
        report["conflicting_pairs"] = len(_distinct(keys * 2 + (np.asarray(labels) >= 0.5))) - len(distinct)
    return report


def _distinct(keys: np.ndarray) -> np.ndarray:
    keys = np.sort(keys)
    return keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys


def shared_report(train_keys: np.ndarray, dev_keys: np.ndarray) -> dict[str, int]:
    """How much of the dev split the train split holds too: distinct pairs (triplets), and rows of dev."""
    in_train = np.isin(dev_keys, train_keys)
    return {"pairs": len(_distinct(dev_keys[in_train])), "dev_rows": int(in_train.sum())}


def vectors_report(sides: tuple[np.ndarray, ...], labels: np.ndarray | None) -> dict[str, Any]:
    """What one split's vector pairs are like: rows, same_vector_rows, positive_share, mean_label."""
    same = sum(
        int((sides[0][part] == sides[1][part]).all(axis=1).sum()) for part in slices(len(sides[0]), 8192)
    )
    report: dict[str, Any] = {"rows": len(sides[0]), "same_vector_rows": same}
    if labels is not None:
        report.update(_label_report(labels))
    return report


def _label_report(labels: np.ndarray) -> dict[str, float]:
    if not len(labels):
        return {"positive_share": 0.0, "mean_label": 0.0}
    positive = int((np.asarray(labels) >= 0.5).sum())
    return {"positive_share": positive / len(labels), "mean_label": float(np.mean(labels, dtype=np.float64))}


def format_report(report: Mapping[str, Any]) -> str:
    """The report as text, for people."""
    return "\n".join(f"{key}: {value}" for key, value in report.items())
