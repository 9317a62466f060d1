from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.spark.test_frames import texts
from textsim.data.builders import collecting
from textsim.data.dataset import PairDataset
from textsim.data.preprocess import preprocess as on_one_machine
from textsim.data.settings import VocabularySettings, WordVectorSettings
from textsim.errors import ArtifactError, ConfigError, DataFormatError, InputError
from textsim.spark import preprocess
from textsim.text.tokenizers import JiebaTokenizer

PAIRS = "place int, text_a string, text_b string, label string"
TRIPLETS = "place int, anchor string, positive string, negative string"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentences are numbered chunk by chunk: several chunks, and a last one that is not full."""
    monkeypatch.setattr(collecting, "CHUNK_ROWS", 50)


def rows(count: int, seed: int) -> list[tuple[int, str, str, str]]:
    drawn = np.random.default_rng(seed)
    some = texts(count // 2, seed)
    sides = drawn.integers(0, len(some), (count, 2)).tolist()
    return [(k, some[a], f" {some[b].upper()}", str(k % 2)) for k, (a, b) in enumerate(sides)]


def shuffled(spark: Any, given: list[tuple[Any, ...]], schema: str) -> Any:
    drawn = np.random.default_rng(7).permutation(len(given))
    return spark.createDataFrame([given[k] for k in drawn], schema).repartition(3)


def frame(given: list[tuple[Any, ...]], schema: str) -> pd.DataFrame:
    return pd.DataFrame(given, columns=[field.split()[0] for field in schema.split(", ")]).drop(
        columns="place"
    )


def assert_same_folders(found: Path, expected: Path) -> None:
    names = sorted(path.name for path in expected.iterdir())
    assert sorted(path.name for path in found.iterdir()) == names
    for name in names:
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.parametrize(
    "options",
    [
        {"dev_fraction": 0.2, "seed": 3, "vocabulary": VocabularySettings(min_count=2, max_length=5)},
        {"tokenizer": JiebaTokenizer(), "word_vectors": WordVectorSettings(train_dim=3)},
        {"as_triplets": True, "dev_fraction": 0.5},
    ],
    ids=["characters", "words", "as-triplets"],
)
def test_the_folder_is_that_of_one_machine(spark: Any, tmp_path: Path, options: dict[str, Any]) -> None:
    given = rows(230, 1)
    report = preprocess(shuffled(spark, given, PAIRS), tmp_path / "spark", order="place", **options)
    assert report == on_one_machine(frame(given, PAIRS), tmp_path / "one", **options)
    assert_same_folders(tmp_path / "spark", tmp_path / "one")
    assert len(PairDataset.open(tmp_path / "spark").splits["train"]) == report["splits"]["train"]["rows"]


def test_bad_rows_are_refused_as_on_one_machine(spark: Any, tmp_path: Path) -> None:
    given = rows(120, 2)
    dev: list[Any] = rows(70, 3)
    given[60] = (60, "花\ufffd", "呗", "1")
    for place, row in ((5, ("花", None, "1")), (40, ("花", "呗", "也许")), (77, (" ", "呗", "0"))):
        given[place] = (place, *row)  # type: ignore[assignment]
    dev[3] = (3, None, None, None)
    train, held_out = shuffled(spark, given, PAIRS), shuffled(spark, dev, PAIRS)
    report = preprocess(train, tmp_path / "spark", order="place", dev=held_out, on_bad_row="skip")
    expected = on_one_machine(frame(given, PAIRS), tmp_path / "one", dev=frame(dev, PAIRS), on_bad_row="skip")
    assert report == expected and report["sources"][0]["rejected"] == 3
    assert_same_folders(tmp_path / "spark", tmp_path / "one")
    with pytest.raises(DataFormatError) as on_spark:
        preprocess(train, tmp_path / "stopped", order="place")
    with pytest.raises(DataFormatError) as alone:
        on_one_machine(frame(given, PAIRS), tmp_path / "stopped")
    assert str(on_spark.value) == str(alone.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "spark"]


def test_triplets_are_found_by_their_columns(spark: Any, tmp_path: Path) -> None:
    given = [
        (k, a, b, c) for k, (a, b, c) in enumerate(zip(texts(60, 4), texts(60, 5), texts(60, 6), strict=True))
    ]
    preprocess(shuffled(spark, given, TRIPLETS), tmp_path / "spark", order="place", dev_fraction=0.5)
    on_one_machine(frame(given, TRIPLETS), tmp_path / "one", dev_fraction=0.5)
    assert_same_folders(tmp_path / "spark", tmp_path / "one")


def test_what_does_not_fit_is_one_error_before_the_job(spark: Any, tmp_path: Path) -> None:
    frame = spark.createDataFrame([(1, "花呗", "还款", "1")], PAIRS)
    with pytest.raises(InputError, match="order: no column is named 'when'"):
        preprocess(frame, tmp_path / "out", order="when")
    with pytest.raises(DataFormatError, match="label"):
        preprocess(frame.drop("label"), tmp_path / "out", order="place")
    with pytest.raises(InputError, match=r"column 'text_a': expected texts \(string\)\. Received int"):
        preprocess(frame.withColumn("text_a", frame.place), tmp_path / "out", order="place")
    with pytest.raises(InputError, match=r"column 'label': expected labels .* Received array<string>"):
        listed = spark.createDataFrame(
            [(1, "花呗", "还款", ["1"])], "place int, text_a string, text_b string, label array<string>"
        )
        preprocess(listed, tmp_path / "out", order="place")
    with pytest.raises(ConfigError, match="numeric vectors are not preprocessed on Spark"):
        numbers = spark.createDataFrame([(0.1, 0.2, 1)] * 2, "left_1 double, right_1 double, place int")
        preprocess(numbers, tmp_path / "out", order="place")
    with pytest.raises(ConfigError, match="processes: Spark has its own"):
        preprocess(frame, tmp_path / "out", order="place", processes=2)
    with pytest.raises(DataFormatError, match="the data frame: the file holds nothing"):
        preprocess(frame.limit(0), tmp_path / "out", order="place")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"mine\.txt"):
        preprocess(frame, tmp_path / "out", order="place")


def test_a_choice_of_columns_is_asked_about(spark: Any, tmp_path: Path) -> None:
    names = ["place", "用户问", "相似问", "标准问", "标签"]
    df = spark.createDataFrame([(0, "甲", "乙", "丙", "1")], names)
    with pytest.raises(
        DataFormatError, match=r"may be text_a: '用户问', '相似问'.*columns=\['用户问', '标准问'"
    ):
        preprocess(df, tmp_path / "out", order="place")
