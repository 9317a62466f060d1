"""`textsim dedup`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command_line import ok, run


def test_duplicates_of_a_file(road: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "q.txt", tmp_path / "groups.tsv"
    source.write_text("今天天气\n怎样还花呗\n今天天气\n\n", "utf-8")
    arguments = ("dedup", road / "model", source, "--out", target, "--on-bad-row", "skip", "--threshold", 1)
    result = run(*arguments)
    assert result.exit_code == 0 and result.stdout == ""
    assert "3 rows in" in result.stderr and "1 duplicates in 1 groups\n" in result.stderr
    assert target.read_text("utf-8").splitlines()[1:] == [
        "1\t1\t1\t今天天气\t1.000000\tmatch",
        "1\t1\t3\t今天天气\t1.000000\tmatch",
    ]
    ok(*arguments, "--representatives-only", "--pairs", tmp_path / "p.npz", "--quiet")
    assert len(target.read_text("utf-8").splitlines()) == 3 and (tmp_path / "p.npz").exists()
    other = run(*arguments, "--pairs", tmp_path / "p.npz", "--neighbors", 3)
    assert other.exit_code == 2 and "keeps pairs of other texts" in other.stderr
