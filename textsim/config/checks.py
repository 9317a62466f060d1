"""Checks of the options of parts, with errors that name the option."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from textsim.errors import ConfigError

LARGEST = 1 << 20
"""No width or count of a part is above this: it would be a slip, and take all memory before it failed."""
MOST_LAYERS = 1000


def require_positive(name: str, values: Sequence[int] | int) -> None:
    """Raises ConfigError unless a number, or each of several, is a whole number from 1 to `LARGEST`."""
    for value in values if isinstance(values, list | tuple) else [values]:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
            raise ConfigError(
                f"{name}: expected whole numbers from 1 to {LARGEST:,}. Received {value!r:.40}."
            )


def widths_of(name: str, values: Sequence[int] | int) -> list[int]:
    """The widths of one or more layers as a list; a number alone is one layer.

    Raises:
        ConfigError: no width, more than `MOST_LAYERS`, or one that is not a whole number from 1 to `LARGEST`.
    """
    widths: list[Any] = list(values) if isinstance(values, list | tuple) else [values]
    if not widths:
        raise ConfigError(f"{name}: expected at least one number. Received [].")
    if len(widths) > MOST_LAYERS:
        raise ConfigError(f"{name}: expected at most {MOST_LAYERS:,} numbers. Received {len(widths):,}.")
    require_positive(name, widths)
    return widths


def require_rate(name: str, value: float) -> None:
    """Raises ConfigError unless the value is in [0, 1)."""
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise ConfigError(f"{name}: expected a fraction in [0, 1). Received {value!r}.")


def require_above_zero(name: str, value: float) -> None:
    """Raises ConfigError unless the value is a finite number above 0."""
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigError(f"{name}: expected a number above 0. Received {value!r}.")
