"""What stands beside an output while it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from textsim.io.siblings import locked_sibling


def test_a_signal_before_the_block_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupted(path: Path) -> None:
        path.mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), locked_sibling(tmp_path / "out", interrupted):
        raise AssertionError
    assert not list(tmp_path.iterdir())


def test_a_block_that_never_begins_leaves_nothing_behind(tmp_path: Path) -> None:
    opening = locked_sibling(tmp_path / "out", Path.mkdir)
    path = opening.gen.send(None)  # type: ignore[attr-defined]
    assert path.is_dir()
    opening.gen.close()  # type: ignore[attr-defined]
    assert not list(tmp_path.iterdir())


def test_what_an_error_leaves_is_the_blocks_own_to_remove(tmp_path: Path) -> None:
    with pytest.raises(ValueError), locked_sibling(tmp_path / "out", Path.touch) as path:
        raise ValueError
    assert path.exists()
