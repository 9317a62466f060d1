"""Checks of the options of parts, with errors that name the option."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from textsim.errors import ConfigError


def require_positive(name: str, values: Sequence[int] | int) -> None:
    """Raises ConfigError unless a number, or each of several, is a whole number of at least 1."""
    for value in values if isinstance(values, list | tuple) else [values]:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name}: expected whole numbers of at least 1. Received {values!r}.")


def widths_of(name: str, values: Sequence[int] | int) -> list[int]:
    """The widths of one or more layers as a list; a number alone is one layer.

    Raises:
        ConfigError: no width, or one that is not a whole number of at least 1.
    """
    widths: list[Any] = list(values) if isinstance(values, list | tuple) else [values]
    if not widths:
        raise ConfigError(f"{name}: expected at least one number. Received [].")
    require_positive(name, widths)
    return widths


def require_rate(name: str, value: float) -> None:
    """Raises ConfigError unless the value is in [0, 1)."""
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise ConfigError(f"{name}: expected a share in [0, 1). Received {value!r}.")


def require_above_zero(name: str, value: float) -> None:
    """Raises ConfigError unless the value is a finite number above 0."""
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigError(f"{name}: expected a number above 0. Received {value!r}.")
