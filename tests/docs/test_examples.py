"""The scripts of examples/ run, on small files."""

from __future__ import annotations

import os
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

EXAMPLES = ROOT / "examples"
Run = Callable[..., str]


@pytest.fixture
def example(
    stage: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    own_registries: None,
) -> Run:
    """Runs a script in an empty folder and gives what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_every_example_is_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES.glob("*.py") if f"({path.name})" not in listed] == []


def test_train_on_your_pairs(example: Run, stage: Path, tmp_path: Path) -> None:
    printed = example("train_on_your_pairs.py", "--train", f"{stage}/train.tsv", "--dev", f"{stage}/dev.tsv")
    assert "ROC AUC" in printed and "登录密码怎么修改 | 登录名怎么修改 | 0." in printed
    assert (tmp_path / "runs/example/model/README.md").exists()


def test_faq_answers_or_hands_over(example: Run, tmp_path: Path) -> None:
    assert "重设" in example("faq.py", "忘记密码怎么办？")
    assert "转人工" in example("faq.py", "附近有什么好吃的")
    (tmp_path / "faq.tsv").write_text("question\tanswer\n怎么退货\t七天之内都可以\n", encoding="utf-8")
    assert "七天" in example("faq.py", "--faq", "faq.tsv", "怎么退货")


def test_deduplicate_groups_what_means_the_same(example: Run, tmp_path: Path) -> None:
    printed = example("deduplicate.py").splitlines()
    assert "怎样还花呗\t花呗怎么还款" in printed
    assert "发票怎么开" in printed
    (tmp_path / "texts.txt").write_text("怎么退货\n怎么退货\n发票怎么开\n", encoding="utf-8")
    assert example("deduplicate.py", "texts.txt").endswith("2 texts, 2 of them different\n")


def test_numeric_vectors(example: Run, stage: Path) -> None:
    printed = example(
        "numeric_vectors.py", "--train", f"{stage}/vectors.csv", "--dev", f"{stage}/vectors.csv"
    )
    assert "ROC AUC" in printed and "[[1." in printed


def test_own_part_scores_without_keras(
    example: Run, stage: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    shutil.copytree(stage / "dataset", tmp_path / "dataset")
    score = float(example("own_part.py", "dataset", "model").splitlines()[-1])
    assert 0 < score < 1
    assert not [warning for warning in recwarn if "ONNX" in str(warning.message)]
    assert os.path.isdir("model")
