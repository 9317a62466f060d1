"""`textsim train`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.cli.command_line import SMALL, ok, process, run
from textsim.artifacts.saved_model import load_model
from textsim.config.recipes import RECIPES


def test_train_summary_and_settings(road: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    text = ok("train", road / "dataset", "--out", out, *SMALL, "--seed", 3, "--batch-size", 16)
    assert str(out) in text
    # Few pairs, and no recipe named.
    assert text.startswith("recipe      bilstm-few-pairs, the default for 60 pairs\n")
    assert load_model(out).recipe.description == RECIPES["bilstm-few-pairs"].description
    training = json.loads((out / "config.json").read_text(encoding="utf-8"))["recipe"]["training"]
    assert (training["seed"], training["batch_size"], training["epochs"]) == (3, 16, 1)


def test_train_with_teachers_and_without_a_report(road: Path, tmp_path: Path) -> None:
    made = str(road / "model")
    quiet = ok(
        *("train", road / "dataset", "--out", tmp_path / "m", *SMALL),
        *("--teacher", made, "--teacher", made, "--quiet", "--no-report"),
    )
    assert not quiet
    assert (road / "model" / "report.html").exists() and not (tmp_path / "m" / "report.html").exists()
    provenance = json.loads((tmp_path / "m" / "provenance.json").read_text(encoding="utf-8"))
    assert [teacher["name"] for teacher in provenance["teachers"]] == ["model", "model"]
    missing = run("train", road / "dataset", "--out", tmp_path / "no", "--teacher", "zh-genral")
    assert missing.exit_code == 2 and "mean 'zh-general'" in missing.stderr


def test_train_continues_with_settings_for_few_pairs(road: Path, tmp_path: Path) -> None:
    few = ("--dev", road / "dev.tsv", "--vocabulary-from", road / "model", "--out", tmp_path / "few")
    ok("preprocess", road / "train.tsv", *few)
    ok("train", tmp_path / "few", "--init", road / "model", "--out", tmp_path / "二", "--epochs", "2")
    begun, saved = (load_model(path).recipe for path in (road / "model", tmp_path / "二"))
    assert saved == begun.for_continuing().replace(["training.epochs=2"])
    assert saved.encoder == begun.encoder and saved.training.batch_size < begun.training.batch_size
    ok(
        *("train", tmp_path / "few", "--init", road / "model", "--out", tmp_path / "三"),
        *("--recipe", "bilstm-attention", *SMALL),
    )
    assert load_model(tmp_path / "三").recipe.training.batch_size == begun.training.batch_size


def test_train_refuses_before_it_reads(tmp_path: Path) -> None:
    result = run("train", tmp_path, "--out", tmp_path / "model", "--recipe", "bilstm-manhatan")
    assert result.exit_code == 2
    assert result.stderr.startswith("ConfigError: unknown recipe 'bilstm-manhatan'.")
    assert "Did you mean 'bilstm-manhattan'?" in result.stderr


def test_train_says_only_what_it_does(road: Path, tmp_path: Path) -> None:
    """TensorFlow's C++ side has nothing to say to the user (that of older releases cannot be silenced)."""
    import tensorflow as tf

    if tuple(map(int, tf.__version__.split(".")[:2])) < (2, 21):
        pytest.skip(f"TensorFlow {tf.__version__} logs what it compiles")
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    result = process("train", road / "dataset", "--out", tmp_path / "model", *SMALL, env=environment)
    assert result.returncode == 0
    loading, compiling, epoch, report = result.stderr.splitlines()
    assert re.fullmatch(r"report\.html: \d+\.\d s", report)
    assert loading == "loading TensorFlow" and compiling.startswith("compiling the training step: ")
    assert re.fullmatch(r"epoch 1/1  loss \S+  validation loss \S+  accuracy \S+  AUC \S+  \d+ s", epoch)
    quiet = process(
        "train", road / "dataset", "--out", tmp_path / "quiet", *SMALL, "--quiet", env=environment
    )
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
