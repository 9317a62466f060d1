from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from textsim.data.row_kinds import TEXTS
from textsim.data.rows import read_rows
from textsim.data.sources import lasting, name_of, open_source, source_list
from textsim.errors import ConfigError, DataFormatError, InputError


@pytest.mark.parametrize(
    ("source", "name", "rows"),
    [
        (pd.DataFrame({"a": ["甲", None], "b": [1, 2]}), "the data frame", [["甲", 1], [None, 2]]),
        (pa.table({"a": ["甲", None], "b": [1, 2]}), "the data frame", [["甲", 1], [None, 2]]),
        ({"a": ["甲", None], "b": np.array([1, 2])}, "the columns", [["甲", 1], [None, 2]]),
        (np.array([[1, 2], [3, 4]]), "the array", [[1, 2], [3, 4]]),
        ((np.array([1, 2]), np.array([3, 4])), "the arrays", [[1, 3], [2, 4]]),
        (iter([("甲", 1), ["乙", 2]]), "the rows", [["甲", 1], ["乙", 2]]),
        (["甲", "乙"], "the rows", [["甲"], ["乙"]]),
        ([{"a": "甲"}, {"b": 1}], "the rows", [{"a": "甲"}, {"b": 1}]),
    ],
)
def test_one_door(source: object, name: str, rows: list[object]) -> None:
    assert name_of(source) == name
    with open_source(source) as table:
        assert list(table.rows) == list(enumerate(rows, 1))


@pytest.mark.parametrize("source", [3, None, b"bytes", object()])
def test_what_holds_no_rows(source: object) -> None:
    with pytest.raises(InputError, match="expected a file, a data frame, arrays or rows"):
        open_source(source)


def test_rows_of_another_kind_than_the_first_are_bad_rows() -> None:
    with open_source([{"a": "甲"}, ("乙",)]) as table:
        assert "expected a mapping, as the first row is" in str([cells for _, cells in table.rows][1])


def test_columns_in_memory_have_no_separator() -> None:
    with pytest.raises(DataFormatError, match=r"^the rows, row 1: expected one column \(text\); of more"):
        list(read_rows([("甲", "a")], TEXTS))
    with pytest.raises(
        DataFormatError, match=r"^the rows, row 2: expected 2 columns as in row 1\. Received 1"
    ):
        list(read_rows([("甲", "a"), ("乙",)], TEXTS, columns=[1]))


def test_how_a_file_is_written_is_said_of_files_alone() -> None:
    with pytest.raises(ConfigError, match="leave them out"):
        open_source([("甲", "乙")], delimiter=";")


def test_one_source_or_several() -> None:
    frame = pd.DataFrame({"a": [1]})
    rows = [("甲", "乙")]
    assert source_list("a.tsv") == ["a.tsv"] and source_list(["a.tsv", Path("b.tsv")]) == [
        "a.tsv",
        Path("b.tsv"),
    ]
    (one,) = source_list(frame)
    assert one is frame and len(source_list([frame, "a.tsv"])) == 2
    assert source_list(rows) == [rows]


def test_what_several_models_read(tmp_path: Path) -> None:
    assert lasting(iter([1, 2]), "the rows") == [1, 2] and lasting("a.tsv", "the rows") == "a.tsv"
    os.mkfifo(tmp_path / "pipe")
    for stream in ("-", tmp_path / "pipe"):
        with pytest.raises(
            InputError, match="each model reads the rows, and a stream is gone after the first"
        ):
            lasting(stream, "the rows")
