"""`textsim check FILE`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import ok, run


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    lines = [
        "花呗能不能提前还款",
        "我想在3月15日之前退货",
        "北京到上海的火车票多少钱",
        "这件衣服不能用洗衣机洗",
    ]
    path = tmp_path / "问题.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_variants_of_the_texts_of_a_file(questions: Path) -> None:
    found = json.loads(ok("check", "zh-general", questions, "--json"))
    assert found.keys() == {"kinds", "symmetry", "self_score", "batch"}
    assert found["symmetry"] and found["self_score"] and found["batch"]
    texts = set(questions.read_text(encoding="utf-8").split())
    assert len(found["kinds"]) >= 3
    for kind in found["kinds"].values():
        assert kind["pairs"] >= 1 and 0 <= kind["wrong"] <= 1 and 0 <= kind["moved"] <= 1
        assert {example[0] for example in kind["examples"]} <= texts
    assert json.loads(ok("check", "zh-general", questions, "--json")) == found
    text = ok("check", "zh-general", questions)
    assert all(name in text for name in found["kinds"]) and "not natural ones" in text


def test_a_column_of_a_table(questions: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    lines = questions.read_text(encoding="utf-8").split()
    table.write_text(
        "编号,内容\n" + "".join(f"{k},{line}\n" for k, line in enumerate(lines)), encoding="utf-8"
    )
    found = ok("check", "zh-general", table, "--columns", "内容", "--json")
    assert found == ok("check", "zh-general", questions, "--json")


def test_what_is_left_out_is_said(questions: Path) -> None:
    with questions.open("a", encoding="utf-8") as file:
        file.write("\u200b\n")
    refused = run("check", "zh-general", questions)
    assert refused.exit_code == 2 and "line 5" in refused.stderr
    skipped = run("check", "zh-general", questions, "--on-bad-row", "skip", "--json")
    assert skipped.exit_code == 0 and "1 bad rows left out (line 5)" in skipped.stderr


def test_exit_codes_and_mistakes(questions: Path, tmp_path: Path) -> None:
    assert run("check", "zh-general", questions, "--fail-under", "0").exit_code == 0
    (tmp_path / "plain.txt").write_text("。\n", encoding="utf-8")
    nothing = run("check", "zh-general", tmp_path / "plain.txt")
    assert nothing.exit_code == 2 and "no rule applies" in nothing.stderr
    unused = run("check", "zh-general", "--columns", "1")
    assert unused.exit_code == 2 and "--columns: for FILE alone" in unused.stderr


def test_rows_that_are_left_out_are_said(tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    path.write_text('内容\n花呗能不能提前还款\n""\n我想在3月15日之前退货\n', encoding="utf-8")
    skipped = run("check", "zh-general", path, "--on-bad-row", "skip")
    assert skipped.exit_code == 0 and "1 bad rows left out (line 3)" in skipped.stderr
