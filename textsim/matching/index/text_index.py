"""Which stored text does a new one match: an index of texts, searched through their vectors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from textsim.errors import InputError
from textsim.matching.text_matcher import TextMatcher, TokenizedTexts

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
        indistinct: whether the two differ, but are one text to the model, see `PairScores`.
    """

    place: int
    text: str
    cosine: float
    score: float
    match: bool
    indistinct: bool


class TextIndex:
    """Stored texts, searched for those that a new text matches.

    A model trained with in-batch negatives, as the recommended recipes are, has learned to find a text's match among
    others by the cosine of their vectors: hits come in that order. Other models have learned to score: theirs come in
    the order of their scores, of the 100 texts with the largest cosines.

    All cosines are computed, nothing is approximated: a search takes time in proportion to the texts. The index holds
    `output_dim` float32 numbers a text, 4 KB with `zh-general`.

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
        self._read = matcher.read(self.texts)
        self._directions = np.empty((len(self.texts), matcher.output_dim), np.float32)
        with tqdm(total=len(self.texts), unit=" texts", unit_scale=True, disable=not progress) as bar:
            for start in range(0, len(self.texts), _CHUNK_TEXTS):
                part = slice(start, start + _CHUNK_TEXTS)
                self._directions[part] = matcher.directions(self._read.keys[part], matcher.cache)
                bar.update(len(self.texts[part]))

    def __len__(self) -> int:
        return len(self.texts)

    def search(self, text: str, k: int = 5) -> list[Hit]:
        """The `k` stored texts that match a text best, the best first; all of them where there are fewer.

        Raises:
            InputError: the text is not a str or is empty, or `k` is less than 1.
        """
        return self.search_read(self.matcher.read([text], lambda _: "text"), k)[0]

    def search_many(self, texts: Iterable[str], k: int = 5) -> list[list[Hit]]:
        """`search` for each of many texts. Raises as that; names the place."""
        if isinstance(texts, str):
            raise InputError("texts: expected a list of texts. Received one text. Call search(text).")
        return self.search_read(self.matcher.read(list(texts)), k)

    def search_read(self, texts: TokenizedTexts, k: int) -> list[list[Hit]]:
        """`search_many` for texts that have been read, see `TextMatcher.read`."""
        if not isinstance(k, int | np.integer) or k < 1:
            raise InputError(f"k: expected a whole number, at least 1. Received {k!r}.")
        block = max(1, _BLOCK_COSINES // len(self))
        found: list[list[Hit]] = []
        for start in range(0, len(texts), block):
            part = slice(start, start + block)
            found += self._search(texts[part], min(k, len(self)))
        return found

    def _search(self, texts: TokenizedTexts, k: int) -> list[list[Hit]]:
        by_cosine = self.matcher.saved.recipe.loss.options.get("negatives", 0) > 0
        count = k if by_cosine else min(max(k, _CANDIDATES), len(self))
        cosines = self.matcher.directions(texts.keys, self.matcher.cache) @ self._directions.T
        # In their stored order, which those keep that are equal but for rounding.
        places = np.sort(np.argpartition(cosines, len(self) - count, axis=1)[:, len(self) - count :], axis=1)
        cosines = np.take_along_axis(cosines, places, axis=1).round(6)
        queries = np.repeat(np.arange(len(texts)), count)
        result = self.matcher.compare(
            texts.take(queries.tolist()), self._read.take(places.ravel().tolist()), self.matcher.cache
        )
        scores, indistinct = (values.reshape(places.shape) for values in (result.scores, result.indistinct))
        order = np.argsort(-(cosines if by_cosine else scores), axis=1, kind="stable")[:, :k]
        columns = (
            np.take_along_axis(values, order, axis=1).tolist()
            for values in (places, cosines, scores, indistinct)
        )
        return [
            [
                Hit(place, self.texts[place], cosine, score, score >= self.matcher.threshold, alike)
                for place, cosine, score, alike in zip(*row, strict=True)
            ]
            for row in zip(*columns, strict=True)
        ]
