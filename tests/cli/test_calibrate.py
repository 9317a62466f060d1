"""`textsim calibrate`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command_line import ok, run


def test_calibrate(road: Path, tmp_path: Path) -> None:
    printed = ok("calibrate", road / "model", road / "train.tsv", "--out", tmp_path / "新")
    assert "precision" in printed and f"model: {tmp_path / '新'}" in printed
    figures = json.loads(ok("calibrate", tmp_path / "新", road / "train.tsv", "--json"))
    assert set(figures) == {"pairs", "method", "ece", "brier", "log_loss", "match", "no_match", "unsure"}
    judged = json.loads(ok("evaluate", tmp_path / "新", road / "train.tsv", "--json"))
    assert judged["threshold"] == figures["match"]["score"]


def test_what_is_out_of_reach_ends_with_3_and_no_model(road: Path, tmp_path: Path) -> None:
    arguments = ("calibrate", road / "model", road / "train.tsv", "--out", tmp_path / "新")
    result = run(*arguments, "--match-precision", "0.9999", "--json")
    assert result.exit_code == 3 and not (tmp_path / "新").exists()
    assert json.loads(result.stdout)["match"]["reachable"] is False
    assert "cannot be shown" in result.stderr


def test_targets_that_exclude_each_other(road: Path) -> None:
    result = run("calibrate", road / "model", road / "train.tsv", "--best-f1", "--match-precision", "0.9")
    assert result.exit_code == 2 and "one kind of them" in result.stderr
    assert run("calibrate", road / "model", road / "train.tsv", "--match-precision", "2").exit_code == 2
