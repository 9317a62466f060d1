"""Label cells to numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from textsim.errors import ConfigError

# Header names, in lower case, that are taken for the label's.
LABEL_NAMES = frozenset(
    {"label", "labels", "gold_label", "is_duplicate", "similarity", "score", "class", "target"}
)
_WORDS = {"false": 0.0, "true": 1.0}


@dataclass(frozen=True)
class LabelRule:
    """How a label cell becomes a number in [0, 1].

    Without options only 0, 1, true and false are labels.

    Args:
        threshold: numbers are allowed, and become 1 where they are at least this, else 0.
        soft: numbers in [0, 1] are allowed and kept.

    Raises:
        ConfigError: both are asked for, or the threshold is not finite.
    """

    threshold: float | None = None
    soft: bool = False

    def __post_init__(self) -> None:
        if self.threshold is not None and self.soft:
            raise ConfigError("label_threshold and soft_labels exclude each other: pass one of them.")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ConfigError(f"label_threshold: expected a finite number. Received {self.threshold}.")

    def __call__(self, cell: Any) -> float:
        """The label.

        Raises:
            ValueError: the cell is no label. The message says what was expected.
        """
        text = str(cell).strip().lower()
        if text in _WORDS:
            return _WORDS[text]
        try:
            value = math.nan if "_" in text else float(text)
        except ValueError:
            value = math.nan
        if self.threshold is not None:
            if math.isfinite(value):
                return float(value >= self.threshold)
            raise ValueError(f"expected a number as label. Received {str(cell)!r:.80}.")
        if value in (0, 1) or (self.soft and 0 < value < 1):
            return value
        hint = ""
        if math.isfinite(value):
            hint = " Pass --label-threshold (label_threshold=...) to cut graded labels in two"
            hint += "." if self.soft else ", or --soft-labels (soft_labels=True) to keep those from 0 to 1."
        expected = "a number from 0 to 1 as label" if self.soft else "label 0 or 1 (or true, false)"
        raise ValueError(f"expected {expected}. Received {str(cell)!r:.80}.{hint}")
