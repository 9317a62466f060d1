"""`textsim index` and `textsim search`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.command_line import ok, run

FAQ = "id,question,answer\n7,怎样还花呗,打开应用\n7,花呗怎么还,打开应用\n8,今天天气,看窗外\n"


@pytest.fixture
def index(road: Path, tmp_path: Path) -> Path:
    """An index of two entries, from a CSV file as office programs write it."""
    (tmp_path / "faq.csv").write_bytes(FAQ.encode("gb18030"))
    result = run("index", "build", road / "model", tmp_path / "faq.csv", "--out", tmp_path / "index")
    assert result.exit_code == 0 and result.stdout == ""
    assert "3 rows in" in result.stderr and "read as gb18030; " in result.stderr
    assert result.stderr.endswith("index holds 3 texts\n")
    return tmp_path / "index"


def test_a_text_finds_an_answer(index: Path) -> None:
    assert ok("search", index, "今天天气", "-k", 1) == "1.0000\tmatch\t8\t今天天气\n"
    hits = json.loads(ok("search", index, "怎样还花呗", "--json"))
    assert [hit["id"] for hit in hits] == ["7", "8"]
    assert list(hits[0]) == ["id", "text", "score", "probability", "decision", "cosine", "payload"]
    assert hits[0]["score"] == 1 and hits[0]["payload"] == {"answer": "打开应用"}
    assert json.loads(ok("search", index, "天气", "--json", "--filter", "answer=无")) == []
    assert run("search", index, "天气", "--filter", "answer=无").stderr == "no stored text has answer=无\n"
    assert run("search", index, "今天" * 100).stderr == "1 texts read to the model's maximum length only\n"


def test_a_stored_text_of_two_lines_is_shown_on_one(road: Path, tmp_path: Path) -> None:
    (tmp_path / "faq.csv").write_text('id,question\n7,"今天\n天气"\n', encoding="utf-8")
    ok("index", "build", road / "model", tmp_path / "faq.csv", "--out", tmp_path / "index")
    (line,) = ok("search", tmp_path / "index", "今天 天气").splitlines()
    assert line.split("\t")[1:] == ["match", "7", "今天 天气"]


def test_texts_of_a_file_find_theirs(index: Path, tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text("今天天气\n怎样还花呗\n\n", "utf-8")
    arguments = ("search", index, "--input", tmp_path / "asked.txt", "--on-bad-row", "skip")
    result = run(*arguments, "--output", tmp_path / "found.tsv", "-k", 2)
    assert (
        result.exit_code == 0 and "2 rows in" in result.stderr and "2 with a match among 3" in result.stderr
    )
    header, *rows = [line.split("\t") for line in (tmp_path / "found.tsv").read_text("utf-8").splitlines()]
    assert header == [
        *("text", "rank", "id", "found", "score", "probability", "decision", "cosine", "answer")
    ]
    assert rows[0][:5] == ["今天天气", "1", "8", "今天天气", "1.000000"] and rows[0][-1] == "看窗外"
    assert [row[:2] for row in rows] == [[a, k] for a in ("今天天气", "怎样还花呗") for k in "12"]
    none = ok(*arguments, "--filter", "answer=无").splitlines()
    assert none[1].split("\t")[:4] == ["今天天气", "0", "", ""] and "no match" in none[1]
    quiet = run(*arguments, "--quiet")
    assert quiet.exit_code == 0 and quiet.stderr == ""


def test_texts_come_and_go(index: Path, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("忘记密码\n今天天气\n", "utf-8")
    result = run("index", "add", index, tmp_path / "more.txt")
    assert result.exit_code == 0 and result.stderr.endswith("index holds 5 texts\n")
    (tmp_path / "new.csv").write_text("id,question,answer\n7,花呗还款,新\n", "utf-8")
    assert run("index", "add", index, tmp_path / "new.csv", "--replace").stderr.endswith("holds 4 texts\n")
    hits = json.loads(ok("search", index, "怎样还花呗", "--json", "--filter", "answer=新"))
    assert [hit["text"] for hit in hits] == ["花呗还款"]
    removed = run("index", "remove", index, "--ids", "7, 8,zz")
    assert removed.exit_code == 0 and "Not in the index: zz\ntexts removed: 2;" in removed.stderr
    assert run("index", "compact", index).stderr.startswith(f"{index} takes ")
    found = json.loads(ok("index", "info", index, "--json", "--recall"))
    assert {**found, "bytes": 0, "model": ""} == {
        "model": "",
        "texts": 2,
        "ids": 2,
        "columns": ["answer"],
        "width": 16,
        "search": "exact",
        "in_graph": 0,
        "removed": 0,
        "bytes": 0,
        "recall@10": 1.0,
    }
    assert "columns\tanswer\nwidth\t16\nsearch\texact\n" in ok("index", "info", index)


@pytest.mark.parametrize(
    ("id", "named"),
    [
        ("a,b", '"a,b"'),
        ("退货,换货", 'zz, "退货,换货"'),
        ('5" 屏', '5" 屏'),
        ('"x"', '"""x"""'),
        ("a/b", "a/b"),
    ],
)
def test_ids_of_any_characters_are_removed(index: Path, tmp_path: Path, id: str, named: str) -> None:
    quoted = id.replace('"', '""')
    (tmp_path / "new.csv").write_text(f'text,id\n明天下雨吗,"{quoted}"\n', "utf-8")
    assert run("index", "add", index, tmp_path / "new.csv").exit_code == 0
    removed = run("index", "remove", index, "--ids", named)
    assert removed.exit_code == 0 and "\ntexts removed: 1;" in f"\n{removed.stderr}"


def test_ids_that_cannot_be_read(index: Path) -> None:
    refused = run("index", "remove", index, "--ids", '"a,b')
    assert refused.exit_code == 2 and "--ids" in refused.stderr and '"a,b".' in refused.stderr


def test_a_bad_row_adds_nothing(index: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("好\n\n好\n", "utf-8")
    result = run("index", "add", index, tmp_path / "bad.txt")
    assert result.exit_code == 2 and "bad.txt, line 2" in result.stderr
    assert json.loads(ok("index", "info", index, "--json"))["texts"] == 3


def test_an_index_is_replaced_when_told_so(index: Path, road: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("新的\n", "utf-8")
    arguments = ("index", "build", road / "model", tmp_path / "new.txt", "--out", index)
    refused = run(*arguments)
    assert refused.exit_code == 2 and "pass --overwrite" in refused.stderr
    ok(*arguments, "--overwrite", "--quiet")
    assert ok("search", index, "新的", "-k", 1).endswith("\t1\t新的\n")


def test_a_model_that_was_moved_is_named(road: Path, index: Path, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("新的\n", "utf-8")
    shutil.copytree(road / "model", tmp_path / "copy")
    ok("index", "build", tmp_path / "copy", tmp_path / "one.txt", "--out", tmp_path / "two")
    (tmp_path / "copy").rename(tmp_path / "moved")
    lost = run("search", tmp_path / "two", "新的")
    assert lost.exit_code == 2 and "open the index with it: --model MODEL." in lost.stderr
    assert ok("search", tmp_path / "two", "新的", "--model", tmp_path / "moved").startswith("1.0000\tmatch")
    other = run("search", index, "新的", "--model", "zh-general")
    assert other.exit_code == 2 and "was made with another model" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "then a text to search for, or --input FILE"),
        (("今天", "明天", "后天"), "give an INDEX, or a MODEL and a FILE"),
        (("今天", "明天", "--input", "-"), "give an INDEX, or a MODEL and a FILE"),
        (("faq.csv", "今天", "--model", "zh-general"), "--model: for an INDEX"),
        (("今天", "--output", "x.tsv"), "--output: for --input FILE alone"),
        (("--input", "-", "--json"), "--json: for a text alone"),
        (("今天", "--filter", "answer"), "expected COLUMN=VALUE. Received 'answer'"),
        (("今天", "--filter", "answer=甲", "--filter", "answer=乙"), "expected one value of a column"),
        (("今天", "--filter", "colour=red"), "no payload has a column 'colour'. The index has: 'answer'"),
    ],
)
def test_search_takes_no_option_in_vain(index: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run("search", index, *arguments)
    assert result.exit_code == 2 and message in result.stderr


def test_search_loses_no_file(index: Path, tmp_path: Path) -> None:
    asked, rejects = tmp_path / "asked.txt", tmp_path / "rejects.tsv"
    asked.write_text("今天🎉\n\n明天\n", "utf-8")
    for arguments in (
        ("--input", asked, "--output", asked),
        ("--input", asked, "--on-bad-row", "skip", "--rejects", rejects, "--output", rejects),
        ("--input", asked, "--on-bad-row", "skip", "--rejects", asked),
    ):
        assert "would take the place of" in run("search", index, *arguments).stderr
    assert asked.read_text("utf-8").startswith("今天")
    assert "asked.txt, line 2" in run("search", index, "--input", asked).stderr


def test_few_texts_need_no_index(road: Path, tmp_path: Path) -> None:
    (tmp_path / "stored.csv").write_text("id,question\n1,今天天气\n2,怎样还花呗\n3,\n", "utf-8")
    (tmp_path / "asked.txt").write_text("今天天气\n", "utf-8")
    stored = ("search", road / "model", tmp_path / "stored.csv", "--on-bad-row", "skip")
    found = run(*stored, "怎样还花呗", "-k", 1)
    assert found.stdout == "1.0000\tmatch\t2\t怎样还花呗\n" and "1 bad rows left out" in found.stderr
    found = run(*stored, "--input", tmp_path / "asked.txt", "-k", 1)
    assert "今天天气\t1\t" in found.stdout and "among 2 texts" in found.stderr


def test_options_that_say_nothing_are_refused(index: Path, road: Path, tmp_path: Path) -> None:
    alone = run("search", index, "今天天气", "--columns", "question", "--rejects", tmp_path / "r")
    assert alone.exit_code == 2
    assert "--columns, --rejects: for --input FILE, or for MODEL and FILE." in alone.stderr
    both = ("search", road / "model", tmp_path / "faq.csv", "--input", tmp_path / "faq.csv")
    result = run(*both, "--on-bad-row", "skip", "--rejects", tmp_path / "r")
    assert result.exit_code == 2 and "--rejects: for one file alone." in result.stderr
    assert not (tmp_path / "r").exists()
