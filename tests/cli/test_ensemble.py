"""`textsim ensemble`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import ok
from tests.tiny_models import untrained
from textsim.artifacts.saved_model import load_model, save_model
from textsim.data.dataset import PairDataset


def test_ensemble(road: Path, tmp_path: Path) -> None:
    recipe = load_model(road / "model").recipe
    save_model(untrained(PairDataset.open(road / "dataset"), recipe, seed=1), tmp_path / "second")
    printed = ok(
        "ensemble", road / "model", tmp_path / "second", "--dev", road / "dataset", "--out", tmp_path / "合"
    )
    assert "together" in printed
    scores = [
        json.loads(ok("score", model, "花呗怎么还款", "怎样还花呗", "--json"))["score"]
        for model in (road / "model", tmp_path / "second", tmp_path / "合")
    ]
    assert scores[2] == pytest.approx((scores[0] + scores[1]) / 2, abs=1e-6)
