from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from textsim.cli.main import main
from textsim.config.cores import THREADS, available_cores, share_cores
from textsim.config.recipes import RECIPES


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in THREADS:
        # Set first, so that what a test leaves is taken away again.
        monkeypatch.setenv(name, "0")
        monkeypatch.delenv(name)


def settings() -> list[str | None]:
    return [os.environ.get(name) for name in THREADS]


@pytest.mark.parametrize(("cores", "expected"), [(1, ["1", "1"]), (2, ["1", "2"]), (8, ["4", "8"])])
def test_each_direction_has_half_of_the_cores(
    cores: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textsim.config.cores.available_cores", lambda: cores)
    share_cores(RECIPES["bilstm-attention"])
    assert settings() == expected


def test_other_encoders_keep_all_cores() -> None:
    for name in ("cnn", "transformer", "word-vectors", "vector-l1"):
        share_cores(RECIPES[name])
    assert settings() == [None, None]


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS[1], "3")
    share_cores(RECIPES["bilstm-attention"])
    assert settings() == [None, "3"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_cores_are_those_that_the_process_may_use() -> None:
    program = (
        "import os, textsim.config.cores\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "print(textsim.config.cores.available_cores())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "1"
    assert available_cores() >= 1


def test_the_train_command_shares_cores_before_it_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from textsim.training import trainer

    seen = []

    class Result:
        def summary(self) -> str:
            return "trained"

    def train(*_: object, **__: object) -> Result:
        seen.append(settings())
        return Result()

    monkeypatch.setattr(trainer, "train", train)
    done = CliRunner().invoke(
        main, ["train", str(tmp_path), "--out", str(tmp_path / "model"), "--recipe", "bilstm-attention"]
    )
    assert done.exit_code == 0, done.output
    cores = available_cores()
    assert seen == [[str(max(1, cores // 2)), str(cores)]]
