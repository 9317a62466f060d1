"""Parts of one's own on the command line: through `--import`, and as an installed package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_line import process

MODULE = '''
from textsim.registry import TOKENIZERS
from textsim.text.tokenizers import CharTokenizer


@TOKENIZERS.register("backwards")
class Backwards(CharTokenizer):
    """Characters from the last to the first."""

    def tokenize(self, text):
        return super().tokenize(text)[::-1]
'''
PAIRS = "花呗怎么还款\t怎样还花呗\t1\n今天天气\t怎样还花呗\t0\n"
DEV = "忘了密码怎么办\t密码找不回来\t1\n忘了密码怎么办\t明天几点开门\t0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my_parts.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "pairs.tsv").write_text(PAIRS, encoding="utf-8")
    (tmp_path / "dev.tsv").write_text(DEV, encoding="utf-8")
    return tmp_path


ARGUMENTS = (
    "preprocess",
    "pairs.tsv",
    "--dev",
    "dev.tsv",
    "--out",
    "dataset",
    "--tokenizer",
    "backwards",
    "--quiet",
)


def test_a_module_of_the_working_folder(folder: Path) -> None:
    result = process("--import", "my_parts", *ARGUMENTS, cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    tokenizer = (folder / "dataset" / "tokenizer.json").read_text(encoding="utf-8")
    assert "backwards" in tokenizer
    result = process(*ARGUMENTS, cwd=folder)
    assert result.returncode == 2 and "import that first (--import)." in result.stderr


def test_keras_runs_on_tensorflow_whatever_it_is_set_to(folder: Path) -> None:
    (folder / "my_layers.py").write_text("import keras; print(keras.config.backend())")
    result = process(
        "--import", "my_layers", "models", cwd=folder, env={**os.environ, "KERAS_BACKEND": "jax"}
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("tensorflow\n")


def test_a_module_that_is_not_there(folder: Path) -> None:
    result = process("--import", "my_part", "models", cwd=folder)
    assert result.returncode == 2
    assert result.stderr == "--import my_part: there is no module 'my_part', here or installed.\n"
    (folder / "broken.py").write_text("import no_such_thing\n")
    result = process("--import", "broken", "models", cwd=folder)
    assert result.returncode == 1 and "No module named 'no_such_thing'" in result.stderr


def test_a_package_that_names_its_parts(folder: Path) -> None:
    (folder / "setup.cfg").write_text(
        "[metadata]\nname = my-parts\nversion = 1\n[options]\npy_modules = my_parts\n"
        "[options.entry_points]\ntextsim.parts =\n    mine = my_parts\n"
    )
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    )
    install = [
        "install",
        "--quiet",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
        "--target",
        "site",
        ".",
    ]
    subprocess.run([sys.executable, "-m", "pip", *install], cwd=folder, check=True, capture_output=True)
    (folder / "my_parts.py").unlink()
    path = os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")])
    result = process(*ARGUMENTS, cwd=folder, env={**os.environ, "PYTHONPATH": path})
    assert (result.returncode, result.stderr) == (0, "")
