"""`textsim threshold`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command_line import ok, run


def test_threshold(road: Path, tmp_path: Path) -> None:
    printed = ok("threshold", road / "model", road / "train.tsv", "--out", tmp_path / "新")
    assert "accuracy to expect" in printed and f"model: {tmp_path / '新'}" in printed
    figures = json.loads(ok("threshold", tmp_path / "新", road / "train.tsv", "--json"))
    assert figures["before"]["threshold"] == figures["threshold"]
    assert figures["warnings"] and all(f"warning: {warning}" in printed for warning in figures["warnings"])
    judged = json.loads(ok("evaluate", tmp_path / "新", road / "train.tsv", "--json"))
    assert judged["threshold"] == figures["threshold"]
    result = run("threshold", road / "model", road / "train.tsv", "--min-precision", "2")
    assert result.exit_code == 2
