from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.tiny_models import saved_model
from textsim.artifacts.saved_model import save_model
from textsim.cli.main import main


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "型"
    save_model(saved_model("bilstm-attention"), folder)
    return str(folder)


def test_text_json_page_and_examples(model: str, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("花呗怎么还款\t怎样还花呗\t1\n今天\t天气\t0\n", encoding="utf-8")
    arguments = ["explain", model, "花呗怎么还款", "怎样还花呗", "--examples", str(pairs)]
    shown = CliRunner().invoke(main, [*arguments, "--html", str(tmp_path / "why.html")])
    assert shown.exit_code == 0, shown.output
    assert "base: all tokens unknown" in shown.output and "1\t1.000\t花呗怎么还款" in shown.output
    assert "花" in (tmp_path / "why.html").read_text(encoding="utf-8")
    found = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).output)
    assert {"score", "probability", "decision", "base", "tokens_a", "tokens_b", "matrix"} <= found.keys()
    total = found["base"] + sum(t["contribution"] for t in found["tokens_a"] + found["tokens_b"])
    assert total == pytest.approx(found["score"], abs=1e-5)
    assert set(found["tokens_a"][0]) == {"token", "contribution", "error"} and len(found["examples"]) == 2


def test_what_is_left_out_of_the_examples_is_said(model: str, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("花呗怎么还款\t怎样还花呗\t1\n花呗\t\t1\n", encoding="utf-8")
    arguments = ["explain", model, "花呗", "还款", "--examples", str(pairs), "--on-bad-row", "skip"]
    for more in ([], ["--json"]):
        assert "1 bad rows left out (line 2)" in CliRunner().invoke(main, [*arguments, *more]).stderr


def test_the_page_does_not_take_the_place_of_the_examples(model: str, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("花呗怎么还款\t怎样还花呗\t1\n", encoding="utf-8")
    arguments = ["explain", model, "花呗", "还款", "--examples", str(pairs), "--html", str(pairs)]
    run = CliRunner().invoke(main, arguments)
    assert run.exit_code == 2 and "would take the place of" in run.output
    assert pairs.read_text(encoding="utf-8").startswith("花呗")


def test_reading_options_need_examples(model: str) -> None:
    run = CliRunner().invoke(main, ["explain", model, "花呗", "还款", "--encoding", "gb18030"])
    assert run.exit_code == 2 and "--encoding: for --examples FILE alone" in run.output
