from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.spark.test_frames import texts
from textsim.matching.dedup import find_duplicates
from textsim.matching.text_matcher import TextMatcher
from textsim.spark import dedup as module
from textsim.spark import deduplicate


def test_groups_of_one_bucket_are_those_of_one_machine(spark: Any, model: Path) -> None:
    listed = [*texts(60, 5), *texts(20, 5), " 花呗 ", "花呗"]
    frame = spark.createDataFrame(
        [(f"{k:03}", text) for k, text in enumerate(listed)], "id string, text string"
    )
    found = {row.id: row for row in deduplicate(frame.repartition(3), model).collect()}
    expected = find_duplicates(TextMatcher.load(model), listed)
    assert len(found) == len(listed)
    for k, text in enumerate(listed):
        row = found[f"{k:03}"]
        assert (row.text, row.representative) == (text, f"{expected.representatives[k]:03}")
        assert row.score == pytest.approx(float(expected.scores[k]), abs=1e-6)
    assert len({row.group for row in found.values()}) == len(np.unique(expected.representatives))


def test_with_buckets_each_text_matches_its_representative(
    spark: Any, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUCKET_TEXTS", 20)
    listed = list(dict.fromkeys(texts(120, 6)))
    frame = spark.createDataFrame(list(enumerate(listed)), "id int, text string")
    rows = deduplicate(frame, model, threshold=0.6, probes=2).collect()
    matcher = TextMatcher.load(model)
    assert sorted(row.id for row in rows) == list(range(len(listed)))
    for row in rows:
        assert row.representative == row.id or matcher.score(row.text, listed[row.representative]) >= 0.6
