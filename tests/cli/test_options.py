"""Options that several commands share, and completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_line import ok, run
from tests.tiny_models import saved_model
from textsim.artifacts.saved_model import save_model


def test_unknown_option_suggests() -> None:
    result = run("train", "dataset", "--out", "model", "--recipies", "cnn")
    assert result.exit_code == 2
    assert "--recipe" in result.stderr


def completions(*words: str) -> list[str]:
    environment = {
        **os.environ,
        "_TEXTSIM_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["textsim", *words]),
        "COMP_CWORD": str(len(words)),
    }
    command = [sys.executable, "-c", "from textsim.cli.main import main; main(prog_name='textsim')"]
    result = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True)
    return result.stdout.splitlines()


def test_completion_knows_names() -> None:
    assert completions("train", "data", "--recipe", "bilstm-m") == ["plain,bilstm-manhattan"]
    assert completions("preprocess", "--tokenizer", "j") == ["plain,jieba"]
    assert completions("recipes", "cn") == ["plain,cnn"]
    assert completions("score", "mod")[0] == "file,mod"


def test_simplify(road: Path, demo: Path, tmp_path: Path) -> None:
    convert = pytest.importorskip("opencc").OpenCC("s2t").convert
    model = road / "model"
    for name in ("train.tsv", "dev.tsv"):
        text = convert((road / name).read_text(encoding="utf-8"))
        (tmp_path / name).write_text(text, encoding="utf-8")
    texts = ("花呗怎么还款", "怎样还花呗")
    assert ok("score", model, "--simplify", *map(convert, texts)) == ok("score", model, *texts)
    (tmp_path / "a.txt").write_text("\n".join(texts), encoding="utf-8")
    (tmp_path / "b.txt").write_text(convert("\n".join(texts)), encoding="utf-8")
    for name, options in (("a", ()), ("b", ("--simplify",))):
        ok(
            *("encode", model, "--input", tmp_path / f"{name}.txt", *options),
            *("--output", tmp_path / f"{name}.npy"),
        )
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    for command in ("evaluate", "calibrate"):
        plain = json.loads(ok(command, model, road / "dev.tsv", "--json"))
        simplified = json.loads(ok(command, model, tmp_path / "dev.tsv", "--simplify", "--json"))
        assert {**plain, "seconds": 0} == {**simplified, "seconds": 0}
    # A model that is made of simplified texts needs no option.
    rows = ("preprocess", tmp_path / "train.tsv", "--dev", tmp_path / "dev.tsv")
    ok(*rows, "--vocabulary-from", model, "--simplify", "--out", tmp_path / "dataset")
    ok("train", tmp_path / "dataset", "--init", model, "--out", tmp_path / "model", "--epochs", 1, "--quiet")
    scored = ok("score", tmp_path / "model", *texts)
    assert ok("score", tmp_path / "model", *map(convert, texts)) == scored


def test_simplify_is_for_texts(tmp_path: Path) -> None:
    save_model(saved_model("vector-l1"), tmp_path / "vectors")
    (tmp_path / "rows.csv").write_text("a1,b1,label\n1,2,1\n", encoding="utf-8")
    for command in (
        ("score", tmp_path / "vectors", "--input", tmp_path / "rows.csv"),
        ("evaluate", tmp_path / "vectors", tmp_path / "rows.csv"),
        ("calibrate", tmp_path / "vectors", tmp_path / "rows.csv"),
        ("encode", tmp_path / "vectors", "--input", tmp_path / "rows.csv", "--output", tmp_path / "v.npy"),
    ):
        result = run(*command, "--simplify")
        expected = (
            "needs a model of kind 'text'"
            if command[0] == "encode"
            else "simplify: expected a model of texts"
        )
        assert result.exit_code == 2 and expected in result.stderr


def test_labelled_rows_from_a_stream(road: Path) -> None:
    rows = (road / "dev.tsv").read_bytes()
    for command in ("evaluate", "calibrate"):
        from_file = json.loads(ok(command, road / "model", road / "dev.tsv", "--json"))
        from_stream = json.loads(ok(command, road / "model", "-", "--json", stdin=rows))
        assert {**from_file, "seconds": 0} == {**from_stream, "seconds": 0}
