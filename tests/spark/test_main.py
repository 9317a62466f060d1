"""The command line, in the session of the other tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from tests.spark.test_preprocess import assert_same_folders
from textsim.data.preprocess import preprocess
from textsim.data.settings import VocabularySettings
from textsim.matching.text_matcher import TextMatcher
from textsim.spark.__main__ import main
from textsim.text.tokenizers import make_tokenizer


@pytest.fixture(autouse=True)
def kept_session(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command ends its session, which is that of all tests here."""
    monkeypatch.setattr(type(spark), "stop", lambda self: None)


@pytest.fixture
def pairs(spark: Any, tmp_path: Path) -> Path:
    rows = [(1, "花呗", "还款", 1), (2, None, "还款", 0), (3, "花", "呗", 0), (4, "你好", "您好", 1)]
    frame = spark.createDataFrame(rows, "id int, text_a string, text_b string, label int")
    frame.repartition(2).write.parquet(str(tmp_path / "pairs.parquet"))
    return tmp_path / "pairs.parquet"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_rows_in_are_rows_out_and_rejects(spark: Any, pairs: Path, model: Path, tmp_path: Path) -> None:
    scoring = (
        "score",
        "--model",
        model,
        "--input",
        pairs,
        "--output",
        tmp_path / "scores.csv",
        "--keep",
        "id",
    )
    skipping = ("--on-bad-row", "skip", "--rejects", tmp_path / "bad.parquet")
    result = run(*scoring, *skipping)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"rows": 3, "rejected": 1}
    found = {
        row["id"]: float(row["score"])
        for row in spark.read.option("header", True).csv(str(tmp_path / "scores.csv")).collect()
    }
    matcher = TextMatcher.load(model)
    assert found == {
        "1": pytest.approx(matcher.score("花呗", "还款")),
        "3": pytest.approx(matcher.score("花", "呗")),
        "4": pytest.approx(matcher.score("你好", "您好")),
    }
    (bad,) = spark.read.parquet(str(tmp_path / "bad.parquet")).collect()
    assert bad.id == 2 and bad.reason.startswith("text_a: expected a text")

    again = run(*scoring, *skipping)
    assert again.exit_code == 2 and "Choose another path, or pass --overwrite." in again.stderr
    assert run(*scoring, *skipping, "--overwrite").exit_code == 0


def test_an_error_of_a_worker_is_one_line(pairs: Path, model: Path, tmp_path: Path) -> None:
    result = run(
        "encode", "--model", model, "--input", pairs, "--text", "text_a", "--output", tmp_path / "out.json"
    )
    assert result.exit_code == 2
    message = result.stderr.splitlines()[-1]
    assert "InputError: text_a: expected a text (str)" in message and "--on-bad-row skip" in message
    assert "Traceback" not in result.stderr
    missing = run("evaluate", "--model", model, "--input", tmp_path / "nothing.parquet")
    assert missing.exit_code == 2 and "nothing.parquet: cannot be read as parquet" in missing.stderr


def test_the_dataset_is_that_of_one_machine(spark: Any, pairs: Path, tmp_path: Path) -> None:
    options = ("--order", "id", "--on-bad-row", "skip", "--min-count", "2", "--no-lowercase", "--quiet")
    result = run("preprocess", "--input", pairs, "--out", tmp_path / "spark", *options)
    assert result.exit_code == 0, result.output
    rows = spark.read.parquet(str(pairs)).orderBy("id").select("text_a", "text_b", "label").toArrow()
    preprocess(
        rows,
        tmp_path / "one",
        on_bad_row="skip",
        vocabulary=VocabularySettings(min_count=2),
        tokenizer=make_tokenizer("char", normalizer={"lowercase": False}),
    )
    assert_same_folders(tmp_path / "spark", tmp_path / "one")


def test_rows_that_are_left_out_are_always_counted(pairs: Path, model: Path, tmp_path: Path) -> None:
    scoring = ("--model", model, "--input", pairs, "--on-bad-row", "skip")
    for name, how in (("each", "--encode-each"), ("once", "--encode-once")):
        result = run("score", *scoring, "--output", tmp_path / f"{name}.parquet", how)
        assert json.loads(result.stdout) == {"rows": 3, "rejected": 1}, result.output
    assert json.loads(run("evaluate", *scoring).stdout)["rejected"] == 1


def test_rejects_without_skip_are_refused_before_the_job(pairs: Path, model: Path, tmp_path: Path) -> None:
    result = run(
        "dedup", "--model", model, "--input", pairs, "--output", tmp_path / "o", "--rejects", tmp_path / "r"
    )
    assert result.exit_code == 2 and "--rejects: with --on-bad-row skip only." in result.stderr
    assert not (tmp_path / "o").exists()


def test_columns_to_keep_are_names(spark: Any, model: Path, tmp_path: Path) -> None:
    frame = spark.createDataFrame([("花呗", "还款", "x")], ["text_a", "text_b", "2024"])
    frame.write.parquet(str(tmp_path / "in.parquet"))
    target = tmp_path / "out.parquet"
    scoring = ("score", "--model", model, "--input", tmp_path / "in.parquet", "--output", target)
    result = run(*scoring, "--keep", "2024")
    assert result.exit_code == 0, result.output
    assert spark.read.parquet(str(target)).columns == ["2024", "score", "probability", "decision"]


def test_csv_is_quoted_as_everywhere(spark: Any, model: Path, tmp_path: Path) -> None:
    left = ['他说"好"', "一行\n两行", "a,b", "c\\", " d\t"]
    frame = pd.DataFrame({"text_a": left, "text_b": "好"})
    frame.to_csv(tmp_path / "in.csv", index=False, encoding="utf-8-sig")
    scoring = ("score", "--model", model, "--input", tmp_path / "in.csv", "--encode-each")
    result = run(*scoring, "--output", tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    (part,) = (tmp_path / "out.csv").glob("part-*.csv")
    assert pd.read_csv(part)["text_a"].tolist() == left
