"""What all that write results of files have in common."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

from textsim.data.rows import RejectLog
from textsim.io.paths import check_target


def check_outputs(
    target: str | os.PathLike[str], source: str | os.PathLike[str], reading: Mapping[str, Any]
) -> None:
    """Raises InputError where the target is the source, or where rejected rows go."""
    rejects = reading.get("rejects")
    named = [] if rejects is None or isinstance(rejects, RejectLog) else [rejects]
    check_target(target, [source, *named])


def progress_bar(shown: bool | None, unit: str) -> tqdm:
    """A bar on standard error, by default where that is a terminal."""
    hidden = not (sys.stderr.isatty() if shown is None else shown)
    return tqdm(unit=f" {unit}", unit_scale=True, disable=hidden)
