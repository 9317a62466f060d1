"""How alike two texts are by the characters that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

# Chosen with zh-general by scripts/benchmarks/finding.py: the first hit is then right more often in BQ and the demo
# questions, and most of all in STS-B, a domain that the model has not seen.
_SURE = 0.3
_MOST = 0.45
_TENTH = 9
_SAME = 0.9999


def characters_weight(cosines: Sequence[float]) -> float:
    """What shared characters count beside the cosine, where candidates are ordered: in [0, 0.45].

    Where the first cosine is far above the tenth, the model tells the first from the others, and they count nothing.
    The nearer the two are, the more they count. A text that is stored as it is, which comes first anyway, tells nothing
    of the others.

    Args:
        cosines: of the candidates, the largest first.
    """
    others = [cosine for cosine in cosines if cosine < _SAME]
    if not others:
        return 0.0
    gap = others[0] - others[min(_TENTH, len(others) - 1)]
    return _MOST * max(0.0, 1 - gap / _SURE)


class SharedCharacters:
    """Dice's coefficient of the characters, and pairs of neighbouring characters, of two texts: in [0, 1].

    Args:
        normalize: applied to each text first.

    Reference:
        Dice (1945), Measures of the Amount of Ecologic Association Between Species.

    Example:
        >>> round(SharedCharacters(str.lower)("怎么还款", "怎么付款"), 2)
        0.57
    """

    # The parts of so many texts of so many characters take 240 MB. Longer ones, of which each may be sent once, take
    # thousands of times that.
    _TEXTS_KEPT, _CHARACTERS_KEPT = 16_384, 64

    def __init__(self, normalize: Callable[[str], str]) -> None:
        def parts(text: str) -> frozenset[str]:
            text = normalize(text)
            return frozenset(text).union(map("".join, pairwise(text)))

        self._read, self._remembered = parts, lru_cache(self._TEXTS_KEPT)(parts)

    def __call__(self, left: str, right: str) -> float:
        return self.with_each(left, [right])[0]

    def with_each(self, text: str, others: Iterable[str]) -> list[float]:
        """The coefficient of a text with each of some others."""
        own = self.parts(text)
        return [_dice(own, self.parts(other)) for other in others]

    def parts(self, text: str) -> frozenset[str]:
        """The characters and the pairs of a text."""
        return (self._remembered if len(text) <= self._CHARACTERS_KEPT else self._read)(text)


def _dice(a: frozenset[str], b: frozenset[str]) -> float:
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else 0.0
