"""What all that write results of files have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textsim.data.settings import AnyPath
from textsim.data.sources import Source, paths_of
from textsim.io.paths import check_target


def check_outputs(target: AnyPath, source: Source, reading: Mapping[str, Any]) -> None:
    """Raises InputError where the target is the source, or where rejected rows go."""
    check_target(target, paths_of([source, reading.get("rejects")]))
