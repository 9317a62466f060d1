"""The wheel, the resources in it, and the set-up scripts."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata, resources
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts"


@pytest.fixture(scope="module")
def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy, so that nothing left in a build folder can get into it."""
    folder = tmp_path_factory.mktemp("build")
    copy = folder / "copy"
    copy.mkdir()
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("textsim", "resources"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-c", "from setuptools import build_meta; build_meta.build_wheel('..')"],
        cwd=copy,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def test_wheel_carries_code_and_resources(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "textsim").rglob("*.py")}
    data = {
        "textsim/" + path.relative_to(ROOT).as_posix()
        for path in (ROOT / "resources").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert code | data | {"textsim/py.typed"} <= packed
    assert not {name for name in packed if name.startswith(("tests/", "scripts/", "resources/"))}


def test_resources_resolve_when_installed() -> None:
    folder = resources.files("textsim.resources")
    assert folder.joinpath("__init__.py").read_text(encoding="utf-8").startswith('"""Data that travels')


def test_resources_resolve_from_an_unpacked_wheel(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "import textsim, textsim.resources as r; print(textsim.__file__); print(*r.__path__)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": "utf-8"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    package, folder = map(Path, run.stdout.splitlines())
    assert package == tmp_path / "textsim" / "__init__.py"
    assert folder == tmp_path / "textsim" / "resources"


def test_version_is_one(config: configparser.ConfigParser) -> None:
    import textsim

    assert metadata.version("textsim") == textsim.__version__
    assert f"## {textsim.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", ["preprocess.py", "train.py"])
def test_python_scripts_teach(script: str) -> None:
    run = subprocess.run(
        [sys.executable, str(SCRIPTS / script), "--help"], capture_output=True, encoding="utf-8", timeout=60
    )
    assert run.returncode == 0
    assert "Examples:" in run.stdout and "--out" in run.stdout


bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@bash
@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.sh")))
def test_shell_scripts_parse(script: str) -> None:
    subprocess.run(["bash", "-n", str(SCRIPTS / script)], check=True)


def interpreter(folder: Path, version: str, body: str) -> Path:
    """An executable that calls itself Python `version`."""
    path = folder / "python"
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "Python {version}" && exit\n{body}\n')
    path.chmod(0o755)
    return path


@bash
@pytest.mark.parametrize("script", ["quickstart.sh", "test.sh"])
@pytest.mark.parametrize(
    ("version", "body", "message"),
    [
        ("3.8.10", "exit 1", "textsim needs Python 3.10 or newer. Found: Python 3.8.10."),
        (
            "3.12.1",
            'case "$2" in *ensurepip*) exit 1;; esac',
            "has no venv module. On Debian or Ubuntu: apt install",
        ),
    ],
)
def test_setup_says_what_is_missing(
    script: str, version: str, body: str, message: str, tmp_path: Path
) -> None:
    copy = tmp_path / "a 文件夹"
    shutil.copytree(SCRIPTS, copy / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PYTHON": str(interpreter(tmp_path, version, body))}
    run = subprocess.run(
        ["bash", str(copy / "scripts" / script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert run.returncode == 1
    assert message in run.stderr
    assert not (copy / ".venv").exists()
