from __future__ import annotations

from collections.abc import Iterator

import pytest

from textsim.data.formats import table
from textsim.data.formats.table import Cells, Malformed, Table, is_blank, rows_of, without_blank_end


@pytest.mark.parametrize(
    ("cells", "blank"),
    [
        ([], True),
        (["", " ", None, "\u3000"], True),
        (["", 0], False),
        (["甲"], False),
        ({}, False),
        (Malformed("a reason", ""), False),
    ],
)
def test_blank_rows(cells: Cells, blank: bool) -> None:
    assert is_blank(cells) == blank


def test_blank_rows_are_left_out_at_the_end_alone() -> None:
    rows: list[tuple[int, Cells]] = [(1, ["a"]), (2, []), (3, [""]), (4, ["b"]), (5, []), (6, [" "])]
    assert list(without_blank_end(iter(rows))) == rows[:4]


def test_memory_holds_some_blank_rows_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_MOST_BLANK_ROWS", 3)
    read = 0

    def blank() -> Iterator[tuple[int, Cells]]:
        nonlocal read
        for read in range(1, 11):
            yield read, []

    left = without_blank_end(blank())
    assert next(left) == (1, []) and read == 4
    assert [number for number, _ in left] == [2, 3, 4, 5, 6, 7]


def test_rows_are_looked_at_and_put_back() -> None:
    rows = Table("a.tsv", "tsv", iter([(1, ["a"]), (2, ["b"]), (3, ["c"])]), "tab-separated")
    seen = rows.take_until(lambda cells: cells == ["b"])
    assert seen == [(1, ["a"]), (2, ["b"])]
    rows.put_back(seen)
    assert [number for number, _ in rows.rows] == [1, 2, 3]
    assert rows.where(2) == "a.tsv, line 2"


def test_rows_of_blocks_are_numbered_through() -> None:
    blocks = iter([[["a", "b"], [1, 2]], [["c"], [3]]])
    assert list(rows_of(blocks)) == [(1, ["a", 1]), (2, ["b", 2]), (3, ["c", 3])]
