"""Progress bars."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from textsim.io.hashed_reads import HashedReads
from textsim.io.progress import progress_bar


def test_a_bar_counts_and_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(True, "reading", "rows", total=1000) as bar:
        bar.update(250)
        bar.refresh()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "reading:  25%" in shown.err and "250/1.00k" in shown.err and " rows/s" in shown.err
    assert shown.err.endswith("\r")


def test_a_fraction_tells_the_total() -> None:
    with progress_bar(True, "scoring", "pairs") as bar:
        bar.update(10, None)
        assert bar.total is None
        bar.update(10, 0.1)
        assert bar.total == 200
        bar.update(100, 0.5)
        assert bar.total == 240
        # The file grew while it was read.
        bar.update(100, 1.5)
        assert (bar.n, bar.total) == (220, 220)


@pytest.mark.parametrize("shown", [False, None])
def test_none_is_shown_where_nobody_looks(shown: bool | None, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(shown, "reading", "rows", total=2) as bar:
        bar.update(2, 1)
    assert capsys.readouterr() == ("", "")


def test_there_may_be_no_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    with progress_bar(None, "reading", "rows") as bar:
        bar.update()


def test_how_much_of_a_file_was_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 4_000_000)
    reads = HashedReads()
    assert reads.fraction() is None
    with (tmp_path / "a.txt").open("rb") as file:
        reader = reads.reader(file)
        reader.read(1_000_000)
        assert 0.2 < (reads.fraction() or 0) < 0.6
        reader.read()
        assert reads.fraction() == 1
    in_memory = HashedReads()
    in_memory.reader(io.BytesIO(b"x")).read()
    assert in_memory.fraction() is None
