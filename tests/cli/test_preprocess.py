"""`textsim preprocess`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command_line import ok, run
from textsim.data.dataset import PairDataset


def test_preprocess_reports(road: Path, tmp_path: Path) -> None:
    arguments = ("preprocess", road / "train.tsv", "--dev-fraction", 0.25, "--out", tmp_path / "dataset")
    report = json.loads(ok(*arguments, "--json"))
    assert report["splits"]["train"]["rows"] == 45
    assert report["splits"]["dev"]["rows"] == 15
    assert "utf-8" in ok(*arguments, "--overwrite")
    assert ok(*arguments, "--overwrite", "--quiet") == ""


def test_preprocess_options_reach_the_tokenizer(road: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("花呗\n", encoding="utf-8")
    ok(
        *("preprocess", road / "train.tsv", "--out", tmp_path / "dataset"),
        *("--tokenizer", "jieba", "--no-hmm", "--user-dictionary", tmp_path / "words.txt"),
        *("--no-lowercase", "--columns", "1,2,3", "--header", "yes", "--max-length", 5),
    )
    dataset = PairDataset.open(tmp_path / "dataset")
    assert dataset.max_length == 5
    assert dataset.tokenizer is not None
    config = dataset.tokenizer.to_config()
    assert (config["name"], config["hmm"], config["user_dictionary"][0][0]) == ("jieba", False, "花呗")
    assert (config["normalizer"]["lowercase"], config["normalizer"]["nfkc"]) == (False, True)


def test_preprocess_refuses_an_option_of_another_tokenizer(road: Path, tmp_path: Path) -> None:
    result = run("preprocess", road / "train.tsv", "--out", tmp_path / "dataset", "--no-hmm")
    assert result.exit_code == 2
    assert result.stderr.startswith("ConfigError: unknown option of tokenizer 'char': 'hmm'.")


def test_preprocess_skips_and_writes_rejects(tmp_path: Path) -> None:
    (tmp_path / "rows.tsv").write_text("今天\t今日\t1\n天气\t1\n明天\t明日\t1\n", encoding="utf-8")
    options = ("--on-bad-row", "skip", "--rejects", tmp_path / "rejects.tsv")
    ok("preprocess", tmp_path / "rows.tsv", "--out", tmp_path / "dataset", *options)
    assert "expected 3" in (tmp_path / "rejects.tsv").read_text(encoding="utf-8")


def test_preprocess_vectors(demo: Path, tmp_path: Path) -> None:
    rows = (demo / "digits_train.csv").read_text(encoding="utf-8").splitlines(keepends=True)[:40]
    (tmp_path / "rows.csv").write_text("".join(rows), encoding="utf-8")
    arguments = ("--kind", "vectors", "--standardize", "--dev-fraction", 0.2, "--out", tmp_path / "dataset")
    assert json.loads(ok("preprocess", tmp_path / "rows.csv", *arguments, "--json"))["kind"] == "vectors"


def test_warnings_name_options_and_are_said_where_it_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "rows.tsv").write_text("今天\t今日\t1\n明天\t明日\t1\n", encoding="utf-8")
    arguments = ("preprocess", tmp_path / "rows.tsv", "--overwrite", "--out", tmp_path / "dataset")
    out = ok(*arguments)
    assert "pass --dev FILE, or --dev-fraction F to draw one" in out
    quiet = run(*arguments, "--quiet")
    assert quiet.stdout == ""
    told = [line for line in out.splitlines() if line.startswith("warning: ")]
    assert len(told) == 2 and quiet.stderr.splitlines() == told
