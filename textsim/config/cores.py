"""The processor's cores: how many there are, and how training shares them."""

from __future__ import annotations

import os

from textsim.config.settings import Recipe

THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""Environment variables in which TensorFlow reads how many threads compute one operation, and how many operations run
side by side.
"""


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_cores(recipe: Recipe) -> None:
    """Gives each of a BiLSTM's two directions, which run side by side, half of the cores, for the whole process.

    Its products are small: where all cores share each of them, they wait for each other. Other encoders' operations are
    larger and follow one another, so they keep all cores. Settings in the environment stay. TensorFlow reads them
    once, so this must come before it runs.
    """
    if recipe.encoder.name == "bilstm" and not any(name in os.environ for name in THREADS):
        cores = available_cores()
        os.environ.update(zip(THREADS, (str(max(1, cores // 2)), str(cores)), strict=True))
