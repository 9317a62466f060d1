"""What preprocessing found out about the data: numbers for report.json, and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from textsim.data.formats.table import quotes_note
from textsim.data.layout import Split
from textsim.io.npy import slices

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
    histogram = np.zeros(int(lengths.max(initial=1)) + 1)
    for part in slices(len(lengths)):
        histogram += np.bincount(lengths[part], usage[part], minlength=len(histogram))
    return histogram


def length_report(lengths: np.ndarray, usage: np.ndarray) -> dict[str, Any]:
    """Mean and percentiles of the number of tokens, each use of a sentence counted."""
    histogram = _histogram(lengths, usage)
    mean = float(histogram @ np.arange(len(histogram)) / max(histogram.sum(), 1))
    return {
        "mean": round(mean, 3),
        "percentiles": {f"{p:g}": length_percentile(lengths, usage, p) for p in PERCENTILES},
    }


def rows_report(split: Split, full_lengths: np.ndarray, max_length: int) -> dict[str, Any]:
    """What one split's rows of texts are like.

    Args:
        split: with sentence indices.
        full_lengths: of each sentence before it was cut to `max_length`, shape (sentences,).

    Returns:
        rows; truncated_rows (a sentence of theirs was cut); same_text_rows (their first two sentences are the
        same); impossible_rows (of these, those labelled below 0.5; of triplets, those whose negative is the anchor or
        the positive); and with labels positive_share (labels of at least 0.5) and mean_label.
    """
    truncated = same = impossible = 0
    for part in slices(len(split)):
        sides = [side[part] for side in split.sides]
        truncated += int(np.any([full_lengths[side] > max_length for side in sides], axis=0).sum())
        alike = sides[0] == sides[1]
        same += int(alike.sum())
        if split.labels is not None:
            impossible += int((alike & (split.labels[part] < 0.5)).sum())
        elif len(sides) == 3:
            impossible += int(((sides[2] == sides[0]) | (sides[2] == sides[1])).sum())
    report: dict[str, Any] = {
        "rows": len(split),
        "truncated_rows": truncated,
        "same_text_rows": same,
        "impossible_rows": impossible,
    }
    if split.labels is not None:
        report.update(_label_report(split.labels))
    return report


def repeats_report(
    splits: Mapping[str, Split], n_sentences: int, bucket_rows: int = 1 << 20
) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """How often pairs (in either order) and triplets come again.

    Args:
        splits: with sentence indices below `n_sentences`.
        n_sentences: how many sentences there are.
        bucket_rows: about so many rows are compared at a time, which bounds the memory.

    Returns:
        For each split duplicate_rows (the same pair or triplet was in an earlier row) and, with labels,
        conflicting_pairs (pairs that have both a label of at least 0.5 and one below). And what "train" and
        "dev" share: pairs (distinct ones) and dev_rows (rows of dev that hold one).
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in splits}
    shared: Counter[str] = Counter(pairs=0, dev_rows=0)
    buckets = 1 + max(map(len, splits.values())) // bucket_rows
    for bucket in range(buckets):
        keys = _keys(splits, n_sentences, bucket, buckets)
        for name, (rows, positive) in keys.items():
            distinct = _count_distinct(rows)
            counts[name]["duplicate_rows"] += len(rows) - distinct
            if positive is not None:
                counts[name]["conflicting_pairs"] += _count_distinct(rows * 2 + positive) - distinct
        if "dev" in keys:
            dev = keys["dev"][0]
            both = dev[np.isin(dev, keys["train"][0])]
            shared.update(pairs=_count_distinct(both), dev_rows=len(both))
    return {name: dict(count) for name, count in counts.items()}, dict(shared)


