"""`textsim compare`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import ok, run


def test_text_and_json(road: Path) -> None:
    model, dev = road / "model", road / "dev.tsv"
    text = ok("compare", model, "zh-general", dev)
    assert text.startswith("30 pairs        a         b\n") and "McNemar p = " in text
    found = json.loads(ok("compare", model, "zh-general", dev, "--json"))
    assert found.keys() >= {"a", "b", "difference", "low", "high", "p_value"}
    assert found["difference"] == pytest.approx(found["a"]["accuracy"] - found["b"]["accuracy"])
    assert found["low"] <= found["difference"] <= found["high"] and 0 <= found["p_value"] <= 1
    turned = json.loads(ok("compare", "zh-general", model, dev, "--json"))
    assert turned["difference"] == pytest.approx(-found["difference"])
    assert (turned["only_a"], turned["only_b"]) == (found["only_b"], found["only_a"])
    # The accuracy of a is that of `evaluate` at the model's own threshold.
    alone = json.loads(ok("evaluate", model, dev, "--json"))
    assert found["a"]["accuracy"] == alone["accuracy_at_threshold"]


def test_a_model_with_itself(road: Path) -> None:
    found = json.loads(ok("compare", road / "model", road / "model", road / "dev.tsv", "--json"))
    assert (found["difference"], found["p_value"], found["only_a"]) == (0, 1, 0)


def test_the_rows_that_a_dataset_keeps(road: Path) -> None:
    kept = road / "dataset" / "dev.rows.csv"
    found = json.loads(ok("compare", road / "model", "zh-general", kept, "--json"))
    assert found == json.loads(ok("compare", road / "model", "zh-general", road / "dev.tsv", "--json"))


def test_what_is_left_out_is_said(road: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.tsv"
    path.write_text((road / "dev.tsv").read_text(encoding="utf-8") + "只有一句\t\t1\n", encoding="utf-8")
    skipped = run("compare", road / "model", "zh-general", path, "--on-bad-row", "skip", "--json")
    assert skipped.exit_code == 0 and "1 bad rows left out (line 32)" in skipped.stderr
    assert skipped.stdout == ok("compare", road / "model", "zh-general", road / "dev.tsv", "--json")


def test_mistakes(road: Path) -> None:
    missing = run("compare", road / "model", "no-such-model", road / "dev.tsv")
    assert missing.exit_code == 2 and "no-such-model" in missing.stderr and "Traceback" not in missing.output
    (road / "unlabelled.tsv").write_text("text_a\ttext_b\n你好\t好\n", encoding="utf-8")
    refused = run("compare", road / "model", "zh-general", road / "unlabelled.tsv")
    assert refused.exit_code == 2 and "label" in refused.stderr
