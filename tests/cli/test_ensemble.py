"""`textsim ensemble`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import SMALL, ok


def test_ensemble(road: Path, tmp_path: Path) -> None:
    quiet = ok("train", road / "dataset", "--out", tmp_path / "second", "--quiet", *SMALL, "--seed", "1")
    assert not quiet
    printed = ok(
        "ensemble", road / "model", tmp_path / "second", "--dev", road / "dataset", "--out", tmp_path / "合"
    )
    assert "together" in printed
    scores = [
        json.loads(ok("score", model, "花呗怎么还款", "怎样还花呗", "--json"))["score"]
        for model in (road / "model", tmp_path / "second", tmp_path / "合")
    ]
    assert scores[2] == pytest.approx((scores[0] + scores[1]) / 2, abs=1e-6)