def _keys(
    splits: Mapping[str, Split], n_sentences: int, bucket: int, buckets: int
) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """For each split the numbers of its rows in one of the buckets, and whether these rows are positive.

    Rows of the same sentences (for pairs in either order) have the same number, below 2**62, in all splits.
    """
    inside = {name: _in_bucket(split, n_sentences, bucket, buckets) for name, split in splits.items()}
    found = {}
    for name, (keys, thirds, positive) in inside.items():
        if thirds is not None:
            # Three indices do not fit one int64: the first two are numbered among those that there are.
            pairs = np.sort(np.concatenate([keys for keys, _, _ in inside.values()]))
            keys = np.searchsorted(pairs, keys) * n_sentences + thirds
        found[name] = keys, positive
    return found


def _count_distinct(keys: np.ndarray) -> int:
    keys = np.sort(keys)  # faster than np.unique, which hashes
    return int(len(keys) > 0) + int((keys[1:] != keys[:-1]).sum())


def _in_bucket(
    split: Split, n_sentences: int, bucket: int, buckets: int
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Of the rows in a bucket: a number for the first two sentences, the third one, and whether positive."""
    keys, thirds, positive = [], [], []
    for part in slices(len(split)):
        first, second = (np.asarray(side[part], np.int64) for side in split.sides[:2])
        if len(split.sides) == 2:
            first, second = np.minimum(first, second), np.maximum(first, second)
        key = first * n_sentences + second
        inside = key % buckets == bucket
        keys.append(key[inside])
        if len(split.sides) == 3:
            thirds.append(split.sides[2][part][inside])
        if split.labels is not None:
            positive.append(split.labels[part][inside] >= 0.5)
    return (
        np.concatenate(keys),
        np.concatenate(thirds) if thirds else None,
        np.concatenate(positive) if positive else None,
    )


def vectors_report(split: Split) -> dict[str, Any]:
    """What one split's vector pairs are like: rows, same_vector_rows, impossible_rows, positive_share, mean_label."""
    left, right = split.sides
    same = impossible = 0
    for part in slices(len(split), 8192):
        alike = (left[part] == right[part]).all(axis=1)
        same += int(alike.sum())
        if split.labels is not None:
            impossible += int((alike & (split.labels[part] < 0.5)).sum())
    report: dict[str, Any] = {"rows": len(split), "same_vector_rows": same, "impossible_rows": impossible}
    if split.labels is not None:
        report.update(_label_report(split.labels))
    return report


def _label_report(labels: np.ndarray) -> dict[str, float]:
    if not len(labels):
        return {"positive_share": 0.0, "mean_label": 0.0}
    positive = int((np.asarray(labels) >= 0.5).sum())
    return {"positive_share": positive / len(labels), "mean_label": float(np.mean(labels, dtype=np.float64))}


def warnings_of(report: Mapping[str, Any]) -> list[str]:
    """What of a report calls for a person's attention before a model is trained, a sentence each."""
    splits = report["splits"]
    triplets, vectors = report["kind"] == "triplets", report["kind"] == "vectors"
    found = []
    if "dev" not in splits:
        found.append(
            "there is no dev split, which training needs to choose the epoch and the threshold: pass dev=..., or "
            "dev_fraction=... to draw one"
        )
    for name, split in splits.items():
        share = split.get("positive_share")
        if share in (0.0, 1.0):
            which = "match (1)" if share else "do not match (0)"
            found.append(
                f"all rows of {name} have one class: they {which}. A model learns nothing from one class, and no "
                "threshold can be chosen on one"
            )
        if split["impossible_rows"] and triplets:
            found.append(
                f"{split['impossible_rows']:,} triplets of {name} have a negative that is their anchor or positive"
            )
        elif split["impossible_rows"]:
            what = "equal vectors" if vectors else "equal texts"
            found.append(
                f"{split['impossible_rows']:,} rows of {name} have {what} and are labelled 0, which no model can "
                "learn: what is equal scores 1"
            )
    for source in report["sources"]:
        if source.get("undecoded"):
            found.append(
                f"{source['undecoded']:,} rows of {source['path']} hold U+FFFD, the replacement character: an earlier "
                "program could not decode them, and what stood there is lost"
            )
    return found


def format_report(report: Mapping[str, Any]) -> str:
    """The report of `preprocess` as lines of text, for people."""
    warnings = [f"warning: {warning}." for warning in report["warnings"]]
    return "\n".join([*_report_lines(report), *warnings])


def _report_lines(report: Mapping[str, Any]) -> list[str]:
    splits = report["splits"]
    lines = [_heading(report)]
    for source in report["sources"]:
        refused = f", {source['rejected']:,} bad rows left out" if source.get("rejected") else ""
        encoding = f", {source['encoding']}" if source.get("encoding") else ""
        lines.append(f"  {source['split']:<5} {source['path']}: {source['rows']:,} rows{refused}{encoding}")
        if source.get("quoted"):
            lines.append(f"        {quotes_note(source['quoted'])}")
    lines.append("")
    lines += _table([("", *splits), *_split_lines(report)])
    lines.append("")
    if report["kind"] == "vectors":
        scaled = "standardized by the training rows" if report["standardized"] else "kept as they are"
        lines.append(
            f"Columns: {report['width']:,} a side, {scaled}; {report['constant_columns']} do not vary."
        )
        return lines
    without = report["sentences_without_tokens"]
    lines.append(
        f"Sentences: {report['sentences']:,} distinct ones"
        + (f", {without:,} of them without any token." if without else ".")
    )
    lines.append(f"Vocabulary: {report['vocabulary_size']:,} tokens, padding and unknown included.")
    lines.append(f"Longest sentence kept whole: {report['max_length']} tokens.")
    if "shared" in report:
        shared = report["shared"]
        lines.append(
            f"Shared between the splits: {shared['pairs']:,} {report['kind']}, "
            f"in {shared['dev_rows']:,} rows of dev."
        )
    vectors = report.get("word_vectors")
    if vectors:
        lines.append(
            f"Word vectors: {vectors['dim']} numbers each, {vectors['source']}; they cover "
            f"{vectors['types']:.1%} of the vocabulary, {vectors['tokens']:.1%} of the training text."
        )
    return lines


def _heading(report: Mapping[str, Any]) -> str:
    how = f", tokenizer {report['tokenizer']}" if "tokenizer" in report else ""
    return f"Dataset of {report['kind']}{how}"


_COUNTS = {
    "rows": "rows",
    "duplicate_rows": "duplicate rows",
    "conflicting_pairs": "pairs with conflicting labels",
    "same_text_rows": "rows with equal texts",
    "same_vector_rows": "rows with equal vectors",
    "impossible_rows": "of these labelled 0",
    "truncated_rows": "truncated rows",
    "tokens": "tokens",
}
_COVERAGE = {
    "known": "tokens in the vocabulary",
    "by_characters": "tokens read as characters",
    "unknown": "unknown tokens",
}


def _split_lines(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The lines of the table of splits: a title and a value for each split."""
    splits = list(report["splits"].values())
    lines = [
        (_title(key, report["kind"]), *(f"{split[key]:,}" for split in splits))
        for key in _COUNTS
        if key in splits[0]
    ]
    if "positive_share" in splits[0]:
        lines.insert(1, ("positive labels", *(f"{split['positive_share']:.1%}" for split in splits)))
    if "token_coverage" in splits[0]:
        lines += [
            (title, *(f"{split['token_coverage'][key]:.2%}" for split in splits))
            for key, title in _COVERAGE.items()
        ]
        lines.append(("tokens a sentence, mean", *(f"{split['lengths']['mean']:.1f}" for split in splits)))
        lines += [
            (f"tokens a sentence, {p} %", *(f"{split['lengths']['percentiles'][p]:,}" for split in splits))
            for p in splits[0]["lengths"]["percentiles"]
        ]
    return lines


def _title(key: str, kind: str) -> str:
    if key == "impossible_rows" and kind == "triplets":
        return "rows whose negative is their anchor or positive"
    return _COUNTS[key]


def _table(lines: list[tuple[str, ...]]) -> list[str]:
    """Aligned columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  "
        + "  ".join(
            [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    ]
