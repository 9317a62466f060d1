"""How alike two texts are by the characters that they share."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

WEIGHT = 0.1
"""What the shared characters count beside the cosine, where hits are ordered.

With `zh-general`, by `scripts/benchmarks/finding.py`, the first hit is then right more often in LCQMC, BQ and ATEC, and
most of all in STS-B, a domain that the model has not seen. A larger weight gains more there, and loses more where
questions of different meanings share most of their characters, as in the demo pairs.
"""


class SharedCharacters:
    """Dice's coefficient of the characters, and pairs of neighbouring characters, of two texts: in [0, 1].

    Args:
        normalize: applied to each text first.

    Attributes:
        parts: the function that gives the characters and the pairs of a text; it remembers those of many texts.

    Reference:
        Dice (1945), Measures of the Amount of Ecologic Association Between Species.

    Example:
        >>> round(SharedCharacters(str.lower)("怎么还款", "怎么付款"), 2)
        0.57
    """

    _TEXTS_KEPT = 16_384

    def __init__(self, normalize: Callable[[str], str]) -> None:
        @lru_cache(self._TEXTS_KEPT)
        def parts(text: str) -> frozenset[str]:
            text = normalize(text)
            return frozenset(text).union(map("".join, pairwise(text)))

        self.parts = parts

    def __call__(self, left: str, right: str) -> float:
        a, b = self.parts(left), self.parts(right)
        return 2 * len(a & b) / (len(a) + len(b)) if a or b else 0.0
