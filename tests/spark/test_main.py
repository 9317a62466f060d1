"""The command line, in the session of the other tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
