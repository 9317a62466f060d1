"""Runs the command line in this process or in one of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from click.testing import CliRunner, Result

from textsim.cli.main import main

_CHANGES = (
    *("embedding.dim=8", "encoder=word-vectors", "pooling=mean-max", "head.units=[8]"),
    # One reading of a batch: the step is compiled in half the time.
    *("training.adversarial=0", "loss.negatives=0"),
)
SMALL = [*(argument for change in _CHANGES for argument in ("--set", change)), "--epochs", "1"]
"""Options of `train` that make a model of a second."""


def run(*arguments: Any, stdin: bytes | None = None) -> Result:
    """What a command did."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


def ok(*arguments: Any, stdin: bytes | None = None) -> str:
    """What a command printed, which must have succeeded."""
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def process(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    """What a command did as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "textsim", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        **options,
    )
