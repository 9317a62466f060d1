from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.spark.test_frames import texts
from textsim.errors import InputError
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


def test_of_no_texts_there_are_no_groups(spark: Any, model: Path) -> None:
    frame = spark.createDataFrame([(1, None), (2, " ")], "id int, text string")
    found = deduplicate(frame, model, on_bad_row="skip")
    some = deduplicate(spark.createDataFrame([(1, "花呗")], "id int, text string"), model)
    assert found.collect() == [] and [(f.name, f.dataType) for f in found.schema] == [
        (f.name, f.dataType) for f in some.schema
    ]


def test_what_cannot_be_grouped_is_one_error(spark: Any, model: Path) -> None:
    frame = spark.createDataFrame([(None, "花呗"), (2, "花呗"), (None, "还款")], "id int, text string")
    with pytest.raises(InputError, match=r"column 'id': expected ids\. Received NULL in 2 rows"):
        deduplicate(frame, model)
    with pytest.raises(InputError, match=r"expected columns other than .*group.* Received 'group'"):
        deduplicate(frame.withColumnRenamed("id", "group"), model, id="group")
    with pytest.raises(InputError, match=r"expected columns other than .* Received 'normalized'"):
        deduplicate(frame.withColumnRenamed("text", "normalized"), model, text="normalized")
    with pytest.raises(InputError, match=r"expected each column once\. Received 'text' twice"):
        deduplicate(frame, model, id="text")
    wrongs: list[dict[str, Any]] = [{"probes": 0}, {"neighbors": 0}, {"threshold": 80}, {"min_cosine": 2}]
    for wrong in wrongs:
        with pytest.raises(InputError, match=rf"{next(iter(wrong))}: expected"):
            deduplicate(frame, model, **wrong)
