"""Label cells to numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from textsim.errors import ConfigError

# Header names, in lower case, that are taken for the label's.
LABEL_NAMES = frozenset(
    {"label", "labels", "gold_label", "is_duplicate", "similarity", "score", "class", "target"}
    | {"标签", "是否相同", "是否相似", "是否匹配"}
)
# Words, in lower case, for 1 and for 0.
_WORDS_FOR_1_AND_0 = (
    *(("true", "false"), ("yes", "no"), ("y", "n")),
    *(("是", "否"), ("相同", "不同"), ("相似", "不相似"), ("匹配", "不匹配")),
    *(("一致", "不一致"), ("重复", "不重复")),
)
_WORDS = {word: label for words in _WORDS_FOR_1_AND_0 for word, label in zip(words, (1.0, 0.0), strict=True)}
_EXPECTED = f"label 0 or 1 (or {', '.join(map('/'.join, _WORDS_FOR_1_AND_0))})"


@dataclass(frozen=True)
class LabelRule:
    """How a label cell becomes a number in [0, 1].

    Without options only 0, 1 and the `_WORDS` are labels.

    Args:
        threshold: numbers are allowed, and become 1 where they are at least this, else 0.
        maximum: graded labels from 0 to this are allowed, and kept as shares of it: 5 makes 4 to 0.8.

    Raises:
        ConfigError: both are asked for, the threshold is not finite, or the maximum not a finite number above 0.
    """

    threshold: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and self.maximum is not None:
            raise ConfigError("label_threshold and label_max exclude each other: pass one of them.")
        if self.maximum is not None and not 0 < self.maximum < math.inf:
            raise ConfigError(f"label_max: expected a number above 0. Received {self.maximum}.")
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
        if self.maximum is not None and 0 <= value <= self.maximum:
            return value / self.maximum
        if self.maximum is None and value in (0, 1):
            return value
        hint = ""
        if math.isfinite(value) and self.maximum is None:
            hint = " Pass label_threshold=... to make graded labels 0 or 1, or label_max=... to keep those from 0 to a "
            hint += "maximum."
        expected = _EXPECTED if self.maximum is None else f"a number from 0 to {self.maximum:g} as label"
        raise ValueError(f"expected {expected}. Received {str(cell)!r:.80}.{hint}")
