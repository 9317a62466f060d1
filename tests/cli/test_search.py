"""`textsim search`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import run


def test_search(road: Path, tmp_path: Path) -> None:
    (tmp_path / "stored.csv").write_text("id,question\n1,今天天气\n2,怎样还花呗\n3,\n", "utf-8")
    (tmp_path / "asked.txt").write_text("今天天气\n明天天气\n", "utf-8")
    found = run(
        "search", road / "model", tmp_path / "stored.csv", "怎样还花呗", "-k", 1, "--on-bad-row", "skip"
    )
    assert found.exit_code == 0 and found.stdout == "1.0000\tmatch\t1.0000\t怎样还花呗\n"
    assert "1 bad rows left out" in found.stderr
    arguments = ("search", road / "model", tmp_path / "stored.csv", "--on-bad-row", "skip")
    assert run(*arguments, "今天天氣", "-k", 1, "--simplify").stdout == "1.0000\tmatch\t1.0000\t今天天气\n"
    hits = json.loads(run(*arguments, "今天天气", "--json").stdout)
    assert (
        len(hits) == 2
        and hits[0].items() >= {"place": 0, "text": "今天天气", "score": 1, "match": True}.items()
    )
    result = run(*arguments, "--input", tmp_path / "asked.txt", "--output", tmp_path / "found.tsv", "-k", 2)
    assert result.exit_code == 0 and "2 rows in" in result.stderr and "among 2 texts" in result.stderr
    header, *rows = (tmp_path / "found.tsv").read_text("utf-8").splitlines()
    assert header == "text\trank\tfound\tcosine\tscore\tmatch"
    assert rows[0].split("\t")[:3] == ["今天天气", "1", "今天天气"] and rows[0].split("\t")[4:] == [
        "1.000000",
        "1",
    ]
    assert [row.split("\t")[:2] for row in rows] == [[a, k] for a in ("今天天气", "明天天气") for k in "12"]


def test_search_loses_no_file_and_says_what_it_left_out(road: Path, tmp_path: Path) -> None:
    stored, asked, rejects = (tmp_path / name for name in ("stored.txt", "asked.txt", "rejects.tsv"))
    stored.write_text("今天😀\n明天\n", "utf-8")
    asked.write_text("今天🎉\n\n明天\n", "utf-8")
    base = ("search", road / "model", stored)
    for arguments in (
        ("--input", asked, "--output", stored),
        ("--input", asked, "--on-bad-row", "skip", "--rejects", rejects, "--output", rejects),
        ("--input", asked, "--on-bad-row", "skip", "--rejects", asked),
    ):
        assert "would take the place of" in run(*base, *arguments).stderr
    assert stored.read_text("utf-8").startswith("今天") and asked.read_text("utf-8").startswith("今天")
    assert "asked.txt, line 2" in run(*base, "--input", asked).stderr
    said = run(*base, "--input", asked, "--on-bad-row", "skip").stderr
    assert (
        "1 bad rows left out (line 2)" in said
        and "1 pairs of different texts that the model reads alike" in said
    )
    assert run(*base, "--input", asked, "--on-bad-row", "skip", "--quiet").stderr == ""
    assert run(*base, "今天🎉").stderr == "1 pairs of different texts that the model reads alike\n"
    assert run(*base, "今天" * 100).stderr == "1 texts read to the model's maximum length only\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give a text to search for, or --input FILE"),
        (("今天", "--input", "-"), "give a text to search for, or --input FILE"),
        (("今天", "--output", "x.tsv"), "--output: for --input FILE alone"),
        (("--input", "-", "--json"), "--json: for a text alone"),
    ],
)
def test_search_takes_no_option_in_vain(
    road: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "stored.txt").write_text("今天\n", "utf-8")
    result = run("search", road / "model", tmp_path / "stored.txt", *arguments)
    assert result.exit_code == 2 and message in result.stderr
