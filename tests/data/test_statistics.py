"""Figures on the data against slow obvious references."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textsim.data.layout import Split
from textsim.data.statistics import length_percentile, length_report, repeats_report, rows_report

N = 4
ROWS = st.lists(st.tuples(*[st.integers(0, N - 1)] * 3, st.integers(0, 1)), min_size=1, max_size=25)


def split(rows, kind):
    columns = np.array(rows, np.int32).T
    if kind == "pairs":
        return Split((columns[0], columns[1]), columns[3].astype(np.float32))
    return Split((columns[0], columns[1], columns[2]), None)


@given(ROWS, ROWS, st.sampled_from(["pairs", "triplets"]), st.integers(1, 30))
def test_repeats(train, dev, kind, bucket_rows):
    def key(row):
        return frozenset(row[:2]) if kind == "pairs" else row[:3]

    found, shared = repeats_report(
        {"train": split(train, kind), "dev": split(dev, kind)}, N, bucket_rows=bucket_rows
    )
    for name, rows in (("train", train), ("dev", dev)):
        keys = [key(row) for row in rows]
        assert found[name]["duplicate_rows"] == len(keys) - len(set(keys))
        if kind == "pairs":
            both = {key(row) for row in rows if row[3]} & {key(row) for row in rows if not row[3]}
            assert found[name]["conflicting_pairs"] == len(both)
    train_keys = {key(row) for row in train}
    hits = [key(row) for row in dev if key(row) in train_keys]
    assert shared == {"pairs": len(set(hits)), "dev_rows": len(hits)}


def test_sentence_numbers_beyond_int32_products():
    n = 2**31 - 1
    side = np.array([n - 1, n - 2, n - 1], np.int32)
    other = np.array([n - 2, n - 1, n - 1], np.int32)
    found, _ = repeats_report({"train": Split((side, other), np.array([0, 1, 1], np.float32))}, n)
    assert found["train"] == {"duplicate_rows": 1, "conflicting_pairs": 1}


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1), st.sampled_from([50, 99.5, 100])
)
def test_percentiles(sentences, percent):
    lengths, usage = np.array(sentences, np.int32).T
    every = np.sort(np.repeat(lengths, usage))
    if not len(every):
        return
    found = length_percentile(lengths, usage, percent)
    assert (every <= found).mean() * 100 >= percent
    assert found == 1 or (every <= found - 1).mean() * 100 < percent
    np.testing.assert_allclose(length_report(lengths, usage)["mean"], every.mean(), atol=1e-3)


def test_rows():
    pairs = split([(0, 0, 0, 1), (0, 1, 0, 0), (2, 3, 0, 0), (1, 1, 0, 0)], "pairs")
    assert rows_report(pairs, np.array([1, 2, 9, 1]), 5) == {
        "rows": 4,
        "truncated_rows": 1,
        "same_text_rows": 2,
        "impossible_rows": 1,
        "positive_share": 0.25,
        "mean_label": 0.25,
    }
