"""A bare `pip install textsim` scores; what needs more says which extra brings it, in one line."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import saved_model
from textsim.artifacts.saved_model import save_model
from textsim.extras import EXTRAS, needed_for

ROOT = Path(__file__).parents[1]

RUN_BARE = """
import contextlib, importlib.abc, io, json, sys, traceback

missing, commands = json.loads(sys.argv[1])


class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Missing())
from textsim.cli.main import main

results = []
for command in commands:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(command, prog_name="textsim")
        except SystemExit as end:
            code = end.code
        except BaseException:
            code = traceback.format_exc()
    results.append((code or 0, *(stream.buffer.getvalue().decode() for stream in (out, err))))
print(json.dumps(results))
"""
"""Runs commands, one after another, where packages are missing."""


def run_bare(*commands: list[Any]) -> list[tuple[int, str, str]]:
    """What commands do in a process that finds none of the packages of the extras: code, output, errors."""
    given = json.dumps([["pandas", *EXTRAS], [list(map(str, command)) for command in commands]])
    run = subprocess.run(
        [sys.executable, "-c", RUN_BARE, given],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    return [tuple(result) for result in json.loads(run.stdout)]


def test_every_optional_library_is_in_its_extra() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    distributions = {
        "fastapi_swagger": "fastapi-swagger",
        "prometheus_client": "prometheus-client",
        "sklearn": "scikit-learn",
    }

    def names(listed: str) -> set[str]:
        return {re.split(r"[ \[]", line)[0] for line in listed.split("\n") if line}

    extras = parser["options.extras_require"]
    assert not names(parser["options"]["install_requires"]) & {
        distributions.get(name, name) for name in EXTRAS
    }
    for name, extra in EXTRAS.items():
        assert distributions.get(name, name) in names(extras[extra])


def test_a_missing_library_that_no_extra_brings_stays_what_it_is() -> None:
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_thing'"), needed_for("a test"):
        import no_such_thing  # type: ignore[import-not-found]  # noqa: F401


def test_public_names_say_what_they_need() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['keras', 'tensorflow']))\n"
        "import textsim\n"
        "try:\n    textsim.train\nexcept textsim.MissingDependencyError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert run.stdout == "textsim.train needs keras, which is not installed: pip install 'textsim[train]'.\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bare")
    pairs = "text_a\ttext_b\tlabel\n花呗怎么还款\t怎样还花呗\t1\n今天天气\t怎样还花呗\t0\n"
    (folder / "pairs.tsv").write_text(pairs, encoding="utf-8")
    (folder / "texts.txt").write_text("怎样还花呗\n今天天气\n", encoding="utf-8")
    (folder / "vectors.csv").write_text(",".join(map(str, range(24))) + "\n", encoding="utf-8")
    save_model(saved_model("vector-l1"), folder / "vector-model")
    return folder


def test_scoring_needs_no_extra(files: Path) -> None:
    pairs, texts = files / "pairs.tsv", files / "texts.txt"
    commands: list[list[Any]] = [
        ["score", "zh-general", "花呗怎么还款", "怎样还花呗"],
        ["score", "zh-general", "--input", pairs, "--output", files / "scores.tsv"],
        ["score", files / "vector-model", "--input", files / "vectors.csv", "--header", "no"],
        ["encode", "zh-general", "--input", texts, "--output", files / "vectors.npy"],
        ["index", "build", "zh-general", texts, "--out", files / "index"],
        ["search", files / "index", "花呗怎么还款"],
        ["search", files / "index", "--input", texts, "--output", files / "hits.tsv"],
        ["explain", "zh-general", "花呗怎么还款", "怎样还花呗"],
        ["info", "zh-general"],
        ["models"],
        ["recipes"],
        ["recipes", "cnn"],
        ["preprocess", pairs, "--out", files / "dataset"],
        ["mine", pairs, "--teacher", "zh-general", "--out", files / "mined.tsv"],
        ["--help"],
        ["train", "--help"],
    ]
    for command, (code, out, err) in zip(commands, run_bare(*commands), strict=True):
        assert code == 0, f"{command}: {code} {err}"
        assert out or command[0] in ("score", "encode", "index", "search", "mine")


def test_what_needs_more_says_which_extra(files: Path) -> None:
    pairs, new = files / "pairs.tsv", files / "new"
    (files / "pairs.parquet").write_bytes(b"PAR1")
    needs: list[tuple[list[Any], str, str]] = [
        (["train", files, "--out", new, "--quiet", "--recipe", "cnn"], "keras", "train"),
        (["train", files, "--out", new, "--quiet", "--init", "zh-general"], "keras", "train"),
        (["evaluate", "zh-general", pairs], "scipy", "train"),
        (["calibrate", "zh-general", pairs], "scipy", "train"),
        (["preprocess", pairs, "--out", new, "--train-vectors", 8], "gensim", "train"),
        (["preprocess", pairs, "--out", new, "--tokenizer", "jieba"], "jieba", "jieba"),
        (
            ["preprocess", pairs, "--out", new, "--tokenizer", "jieba", "--segmenter", "rjieba"],
            "rjieba",
            "fast",
        ),
        (["preprocess", pairs, "--out", new, "--simplify"], "opencc", "opencc"),
        (["score", "zh-general", "--simplify", "一", "二"], "opencc", "opencc"),
        (["score", "zh-general", "--input", files / "pairs.parquet"], "pyarrow", "parquet"),
    ]
    done = run_bare(*(command for command, _, _ in needs))
    for (command, package, extra), (code, out, err) in zip(needs, done, strict=True):
        assert (code, out) == (2, ""), f"{command}: {code} {err}"
        says = f" needs {package}, which is not installed: pip install 'textsim[{extra}]'.\n"
        assert err.startswith("MissingDependencyError: ") and err.endswith(says) and err.count("\n") == 1
    assert not list(files.glob("new*"))


@pytest.mark.parametrize("image", ["docker", "service"])
def test_the_image_takes_what_is_there_and_runs_without_root(image: str) -> None:
    folder = ROOT / "examples" / image
    instructions = [
        line.split(maxsplit=1)
        for line in (folder / "Dockerfile").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    copied = [
        name
        for instruction, rest in instructions
        if instruction == "COPY" and "--from" not in rest
        for name in rest.split()[:-1]
    ]
    assert all((ROOT / name).exists() for name in copied)
    sent = [
        line[1:]
        for line in (folder / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
        if line[0] == "!"
    ]
    assert all(any(name == path or name.startswith(f"{path}/") for path in sent) for name in copied)
    users = [rest for instruction, rest in instructions if instruction == "USER"]
    assert users and users[-1] not in ("root", "0")
    assert sum(instruction == "FROM" for instruction, _ in instructions) == 2
    assert any(instruction == "HEALTHCHECK" for instruction, _ in instructions)


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs sh")
def test_the_image_is_healthy_where_its_command_scores(tmp_path: Path) -> None:
    script = ROOT / "examples" / "docker" / "health.sh"
    for says, code in (("0.9\tmatch", 0), ("0.1\tno match", 0), ("", 1)):
        command = tmp_path / "textsim"
        command.write_text(f"#!/bin/sh\nprintf '{says}\\n'\n")
        command.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        assert subprocess.run(["sh", str(script)], env=environment).returncode == code
