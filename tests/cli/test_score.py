"""`textsim score`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import ok, run


def test_an_output_that_cannot_be_made(road: Path, tmp_path: Path) -> None:
    result = run("score", road / "model", "--input", road / "dev.tsv", "--output", tmp_path / "no" / "o.tsv")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("ArtifactError: ")
    assert f"{tmp_path / 'no' / 'o.tsv'}: a file cannot be made there: No such file" in result.stderr


def test_score_two_texts(road: Path) -> None:
    printed = ok("score", road / "model", "花呗怎么还款", "怎样还花呗")
    score, probability, decision = printed.rstrip("\n").split("\t")
    answer = json.loads(ok("score", road / "model", "花呗怎么还款", "怎样还花呗", "--json"))
    assert float(score) == pytest.approx(answer["score"], abs=1e-4)
    assert float(probability) == pytest.approx(answer["probability"], abs=1e-4)
    assert decision == answer["decision"]
    assert decision == ("match" if answer["score"] >= answer["threshold"] else "no match")


@pytest.mark.parametrize("arguments", [(), ("一",), ("一", "二", "三"), ("一", "二", "--input", "-")])
def test_score_wants_two_texts_or_a_file(arguments: tuple[str, ...]) -> None:
    result = run("score", "model", *arguments)
    assert result.exit_code == 2
    assert "give two texts, or --input FILE." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("一", "二", "--output", "x.tsv"), "--output: for --input FILE alone"),
        (
            ("一", "二", "--columns", "1,2", "--on-bad-row", "skip"),
            "--columns, --on-bad-row: for --input FILE",
        ),
        (("--input", "-", "--json"), "--json: for two texts alone"),
    ],
)
def test_score_takes_no_option_in_vain(road: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run("score", road / "model", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_score_says_what_it_does_not_read(road: Path) -> None:
    result = run("score", road / "model", "今天" * 200, "明天" * 200)
    assert result.exit_code == 0 and "match" in result.stdout
    assert result.stderr == "2 texts read to the model's maximum length only\n"
    result = run("score", road / "model", "今天😀", "今天🎉")
    assert result.stdout == "1.0000\t0.5000\tunsure\n"
    assert result.stderr == "1 pairs of different texts that the model reads alike\n"


def test_files_say_which_pairs_read_alike(road: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("text_a\ttext_b\tlabel\n今天😀\t今天🎉\t0\n今天\t今天\t1\n", "utf-8")
    note = "1 pairs of different texts that the model reads alike"
    for arguments in (("score", road / "model", "--input"), ("evaluate", road / "model")):
        assert note in run(*arguments, tmp_path / "pairs.tsv").stderr


def test_score_files_and_streams(road: Path, tmp_path: Path) -> None:
    rows = ["花呗怎么还款\t怎样还花呗", "今天天气\t明天天气", "花呗怎么还款\t怎样还花呗"]
    content = "".join(f"{row}\n" for row in rows).encode()
    (tmp_path / "pairs.tsv").write_bytes(content)
    ok("score", road / "model", "--input", tmp_path / "pairs.tsv", "--output", tmp_path / "scores.tsv")
    written = (tmp_path / "scores.tsv").read_text(encoding="utf-8")
    assert ok("score", road / "model", "--input", "-", stdin=content) == written
    assert written.count("花呗怎么还款") == 2


def test_score_keeps_columns(road: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text('id,text_a,text_b\n7,"今\n天",明天\n8,,好\n9,今天,好\n', encoding="utf-8")
    given = ("score", road / "model", "--input", tmp_path / "p.csv", "--on-bad-row", "skip")
    result = run(*given, "--keep", "line,id")
    assert [row.split("\t")[5:] for row in result.stdout.splitlines()] == [
        ["line", "id"],
        ["2", "7"],
        ["5", "9"],
    ]
    assert "1 bad rows left out (line 4)" in result.stderr
    assert run(*given, "--keep", "ids").stderr.endswith("Did you mean 'id'?\n")
    result = run("score", road / "model", "一", "二", "--keep", "id")
    assert "--keep: for --input FILE alone" in result.stderr


def test_a_choice_of_columns_is_shown_as_it_is_typed(road: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("用户问,相似问,标准问\n甲,乙,丙\n", encoding="utf-8")
    result = run("score", road / "model", "--input", tmp_path / "p.csv")
    assert result.exit_code == 2
    assert (
        "may be text_a: '用户问', '相似问'. Say which to read, as in --columns 用户问,标准问."
        in result.stderr.replace("'用户问,标准问'", "用户问,标准问")
    )
