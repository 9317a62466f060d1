"""Commands that are killed at random moments: what stood there stands, and the next run ends as if nothing had been."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from campaigns.common import Outcome, digest, ending_when_interrupted, write_model, write_pairs

TRAINING = 8
"""One trial in so many trains: starting TensorFlow takes longest."""


@dataclass(frozen=True)
class Job:
    """A command to kill.

    Attributes:
        name: for messages.
        arguments: of `textsim`, but for the output.
        output: the option that names it.
        replaces: whether something of the kind stands there already.
        compared: files that do not tell how long the run took; all where there are none.
    """

    name: str
    arguments: tuple[str, ...]
    output: str = "--out"
    replaces: bool = False
    compared: tuple[str, ...] = ()

    def command(self, out: Path) -> list[str]:
        return [*self.arguments, self.output, str(out), *(["--overwrite"] if self.replaces else [])]


def run(seed: int, count: int, work: Path) -> Outcome:
    """Kills `count` commands."""
    outcome = Outcome()
    rng = np.random.default_rng(seed)
    jobs = _jobs(work, rng)
    trains = jobs.pop()
    before: dict[str, dict[str, str]] = {}
    after: dict[str, dict[str, str]] = {}
    seconds: dict[str, float] = {}
    for trial in ending_when_interrupted(range(count)):
        job = trains if trial % TRAINING == TRAINING - 1 else jobs[int(rng.integers(len(jobs)))]
        where = f"kill --seed {seed}, trial {trial}, {job.name}"
        folder = work / "trial"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if job.name not in after:
            out = _fresh(job, folder, work)
            before[job.name] = _seen(job, out)
            began = time.perf_counter()
            if (code := _run(job, out, folder / "log")) != 0:
                raise SystemExit(f"{job.name} fails by itself ({code}): {(folder / 'log').read_text()}")
            seconds[job.name] = time.perf_counter() - began
            after[job.name] = _seen(job, out)
            shutil.rmtree(folder)
            folder.mkdir()
        out = _fresh(job, folder, work)
        # Most of what can be lost is lost at the end.
        moment = seconds[job.name] * (rng.random() if trial % 2 else rng.beta(8, 2)) * 1.1
        code = _run(job, out, folder / "log", moment)
        found = _seen(job, out)
        if found not in ([before[job.name], after[job.name]] if job.replaces else [{}, after[job.name]]):
            outcome.problem(f"{where}, after {moment:.3f} s: neither the old nor the new stands there")
        if found != after[job.name] or job.replaces:
            again = _run(job, out, folder / "log")
            log = (folder / "log").read_text("utf-8", "replace")
            if again != 0 or "Traceback" in log:
                outcome.problem(
                    f"{where}, after {moment:.3f} s: the next run ends with {again}: {log[-300:]}"
                )
            elif _seen(job, out) != after[job.name]:
                outcome.problem(f"{where}, after {moment:.3f} s: the next run ends in other bytes")
        left = sorted(set(os.listdir(folder)) - {"log", out.name})
        if left and not (code == 0 or found == after[job.name]):
            outcome.problem(
                f"{where}, after {moment:.3f} s: left behind after the next run: {', '.join(left)}"
            )
        outcome.count("ended before" if code == 0 else "killed")
    return outcome


def _jobs(work: Path, rng: np.random.Generator) -> list[Job]:
    pairs = write_pairs(work / "pairs.tsv", rng, 1000)
    few = write_pairs(work / "few.tsv", rng, 200)
    models = [str(write_model(work / f"model-{k}", "cnn", seed=k)) for k in range(2)]
    preprocess = ("preprocess", str(pairs), "--dev-fraction", "0.2", "--quiet")
    dataset = Job("dataset", ("preprocess", str(few), "--dev-fraction", "0.3", "--quiet"))
    if _run(dataset, work / "dataset", work / "log") != 0:
        raise SystemExit((work / "log").read_text())
    settings = ("--recipe", "cnn", "--epochs", "3", "--quiet", "--set", "encoder.filters=4")
    small = ("--set", "embedding.dim=6", "--set", "head.units=[4]")
    weights = ("weights.npz", "config.json", "vocabulary.txt", "tokenizer.json")
    return [
        Job("preprocess", preprocess),
        Job("preprocess --overwrite", preprocess, replaces=True),
        Job("score", ("score", models[0], "--input", str(pairs), "--columns", "1,2", "--quiet"), "--output"),
        Job("calibrate", ("calibrate", models[0], str(few)), compared=weights),
        Job("calibrate --overwrite", ("calibrate", models[0], str(few)), replaces=True, compared=weights),
        Job("ensemble", ("ensemble", *models, "--dev", str(few), "--quiet"), compared=weights),
        # Beside these, an index that was open when its process was killed has SQLite's empty log.
        Job(
            "index build",
            ("index", "build", models[0], str(pairs), "--columns", "1", "--quiet"),
            compared=("manifest.json", "rows.sqlite"),
        ),
        Job("train", ("train", str(work / "dataset"), *settings, *small), compared=weights),
    ]


def _fresh(job: Job, folder: Path, work: Path) -> Path:
    """The output of a trial, where something of the kind stands if the job replaces it."""
    out = folder / "out"
    if job.replaces:
        shutil.copytree(work / ("dataset" if job.name.startswith("preprocess") else "model-1"), out)
    return out


def _seen(job: Job, out: Path) -> dict[str, str]:
    if not out.exists():
        return {}
    found = digest(out)
    return {name: found.get(name, "missing") for name in job.compared} if job.compared else found


def _run(job: Job, out: Path, log: Path, killed_after: float | None = None) -> int:
    """Runs a job in a process of its own, and returns its exit code; killed, the negative number of the signal."""
    process = os.fork()
    if process == 0:
        code: Any = 1
        with contextlib.suppress(BaseException):
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for number in (1, 2):
                os.dup2(descriptor, number)
            from textsim.cli.main import main

            try:
                main(job.command(out), prog_name="textsim")
            except SystemExit as end:
                code = end.code or 0
        os._exit(code if isinstance(code, int) else 1)
    if killed_after is not None:
        time.sleep(killed_after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
