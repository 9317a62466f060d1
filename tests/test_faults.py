"""The campaigns of faults in small, and that they find what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
SEEDS = Path(__file__).parent / "fuzz_seeds"
sys.path.insert(0, str(SCRIPTS))

from campaigns import flip, fuzz, hostile, soak  # noqa: E402


@pytest.mark.parametrize(("campaign", "count"), [(flip, 40), (hostile, 40), (fuzz, 300)])
def test_nothing_is_wrong_in_small(campaign: Any, count: int, tmp_path: Path) -> None:
    outcome = campaign.run(11, count, tmp_path)
    assert (outcome.trials, outcome.problems) == (count, [])
    assert outcome.counts["refused"] > count / 4


def test_threads_give_the_same_bits(tmp_path: Path) -> None:
    outcome = soak.run(0, 4, tmp_path, seconds=1.0)
    assert outcome.problems == [] and outcome.trials > 4


def test_kills_lose_nothing() -> None:
    command = [sys.executable, SCRIPTS / "faults.py", "kill", "--count", "3"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert (done.returncode, done.stderr.count("PROBLEM")) == (0, 0), done.stderr
    assert "kill --seed 0: 3 trials: " in done.stdout and "; 0 problems" in done.stdout


@pytest.mark.parametrize("path", sorted(SEEDS.iterdir()), ids=lambda path: path.name)
def test_what_once_failed_is_refused_or_read(path: Path, tmp_path: Path) -> None:
    error = fuzz.replay(path, tmp_path)
    assert error is None or isinstance(error, fuzz.TextsimError)


def test_files_that_are_not_verified_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textsim.artifacts.saved_model.verify_files", lambda *_, **__: None)
    outcome = flip.run(0, 70, tmp_path)
    assert any("read as another, and nothing said" in problem for problem in outcome.problems)


def test_a_reader_that_trusts_a_manifest_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trusting(folder: Path) -> None:
        for name in json.loads((folder / "manifest.json").read_bytes())["files"]:
            (folder / name).read_bytes()

    monkeypatch.setattr(hostile, "observe", trusting)
    outcome = hostile.run(0, 60, tmp_path)
    assert any("Error: " in problem for problem in outcome.problems) and outcome.counts["failed"]


def test_errors_that_are_not_textsims_are_found_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(path: Path) -> None:
        int(path.read_bytes().split()[0])

    target = fuzz.Target(".txt", (b"1 2",), careless)
    monkeypatch.setattr(fuzz, "_targets", lambda: {"numbers": target})
    outcome = fuzz.run(0, 50, tmp_path, keep=tmp_path / "kept")
    kept = sorted((tmp_path / "kept").iterdir())
    assert len(kept) == len(outcome.problems) > 0
    assert isinstance(fuzz.replay(kept[0], tmp_path), ValueError | IndexError)
