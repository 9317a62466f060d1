"""Which stored text does a new one match: an index of texts, searched through their vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from textsim.errors import InputError
from textsim.matching.text_matcher import TextMatcher

_CHUNK_TEXTS = 8192
_BLOCK_COSINES = 1 << 24
_CANDIDATES = 100


class Hit(NamedTuple):
    """A stored text that was found.

    Attributes:
        place: of the text among the stored ones, from 0.
        text: the stored text.
        cosine: of its vector with that of the text searched for, in [-1, 1].
        score: what the matcher scores the two, in [0, 1].
        match: whether that is at least the matcher's threshold.
    """

    place: int
    text: str
    cosine: float
    score: float
    match: bool


class TextIndex:
    """Stored texts, searched for those that a new text matches.

    A model trained with in-batch negatives, as the recommended recipes are, has learned to find a text's match among
    others by the cosine of their vectors: hits come in that order. Other models have learned to score: theirs come in
    the order of their scores, of the 100 texts with the largest cosines.

    All cosines are computed, nothing is approximated: a search takes time in proportion to the texts. The index holds
    `dim` float32 numbers a text, 4 KB with `zh-general`.

    Args:
        matcher: the loaded model.
        texts: the texts to store, at least one.
        progress: whether to show progress on standard error.

    Raises:
        InputError: no matcher of texts, no texts, or a text is not a str or is empty; names its place.

    Attributes:
        matcher: as given.
        texts: as given, a list.

    Example:
        >>> index = TextIndex(TextMatcher.load("zh-general"), ["怎样还花呗", "如何申请退货", "忘记密码怎么办"])
        >>> index.search("密码忘了", k=1)[0].text
        '忘记密码怎么办'
    """

    def __init__(self, matcher: TextMatcher, texts: Iterable[str], *, progress: bool = False) -> None:
        if not isinstance(matcher, TextMatcher):
            raise InputError(f"matcher: expected a loaded TextMatcher. Received {type(matcher).__name__}.")
        if isinstance(texts, str):
            raise InputError("texts: expected a list of texts. Received one text. Pass [text].")
        self.matcher, self.texts = matcher, list(texts)
        if not self.texts:
            raise InputError("texts: expected at least one text to store. Received none.")
        self._keys = matcher.keys(self.texts, "texts[{}]".format)
        self._directions = np.empty((len(self.texts), matcher.dim), np.float32)
        with tqdm(total=len(self.texts), unit=" texts", unit_scale=True, disable=not progress) as bar:
            for start in range(0, len(self.texts), _CHUNK_TEXTS):
                part = slice(start, start + _CHUNK_TEXTS)
                self._directions[part] = matcher.directions(self._keys[part], matcher.cache)
                bar.update(len(self._keys[part]))

    def __len__(self) -> int:
        return len(self.texts)

    def search(self, text: str, k: int = 5) -> list[Hit]:
        """The `k` stored texts that match a text best, the best first; all of them where there are fewer.

        Raises:
            InputError: the text is not a str or is empty, or `k` is less than 1.
        """
        keys = self.matcher.keys([text], lambda _: "text")
        return self.search_keys([text], keys, k)[0]

    def search_many(self, texts: Iterable[str], k: int = 5) -> list[list[Hit]]:
        """`search` for each of many texts. Raises as that; names the place."""
        if isinstance(texts, str):
            raise InputError("texts: expected a list of texts. Received one text. Call search(text).")
        texts = list(texts)
        return self.search_keys(texts, self.matcher.keys(texts, "texts[{}]".format), k)

    def search_keys(self, texts: Sequence[str], keys: Sequence[bytes], k: int) -> list[list[Hit]]:
        """`search_many` for texts whose keys are known, see `TextMatcher.keys`."""
        if not isinstance(k, int | np.integer) or k < 1:
            raise InputError(f"k: expected a whole number, at least 1. Received {k!r}.")
        block = max(1, _BLOCK_COSINES // len(self))
        found: list[list[Hit]] = []
        for start in range(0, len(keys), block):
            part = slice(start, start + block)
            found += self._search(texts[part], keys[part], min(k, len(self)))
        return found

    def _search(self, texts: Sequence[str], keys: Sequence[bytes], k: int) -> list[list[Hit]]:
        by_cosine = self.matcher.saved.recipe.loss.options.get("negatives", 0) > 0
        count = k if by_cosine else min(max(k, _CANDIDATES), len(self))
        cosines = self.matcher.directions(keys, self.matcher.cache) @ self._directions.T
        # In their stored order, which those keep that are equal but for rounding.
        places = np.sort(np.argpartition(cosines, len(self) - count, axis=1)[:, len(self) - count :], axis=1)
        cosines = np.take_along_axis(cosines, places, axis=1).round(6)
        stored = places.ravel().tolist()
        scores = self.matcher.score_keys(
            [key for key in keys for _ in range(count)],
            [self._keys[place] for place in stored],
            self.matcher.differ(
                [text for text in texts for _ in range(count)], [self.texts[place] for place in stored]
            ),
            self.matcher.cache,
        ).reshape(places.shape)
        order = np.argsort(-(cosines if by_cosine else scores), axis=1, kind="stable")[:, :k]
        columns = (np.take_along_axis(values, order, axis=1).tolist() for values in (places, cosines, scores))
        return [
            [
                Hit(place, self.texts[place], cosine, score, score >= self.matcher.threshold)
                for place, cosine, score in zip(*row, strict=True)
            ]
            for row in zip(*columns, strict=True)
        ]
