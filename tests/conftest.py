"""Settings and fixtures of all tests."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import settings

# TensorFlow reads this when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The same examples in every run, on a machine however busy.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def demo() -> Path:
    """The folder of bundled demo data."""
    return Path(str(resources.files("textsim.resources"))) / "demo"
