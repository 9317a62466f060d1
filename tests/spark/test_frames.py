from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tiny_models import CHARACTERS, MAX_LENGTH
from textsim.errors import ArtifactError, InputError
from textsim.evaluation.evaluate import evaluate_scores
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher
from textsim.spark import encode, evaluate, frames, rejected, score_pairs, search


def texts(count: int, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    return [
        "".join(random.choice(list(CHARACTERS + "😀"), random.integers(1, MAX_LENGTH + 4)))
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def rows() -> list[tuple[int, str, str, int]]:
    return [(k, a, b, k % 2) for k, (a, b) in enumerate(zip(texts(300), texts(300, 1), strict=True))]


@pytest.fixture(scope="module")
def pairs(spark: Any, rows: list[tuple[int, str, str, int]]) -> Any:
    return spark.createDataFrame(rows, "id int, text_a string, text_b string, label int")


@pytest.mark.parametrize("partitions", [1, 7])
@pytest.mark.parametrize("encode_once", [False, True])
def test_scores_are_those_of_one_process_to_the_bit(
    pairs: Any, rows: list[Any], model: Path, partitions: int, encode_once: bool
) -> None:
    scored = score_pairs(pairs.repartition(partitions), model, keep=["id"], encode_once=encode_once)
    assert scored.columns == ["id", "score", "probability", "decision"]
    found = {row.id: (row.decision, row.probability, row.score) for row in scored.collect()}
    matcher = TextMatcher.load(model)
    expected = matcher.decisions(matcher.score_texts([row[1] for row in rows], [row[2] for row in rows]))
    assert found == {row[0]: tuple(decision) for row, decision in zip(rows, expected, strict=True)}


def test_how_many_texts_repeat_and_how_often_decides_and_the_plan_shows_it(
    spark: Any, pairs: Any, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repeated = spark.createDataFrame([("花呗", "还款")] * 50, "text_a string, text_b string")

    def plan(df: Any) -> str:
        return str(score_pairs(df, model, encode_once=None)._jdf.queryExecution().toString())

    # A worker remembers two texts.
    assert "Join" not in plan(repeated)
    monkeypatch.setattr(frames, "CACHE_BYTES", 64)
    assert "SortMergeJoin" in plan(repeated) and "Join" not in plan(pairs)


def test_vectors_are_those_of_one_process_to_the_bit(pairs: Any, rows: list[Any], model: Path) -> None:
    encoded = encode(pairs.repartition(3), model, text="text_a", keep=["id"]).collect()
    expected = TextMatcher.load(model).encode([row[1] for row in rows])
    for row in encoded:
        np.testing.assert_array_equal(np.float32(row.vector), expected[row.id])


def test_bad_rows_end_the_job_or_are_left_out_and_told(spark: Any, model: Path) -> None:
    data = [(1, "花呗", "还款"), (2, None, "还款"), (3, "花", " "), (4, "\u200b", None), (5, "你", "好")]
    frame = spark.createDataFrame(data, "id int, text_a string, text_b string").repartition(2)
    left_out = spark.sparkContext.accumulator(0)
    scored = score_pairs(frame, model, keep=["id"], on_bad_row="skip", left_out=left_out)
    assert sorted(row.id for row in scored.collect()) == [1, 5] and left_out.value == 3
    once = score_pairs(frame, model, keep=["id"], on_bad_row="skip", encode_once=True)
    assert sorted(row.id for row in once.collect()) == [1, 5]
    bad = {row.id: row.reason for row in rejected(frame, model).collect()}
    assert set(bad) == {2, 3, 4}
    assert bad[2].startswith("text_a: expected a text (str)") and bad[3].startswith("text_b: expected a text")
    with pytest.raises(Exception, match="InputError: text_"):
        score_pairs(frame, model).collect()


def test_hits_are_those_of_one_process(spark: Any, model: Path, tmp_path: Path) -> None:
    matcher = TextMatcher.load(model)
    stored = [{"id": str(k), "text": text, "answer": f"答{k}"} for k, text in enumerate(texts(40, 2))]
    TextIndex.build(matcher, stored, tmp_path / "index").close()
    queries = texts(20, 3)
    frame = spark.createDataFrame(list(enumerate(queries)), "place int, text string").repartition(3)
    found = search(frame, tmp_path / "index", 3, model=model).collect()
    with TextIndex.open(tmp_path / "index", matcher) as index:
        expected = index.search_many(queries, 3)
    assert {
        (row.place, row["rank"]): (row.hit_id, row.decision, json.loads(row.payload)) for row in found
    } == {
        (place, rank): (hit.id, hit.decision, hit.payload)
        for place, hits in enumerate(expected)
        for rank, hit in enumerate(hits, 1)
    }


def test_metrics_are_those_of_one_process(pairs: Any, rows: list[Any], model: Path) -> None:
    matcher = TextMatcher.load(model)
    scores = matcher.score_pairs([row[1:3] for row in rows])
    expected = evaluate_scores(np.array([row[3] for row in rows]), scores, matcher.threshold)
    assert evaluate(pairs, model).to_dict() == pytest.approx(expected.to_dict())


def test_what_does_not_fit_is_one_error_before_the_job(
    spark: Any, pairs: Any, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"no column is named 'query'\. Received 'id', 'text_a'"):
        score_pairs(pairs, model, text_a="query")
    with pytest.raises(InputError, match=r"column 'id': expected texts \(string\)\. Received int"):
        score_pairs(pairs, model, text_a="id")
    for name in ("score", "Score"):
        with pytest.raises(InputError, match=r"expected columns other than score"):
            score_pairs(pairs.withColumnRenamed("id", name), model)
    with pytest.raises(InputError, match=r"names without dots\. Received 'my\.id'"):
        score_pairs(pairs.withColumnRenamed("id", "my.id"), model, keep=[])
    twice = pairs.select("*", pairs.label.alias("ID"))
    for frame, keep in ((pairs, ["id", "id"]), (twice, []), (twice, None)):
        with pytest.raises(InputError, match=r"expected each column once\. Received 'id' twice"):
            score_pairs(frame, model, keep=keep)
    with pytest.raises(InputError, match=r"no column is named 'truth'"):
        evaluate(pairs, model, label="truth")
    for k in (0, "2"):
        with pytest.raises(InputError, match=r"k: expected a whole number, at least 1\."):
            search(pairs, tmp_path / "index", k, text="text_a")  # type: ignore[arg-type]
    with pytest.raises(ArtifactError, match="bundled model"):
        score_pairs(pairs, tmp_path / "nothing")
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    (broken / "weights.npz").write_bytes(b"0" * (broken / "weights.npz").stat().st_size)
    with pytest.raises(ArtifactError, match=r"weights\.npz"):
        score_pairs(pairs, broken)


def test_a_model_that_changes_after_planning_is_refused(pairs: Any, model: Path, tmp_path: Path) -> None:
    changing = tmp_path / "changing"
    shutil.copytree(model, changing)
    scored = score_pairs(pairs, changing, shared=True)
    (changing / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Exception, match="the folder has changed since the job was planned"):
        scored.collect()


def test_a_model_whose_weights_change_after_planning_is_refused(
    pairs: Any, model: Path, tmp_path: Path
) -> None:
    changing = tmp_path / "changing"
    shutil.copytree(model, changing)
    encoded = encode(pairs.repartition(2), changing, text="text_a", shared=True)
    weights = (changing / "weights.npz").read_bytes()
    (changing / "weights.npz").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(Exception, match=r"ArtifactError: .*weights\.npz was altered"):
        encoded.collect()
