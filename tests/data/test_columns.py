"""Which columns of a table are read, where its names tell several."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from textsim.data.detection import detect_kind, has_no_labels
from textsim.data.row_kinds import PAIRS, TEXTS, TRIPLETS, UNLABELED, RowKind
from textsim.data.rows import read_rows
from textsim.errors import DataFormatError


def _csv(path: Path, names: list[str], row: list[Any]) -> Any:
    path.write_text(",".join(names) + "\n" + ",".join(map(str, row)) + "\n", encoding="utf-8")
    return path


def _jsonl(path: Path, names: list[str], row: list[Any]) -> Any:
    path = path.with_suffix(".jsonl")
    path.write_text(json.dumps(dict(zip(names, row, strict=True))) + "\n", encoding="utf-8")
    return path


def _frame(path: Path, names: list[str], row: list[Any]) -> Any:
    return pd.DataFrame([row], columns=names)


def _arrow(path: Path, names: list[str], row: list[Any]) -> Any:
    return pa.table({name: [cell] for name, cell in zip(names, row, strict=True)})


def _records(path: Path, names: list[str], row: list[Any]) -> Any:
    return [dict(zip(names, row, strict=True))]


Make = Callable[[Path, list[str], list[Any]], Any]
sources = pytest.mark.parametrize("make", [_csv, _jsonl, _frame, _arrow, _records])

AMBIGUOUS = [
    (
        PAIRS,
        ["用户问", "相似问", "标准问", "标签"],
        r"several columns may be text_a: '用户问', '相似问'\. .*columns=\['用户问', '标准问', '标签'\]",
    ),
    (
        UNLABELED,
        ["text_a", "sentence1", "sentence2"],
        r"several columns may be text_a: 'text_a', 'sentence1'\. .*columns=\['text_a', 'sentence2'\]",
    ),
    (
        PAIRS,
        ["text_a", "text_b", "title", "class", "score"],
        r"several columns may be label: 'class', 'score'\. .*columns=\['text_a', 'text_b', 'class'\]",
    ),
    (
        UNLABELED,
        ["query", "question1", "title", "text2"],
        r"may be text_a: 'query', 'question1', and text_b: 'title', 'text2'\. ",
    ),
    (TEXTS, ["标题", "内容"], r"several columns may be text: '标题', '内容'\. .*columns=\['标题'\]"),
    (TRIPLETS, ["Anchor", "ANCHOR", "pos", "neg"], r"may be anchor: 'Anchor', 'ANCHOR'\. "),
]


@sources
@pytest.mark.parametrize(("kind", "names", "message"), AMBIGUOUS)
def test_columns_of_several_usual_names_are_asked_about(
    tmp_path: Path, make: Make, kind: RowKind, names: list[str], message: str
) -> None:
    row = ["甲", "乙", "丙", "1", "0"][: len(names) - kind.labeled] + ["1"] * kind.labeled
    with pytest.raises(DataFormatError, match=message):
        read_rows(make(tmp_path / "t.csv", names, row), kind)


@sources
@pytest.mark.parametrize(
    ("kind", "names", "read"),
    [
        (PAIRS, ["sentence1", "sentence2", "text_a", "text_b", "score", "label"], ["丙", "丁"]),
        (UNLABELED, ["query", "Text_A", "title", "TEXT_B"], ["乙", "丁"]),
        (TEXTS, ["title", "text", "content"], ["乙"]),
        (TRIPLETS, ["pos", "anchor", "positive", "negative", "neg"], ["乙", "丙", "丁"]),
        (UNLABELED, ["text_a", "sentence2", "Text_A", "text_b"], ["甲", "丁"]),
    ],
)
def test_the_names_of_the_kind_win(
    tmp_path: Path, make: Make, kind: RowKind, names: list[str], read: list[str]
) -> None:
    row: list[Any] = ["甲", "乙", "丙", "丁", "0", "1"][: len(names)]
    chunk = next(read_rows(make(tmp_path / "t.csv", names, row), kind))
    assert [column[0] for column in chunk.texts] == read
    if chunk.labels is not None:
        assert chunk.labels.tolist() == [1]


@sources
def test_the_answer_names_the_columns(tmp_path: Path, make: Make) -> None:
    source = make(tmp_path / "t.csv", ["用户问", "相似问", "标准问"], ["甲", "乙", "丙"])
    assert next(read_rows(source, UNLABELED, columns=["相似问", "标准问"])).texts == (["乙"], ["丙"])


def test_a_choice_to_make_leaves_the_kind_of_rows_plain(tmp_path: Path) -> None:
    frame = _frame(tmp_path, ["anchor", "positive", "pos", "negative"], ["甲", "乙", "丙", "丁"])
    assert detect_kind(frame) == "triplets"
    frame = _frame(tmp_path, ["query", "text1", "title"], ["甲", "乙", "丙"])
    assert has_no_labels(frame)
    frame = _frame(tmp_path, ["query", "text1", "title", "label", "class"], ["1", "2", "3", "1", "0"])
    assert detect_kind(frame) == "pairs"
