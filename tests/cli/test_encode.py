"""`textsim encode`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.cli.command_line import ok, run


def test_rows_left_out_are_named(road: Path, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("今天\n\n" * 12 + "明天", encoding="utf-8")
    given = ("encode", road / "model", "--input", tmp_path / "t.txt", "--output", tmp_path / "v.npy")
    said = run(*given, "--on-bad-row", "skip", "--rejects", tmp_path / "r.tsv").stderr
    assert "12 bad rows left out (lines 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 and others)" in said
    rejected = [line.split("\t")[1] for line in (tmp_path / "r.tsv").read_text("utf-8").splitlines()[1:]]
    assert len(np.load(tmp_path / "v.npy")) == 25 - len(rejected)


def test_encode(road: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("今天\n明天\n今天\n", encoding="utf-8")
    ok("encode", road / "model", "--input", tmp_path / "texts.txt", "--output", tmp_path / "vectors.npy")
    vectors = np.load(tmp_path / "vectors.npy")
    assert vectors.shape[0] == 3 and vectors.dtype == np.float32
    assert np.array_equal(vectors[0], vectors[2])


def test_lines_whatever_the_files_name(road: Path, tmp_path: Path) -> None:
    (tmp_path / "q.log").write_text("今天\t天气\n明天\n", encoding="utf-8")
    out = tmp_path / "v.npy"
    ok("encode", road / "model", "--input", tmp_path / "q.log", "--format", "lines", "--output", out)
    assert len(np.load(out)) == 2
    result = run("score", road / "model", "--input", tmp_path / "q.log", "--format", "lines")
    assert result.exit_code == 2 and "a line is one text" in result.stderr
