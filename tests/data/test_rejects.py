from __future__ import annotations

import json
from pathlib import Path

import pytest

from textsim.data.rejects import RejectLog, one_log
from textsim.errors import ConfigError

HEADER = "path\tline\treason\trow"


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_a_row_is_one_line_whatever_it_holds(tmp_path: Path) -> None:
    with RejectLog(tmp_path / "r.tsv") as log:
        log.add("a\tb.tsv", 3, "one\nreason", '甲\t"乙"\n\udc80')
        log.add("a.tsv", 4, "other", "丙")
    header, first, second = lines_of(tmp_path / "r.tsv")
    assert header == HEADER and log.count == 2
    path, line, reason, row = first.split("\t")
    assert (path, line, reason) == ("a b.tsv", "3", "one reason")
    assert json.loads(row) == '甲\t"乙"\n\udc80' and second.endswith('"丙"')


def test_the_file_of_an_earlier_run_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / "r.tsv").write_text("old", encoding="utf-8")
    with RejectLog(tmp_path / "r.tsv"):
        pass
    assert lines_of(tmp_path / "r.tsv") == [HEADER]


def test_rows_that_were_refused_before_an_error_are_kept(tmp_path: Path) -> None:
    with pytest.raises(KeyError), RejectLog(tmp_path / "r.tsv") as log:
        log.add("a.tsv", 1, "reason", "row")
        raise KeyError
    assert len(lines_of(tmp_path / "r.tsv")) == 2


def test_all_that_is_read_shares_one_log(tmp_path: Path) -> None:
    reading = {"on_bad_row": "skip", "rejects": tmp_path / "r.tsv", "header": "no"}
    with one_log(reading) as how:
        assert how["header"] == "no" and isinstance(how["rejects"], RejectLog)
        with one_log(how) as within:
            assert within["rejects"] is how["rejects"]
            within["rejects"].add("a.tsv", 1, "reason", "row")
        how["rejects"].add("b.tsv", 1, "reason", "row")
    assert len(lines_of(tmp_path / "r.tsv")) == 3
    with one_log({"on_bad_row": "error"}) as how:
        assert how == {"on_bad_row": "error"}


def test_a_stream_holds_no_rejects() -> None:
    with pytest.raises(ConfigError, match="rejects go to a file of their own"):
        RejectLog("-")
