"""The scoring API for texts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from textsim.artifacts.saved_model import SavedModel
from textsim.data.row_kinds import UNLABELED
from textsim.data.rows import read_rows
from textsim.data.sources import is_frame
from textsim.errors import DataFormatError, InputError, shown
from textsim.matching.cache import SpillingCache, VectorCache
from textsim.matching.decisions import Decision, decide
from textsim.matching.matcher import CHUNK_ROWS, Matcher
from textsim.text.vocabulary import UNK_ID

if TYPE_CHECKING:
    import pandas as pd

    from textsim.matching.explain import Explanation

CACHE_BYTES = 64 << 20


@dataclass(frozen=True)
class TokenizedTexts:
    """Texts as a model reads them.

    Attributes:
        texts: as they were given.
        keys: the token ids of each as int32 bytes: texts of equal keys are one text to the model.
        truncated: bool (texts,), whether a text is longer than the model reads.
    """

    texts: Sequence[str]
    keys: Sequence[bytes]
    truncated: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, part: slice) -> TokenizedTexts:
        return TokenizedTexts(self.texts[part], self.keys[part], self.truncated[part])

    @staticmethod
    def joined(parts: Sequence[TokenizedTexts]) -> TokenizedTexts:
        """The texts of several, one after the other."""
        return TokenizedTexts(
            [text for part in parts for text in part.texts],
            [key for part in parts for key in part.keys],
            np.concatenate([part.truncated for part in parts]),
        )

    def take(self, places: Sequence[int]) -> TokenizedTexts:
        """The texts at some places, which may repeat."""
        return TokenizedTexts(
            [self.texts[place] for place in places],
            [self.keys[place] for place in places],
            self.truncated[np.asarray(places, np.int64)],
        )


class Token(NamedTuple):
    """A token of a text, and its ids: several where an unknown word is read as its characters."""

    text: str
    ids: tuple[int, ...]


class PairScores(NamedTuple):
    """Scores of pairs of texts, and what to know about each.

    Attributes:
        scores: float32 (pairs,) in [0, 1].
        indistinct: bool (pairs,), whether two different texts are one to the model: they differ behind `max_length` or
            in unknown tokens alone. Such a pair scores 1, and nothing can be said of it.
        truncated: bool (pairs,), whether one of the texts is longer than the model reads.
    """

    scores: np.ndarray
    indistinct: np.ndarray
    truncated: np.ndarray


class TextMatcher(Matcher):
    """Scores pairs of texts.

    A score does not depend on the order of the pair's sides, to the bit; and on the other pairs of a call by
    rounding alone, less than 1e-6. A text with itself scores 1, and texts that differ only in what the tokenizer
    normalizes away are one text. Two different texts score 0 where of neither any token that is read is in the
    vocabulary, as of emoji: to the model they are alike, and nothing speaks for a match. Different texts that are one
    to the model otherwise, since they differ behind `max_length` or in unknown tokens alone, score 1 as well:
    `score_texts` tells which (`indistinct`).

    Args:
        saved: the model, see `load`.
        threads: threads that one call may use; None for the number of cores.
        cache_bytes: memory for encoded texts that are kept between calls; 0 keeps none.
        simplify: turn traditional Chinese characters into simplified ones, for a model that was trained on these alone
            (extra "opencc"). The matcher's `saved` is then a copy with such a tokenizer.

    Attributes:
        max_length: tokens of a text that are read; the rest is left out, as in training.
        cache: the `VectorCache`, or None.

    Example:
        >>> matcher = TextMatcher.load("zh-general")
        >>> round(matcher.score("花呗怎么还款", "怎样还花呗"), 2)
        0.78
    """

    kind = "text"

    def __init__(
        self, saved: SavedModel, *, threads: int | None = None, cache_bytes: int = 0, simplify: bool = False
    ) -> None:
        super().__init__(saved, threads=threads)
        if cache_bytes < 0:
            raise InputError(f"cache_bytes: expected 0 or more. Received {cache_bytes}.")
        assert saved.tokenizer is not None and saved.vocabulary is not None and saved.max_length is not None
        self.max_length = saved.max_length
        self._tokenizer, self._vocabulary = saved.tokenizer, saved.vocabulary
        if simplify:
            self._tokenizer = saved.tokenizer.simplifying()
            self.saved = replace(saved, tokenizer=self._tokenizer)
        self._cache_bytes = cache_bytes
        self.cache = VectorCache(cache_bytes) if cache_bytes else None

    @classmethod
    def of(cls, model: TextMatcher | str | os.PathLike[str]) -> TextMatcher:
        """A matcher as it is, or that of a model folder or of a bundled model's name. Raises as `load`."""
        return model if isinstance(model, TextMatcher) else cls.load(model)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "cache"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.cache = VectorCache(self._cache_bytes) if self._cache_bytes else None

    def score(self, text_a: str, text_b: str) -> float:
        """How similar two texts are, in [0, 1].

        Raises:
            InputError: a text is not a str, or is empty once it is normalized.
        """
        return float(self._score_one(text_a, text_b).scores[0])

    def is_match(self, text_a: str, text_b: str) -> bool:
        """Whether two texts score at least `threshold`. Raises as `score`."""
        return self.score(text_a, text_b) >= self.threshold

    def probability(self, text_a: str, text_b: str) -> float:
        """How probable it is that two texts mean the same, in [0, 1], by the model's calibration. Raises as `score`."""
        return self.decide(text_a, text_b).probability

    def decide(self, text_a: str, text_b: str) -> Decision:
        """Whether two texts match, with the probability and the score.

        Two different texts that are one to the model (see `PairScores`) are "unsure".

        Raises:
            InputError: as `score`.

        Example:
            >>> TextMatcher.load("zh-general").decide("花呗怎么还款", "怎样还花呗").decision
            'match'
        """
        return self.decisions(self._score_one(text_a, text_b))[0]

    def explain(self, text_a: str, text_b: str) -> Explanation:
        """What each token of two texts contributes to their score, see `textsim.matching.explain.explain`."""
        from textsim.matching.explain import explain

        return explain(self, text_a, text_b)

    def decisions(self, result: PairScores) -> list[Decision]:
        """The decision about each pair that was scored, see `decide`."""
        return decide(self.saved, result.scores, result.indistinct)

    def _score_one(self, text_a: str, text_b: str) -> PairScores:
        both = self.read((text_a, text_b), ("text_a", "text_b").__getitem__)
        return self.compare(both[:1], both[1:], self.cache)

    def score_pairs(
        self,
        pairs: Iterable[Sequence[str]] | pd.DataFrame | np.ndarray,
        *,
        columns: Sequence[str] | None = None,
    ) -> np.ndarray:
        """Scores many pairs. Each distinct text is encoded once, and memory does not hold all of their vectors.

        Args:
            pairs: pairs (text_a, text_b), an array of shape (n, 2), or a data frame with columns of texts.
            columns: names of a data frame's columns; by default text_a and text_b or other usual names.

        Returns:
            float32 (n,) in [0, 1].

        Raises:
            InputError: not of this form, or a text is not a str or is empty; names the row.

        Example:
            >>> TextMatcher.load("zh-general").score_pairs([("怎么退货", "怎么退货"), ("怎么退货", "退货流程")]).shape
            (2,)
        """
        return self.score_texts(*_sides(pairs, columns), where="pairs[{}]").scores

    def score_texts(
        self,
        left: Sequence[str],
        right: Sequence[str],
        *,
        where: str = "row {}",
        cache: VectorCache | None = None,
    ) -> PairScores:
        """Scores texts in two columns, row by row, and tells what to know about each pair.

        Args:
            left, right: texts, as many on both sides.
            where: how an error names a row, with braces for its number from 0.
            cache: where encoded texts are looked up and kept, as `cache_for_a_pass` gives it; by default the
                matcher's own, or one for this call.

        Raises:
            InputError: a text is not a str or is empty; names the row and the side. Or the sides differ in length.
        """
        if len(left) != len(right):
            raise InputError(
                f"left and right: expected as many texts. Received {len(left)} and {len(right)}."
            )
        n = len(left)

        def name(place: int) -> str:
            return f"{where.format(place % n)}, {'text_a' if place < n else 'text_b'}"

        both = self.read([*left, *right], name)
        sides = both[:n], both[n:]
        if n <= CHUNK_ROWS:
            return self.compare(*sides, cache or self.cache)
        with contextlib.nullcontext(cache) if cache else self.cache_for_a_pass() as kept:
            parts = [slice(start, start + CHUNK_ROWS) for start in range(0, n, CHUNK_ROWS)]
            results = [self.compare(sides[0][part], sides[1][part], kept) for part in parts]
        return PairScores(*map(np.concatenate, zip(*results, strict=True)))

    def cache_for_a_pass(
        self, cache_bytes: int = CACHE_BYTES
    ) -> contextlib.AbstractContextManager[VectorCache]:
        """The cache for a pass over many texts: the matcher's own, else one that lasts as long as the pass."""
        return contextlib.nullcontext(self.cache) if self.cache else SpillingCache(cache_bytes)

    def encode(self, texts: Iterable[str]) -> np.ndarray:
        """The vectors of texts, which the model's head compares.

        Returns:
            float32 (n, output_dim).

        Raises:
            InputError: not a list of texts, or a text is not a str or is empty; names the row.

        Example:
            >>> matcher = TextMatcher.load("zh-general")
            >>> matcher.encode(["怎么退货", "退货流程"]).shape == (2, matcher.output_dim)
            True
        """
        if isinstance(texts, str | bytes | Mapping) or not isinstance(texts, Iterable) or is_frame(texts):
            hint = "encode([text])" if isinstance(texts, str) else "encode([text, ...])"
            raise InputError(f"texts: expected a list of texts. Received {shown(texts)}. Call {hint}.")
        encoded, rows = self.encode_keys(self.read(list(texts)).keys, self.cache)
        return encoded[rows]

    def read(self, texts: Sequence[Any], where: Callable[[int], str] = "texts[{}]".format) -> TokenizedTexts:
        """Texts as the model reads them: normalized, tokenized, as ids, truncated to `max_length`.

        Args:
            texts: the texts.
            where: names the place of a text in errors.

        Raises:
            InputError: a text is not a str, or is empty once it is normalized.
        """
        known: dict[str, tuple[bytes, bool]] = {}
        found = []
        for place, text in enumerate(texts):
            read = known.get(text) if isinstance(text, str) else None
            if read is None:
                read = known[text] = self._read_one(text, where(place))
            found.append(read)
        return TokenizedTexts(
            texts, [key for key, _ in found], np.fromiter((cut for _, cut in found), bool, len(found))
        )

    def tokenize(self, text: str, where: str = "text") -> list[Token]:
        """The tokens that are read of a text, with their ids.

        Raises:
            InputError: the text is not a str, or is empty once it is normalized; `where` names it.
        """
        self._read_one(text, where)
        tokens = []
        left = self.max_length
        for token in self._tokenizer.cut(self._tokenizer.normalizer(text))[: self.max_length]:
            ids = tuple(self._vocabulary.encode([token]))[:left]
            left -= len(ids)
            if ids:
                tokens.append(Token(token, ids))
        return tokens

    def _read_one(self, text: Any, where: str) -> tuple[bytes, bool]:
        """The key of a text, and whether the text was longer."""
        if not isinstance(text, str):
            # Without pandas, whose NA cannot be compared.
            gone = text is None or type(text).__name__ in ("NAType", "NaTType")
            missing = " Is a cell missing?" if gone or (isinstance(text, float) and text != text) else ""
            raise InputError(f"{where}: expected a text (str). Received {shown(text)}.{missing}")
        normalized = self._tokenizer.normalizer(text)
        if not normalized:
            raise InputError(
                f"{where}: expected a text. Received {text!r:.80}, which is empty once it is normalized."
            )
        limit = self.max_length
        tokens = self._tokenizer.cut(normalized)
        ids = self._vocabulary.encode(tokens[:limit])
        return np.array(ids[:limit], np.int32).tobytes(), len(tokens) > limit or len(ids) > limit

    def encode_keys(self, keys: Sequence[bytes], cache: VectorCache | None) -> tuple[np.ndarray, np.ndarray]:
        """Encodes each distinct key once.

        Returns:
            Pair (encoded, rows): float32 (distinct, output_dim), and for each key its row, int64 (keys,).
        """
        # In an order of their own, so that the bits do not depend on the order in which texts are given.
        distinct = sorted(set(keys), key=lambda key: (len(key), key))
        places = {key: place for place, key in enumerate(distinct)}
        rows = np.fromiter(map(places.__getitem__, keys), np.int64, len(keys))
        if cache is None:
            return self._encode_distinct(distinct), rows
        encoded = np.empty((len(distinct), self.output_dim), np.float32)
        missing = cache.read(distinct, encoded)
        if missing:
            keys = [distinct[place] for place in missing]
            encoded[missing] = self._encode_distinct(keys)
            cache.write(keys, encoded[missing])
        return encoded, rows

    def directions(self, keys: Sequence[bytes], cache: VectorCache | None = None) -> np.ndarray:
        """The vectors of keys at length 1, whose products are cosines; at length 0 where a vector has none.

        Returns:
            float32 (keys, output_dim).
        """
        encoded, rows = self.encode_keys(keys, cache)
        lengths = np.linalg.norm(encoded, axis=1, keepdims=True)
        return (encoded / np.where(lengths > 0, lengths, 1))[rows]

    def compare(
        self, left: TokenizedTexts, right: TokenizedTexts, cache: VectorCache | None = None
    ) -> PairScores:
        """Scores texts that have been read, row by row.

        Args:
            left, right: as many on both sides.
            cache: where encoded texts are looked up and kept.
        """
        scores, indistinct = self.compare_keys(left.keys, right.keys, self._differ(left, right), cache)
        return PairScores(scores, indistinct, left.truncated | right.truncated)

    def compare_encoded(
        self,
        left: TokenizedTexts,
        right: TokenizedTexts,
        encoded: np.ndarray,
        left_rows: np.ndarray,
        right_rows: np.ndarray,
    ) -> PairScores:
        """Scores texts whose vectors are known, row by row.

        Args:
            left, right: as many on both sides.
            encoded: float32 (n, output_dim).
            left_rows, right_rows: for each text of a side the row of its vector, int64 (pairs,).
        """
        scores = self.compare_rows(encoded, left_rows, right_rows)
        indistinct = _settle(scores, left.keys, right.keys, self._differ(left, right))
        return PairScores(scores, indistinct, left.truncated | right.truncated)

    def compare_keys(
        self,
        left: Sequence[bytes],
        right: Sequence[bytes],
        differ: Callable[[int], bool],
        cache: VectorCache | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores pairs of keys.

        Args:
            left, right: for each pair the keys of its texts.
            differ: whether the two texts of the pair at a place are different; asked only where keys do not tell them
                apart: they are equal, or all that is read is unknown.
            cache: where encoded keys are looked up and kept.

        Returns:
            Pair (scores, indistinct) as in `PairScores`.
        """
        encoded, rows = self.encode_keys([*left, *right], cache)
        scores = self.compare_rows(encoded, rows[: len(left)], rows[len(left) :])
        return scores, _settle(scores, left, right, differ)

    def _differ(self, left: TokenizedTexts, right: TokenizedTexts) -> Callable[[int], bool]:
        """A function that tells whether two texts at a place differ in more than what is normalized away."""
        normalize = self._tokenizer.normalizer
        return lambda place: normalize(left.texts[place]) != normalize(right.texts[place])

    def _encode_distinct(self, keys: Sequence[bytes]) -> np.ndarray:
        lengths = np.fromiter(map(len, keys), np.int32, len(keys)) // 4
        return self._scorer.encode_ids(np.frombuffer(b"".join(keys), np.int32), lengths)


_UNKNOWN = np.int32(UNK_ID).tobytes()


def _knows_nothing(key: bytes) -> bool:
    """Whether a key has no ids but those of unknown tokens."""
    return key == _UNKNOWN * (len(key) // len(_UNKNOWN))


def _settle(
    scores: np.ndarray, left: Sequence[bytes], right: Sequence[bytes], differ: Callable[[int], bool]
) -> np.ndarray:
    """Sets the scores of pairs whose vectors say nothing, see `TextMatcher`.

    Returns:
        bool (pairs,), see `PairScores.indistinct`.
    """
    indistinct = np.zeros(len(scores), bool)
    # Keys recur: each is looked at once.
    nothing = {key for key in {*left, *right} if _knows_nothing(key)}
    for place, (key, other) in enumerate(zip(left, right, strict=True)):
        if key in nothing and other in nothing:
            scores[place] = 0 if differ(place) else 1
        elif key == other:
            scores[place] = 1
            indistinct[place] = differ(place)
    return indistinct


def _sides(pairs: Any, columns: Sequence[str] | None) -> tuple[Sequence[Any], Sequence[Any]]:
    """The two columns of `pairs`."""
    if is_frame(pairs):
        if columns is not None and len(columns) == 2 and set(columns) <= set(pairs.columns):
            # Names of a data frame may be numbers, which are positions elsewhere.
            pairs = pairs[list(columns)].set_axis(["text_a", "text_b"], axis=1)
            columns = None
        try:
            chunks = list(read_rows(pairs, UNLABELED, columns=columns)) if len(pairs) else []
        except DataFormatError as error:
            raise InputError(str(error)) from None
        left, right = ([text for chunk in chunks for text in chunk.texts[side]] for side in (0, 1))
        return left, right
    if columns is not None:
        raise InputError(f"columns: expected with a data frame only. Received {shown(pairs)}.")
    if isinstance(pairs, np.ndarray):
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise InputError(f"pairs: expected an array of shape (n, 2). Received {pairs.shape}.")
        return pairs[:, 0].tolist(), pairs[:, 1].tolist()
    if isinstance(pairs, str | bytes | Mapping) or not isinstance(pairs, Iterable):
        raise InputError(
            "pairs: expected pairs (text_a, text_b), an array of shape (n, 2) or a data frame. "
            f"Received {shown(pairs)}. For one pair call score(text_a, text_b)."
        )
    left, right = [], []
    for row, pair in enumerate(pairs):
        if not isinstance(pair, Sequence | np.ndarray) or isinstance(pair, str | bytes) or len(pair) != 2:
            hint = " For one pair call score(text_a, text_b)." if isinstance(pair, str) else ""
            raise InputError(
                f"pairs[{row}]: expected two texts (text_a, text_b). Received {shown(pair)}.{hint}"
            )
        left.append(pair[0])
        right.append(pair[1])
    return left, right
