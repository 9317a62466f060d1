"""The scoring API: a saved model that scores pairs of texts or of numeric vectors."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from textsim.artifacts.saved_model import Kind, SavedModel, load_model
from textsim.errors import ArtifactError, InputError
from textsim.matching.cache import SpillingCache, VectorCache
from textsim.matching.scorers import make_scorer
from textsim.text.vocabulary import UNK_ID

if TYPE_CHECKING:
    import pandas as pd

M = TypeVar("M", bound="Matcher")

CACHE_BYTES = 64 << 20
_CHUNK_ROWS = 8192


class Matcher:
    """Base of matchers: a loaded model, ready to score. Safe to call from several threads at once; can be pickled.

    Args:
        saved: the model, see `load`.
        threads: threads that one call may use; None for the number of cores.

    Attributes:
        saved: the model, with its recipe, validation figures and provenance.
        threshold: score from which on a pair is a match, in [0, 1].
        dim: width of an encoded text or vector.
    """

    kind: ClassVar[Kind]

    def __init__(self, saved: SavedModel, *, threads: int | None = None) -> None:
        if saved.kind != self.kind:
            other = "TextMatcher" if saved.kind == "text" else "VectorMatcher"
            raise ArtifactError(
                f"{type(self).__name__} needs a model of kind {self.kind!r}. Received one of kind "
                f"{saved.kind!r}: load it with {other}."
            )
        if threads is not None and threads < 1:
            raise InputError(f"threads: expected at least 1, or None. Received {threads}.")
        self.saved = saved
        self.threshold = saved.threshold
        self.dim = saved.output_dim
        self._threads = threads
        self._scorer = make_scorer(saved, threads)

    def __getstate__(self) -> dict[str, Any]:
        # What runs the graphs, and what guards and keeps between calls, is made anew in another process.
        return {name: value for name, value in self.__dict__.items() if name != "_scorer"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._scorer = make_scorer(self.saved, self._threads)

    @classmethod
    def load(cls: type[M], path_or_name: str | os.PathLike[str], **options: Any) -> M:
        """Loads a model folder, or a bundled model by its name.

        Args:
            path_or_name: see `textsim.artifacts.saved_model.load_model`.
            options: keyword arguments of the class.

        Raises:
            ArtifactError: no such model, a model of another kind, or a file of it that is missing or altered.
        """
        return cls(load_model(path_or_name), **options)

    def compare_rows(self, encoded: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Scores rows of `encoded`: each distinct pair once, whichever side comes first; a row with itself scores 1."""
        low, high = np.minimum(left, right), np.maximum(left, right)
        inverse: slice | np.ndarray = slice(None)
        if len(low) > 1:
            distinct, inverse = np.unique(low * len(encoded) + high, return_inverse=True)
            low, high = np.divmod(distinct, len(encoded))
        scores = self._scorer.compare(encoded, low, high)
        # A head that is learned need not know.
        scores[low == high] = 1
        return scores[inverse]


class TextMatcher(Matcher):
    """Scores pairs of texts.

    A score does not depend on the order of the pair's sides, to the bit; and on the other pairs of a call by
    rounding alone, less than 1e-6. A text with itself scores 1, and texts that differ only in what the tokenizer
    normalizes away are one text. Two different texts score 0 where of neither any token that is read is in the
    vocabulary, as of emoji: to the model they are alike, and nothing speaks for a match. Where different texts read
    alike otherwise, since they differ behind `max_length` or in unknown tokens alone, they score 1 as well, and
    `indistinct` counts them.

    Args:
        saved: the model, see `load`.
        threads: threads that one call may use; None for the number of cores.
        cache_bytes: memory for encoded texts that are kept between calls; 0 keeps none.
        simplify: turn traditional Chinese characters into simplified ones, for a model that was trained on these alone
            (extra "opencc"). The matcher's `saved` is then a copy with such a tokenizer.

    Attributes:
        max_length: tokens of a text that are read; the rest is left out, as in training.
        truncated: texts given so far that were longer, each time counted.
        indistinct: pairs of different texts scored so far that read alike, each time counted.
        cache: the `VectorCache`, or None.

    Example:
        >>> matcher = TextMatcher.load("zh-general")
        >>> round(matcher.score("花呗怎么还款", "怎样还花呗"), 2)
        0.61
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
        self.truncated = self.indistinct = 0
        self._tokenizer, self._vocabulary = saved.tokenizer, saved.vocabulary
        if simplify:
            self._tokenizer = saved.tokenizer.simplifying()
            self.saved = replace(saved, tokenizer=self._tokenizer)
        self._cache_bytes = cache_bytes
        self._start()

    def _start(self) -> None:
        self.cache = VectorCache(self._cache_bytes) if self._cache_bytes else None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: value for name, value in super().__getstate__().items() if name not in ("cache", "_lock")
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._start()

    def score(self, text_a: str, text_b: str) -> float:
        """How similar two texts are, in [0, 1].

        Raises:
            InputError: a text is not a str, or is empty once it is normalized.
        """
        keys = self.keys((text_a, text_b), ("text_a", "text_b").__getitem__)
        return float(self.score_keys(keys[:1], keys[1:], self.differ([text_a], [text_b]), self.cache)[0])

    def is_match(self, text_a: str, text_b: str) -> bool:
        """Whether two texts score at least `threshold`. Raises as `score`."""
        return self.score(text_a, text_b) >= self.threshold

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
        """
        left, right = _sides(pairs, columns)
        n = len(left)

        def where(place: int) -> str:
            return f"pairs[{place % n}], {'text_a' if place < n else 'text_b'}"

        keys = self.keys([*left, *right], where)
        if n <= _CHUNK_ROWS:
            return self.score_keys(keys[:n], keys[n:], self.differ(left, right), self.cache)
        left_keys, right_keys = keys[:n], keys[n:]
        scores = np.empty(n, np.float32)
        with self.cache_for_a_pass() as cache:
            for start in range(0, n, _CHUNK_ROWS):
                part = slice(start, start + _CHUNK_ROWS)
                differ = self.differ(left[part], right[part])
                scores[part] = self.score_keys(left_keys[part], right_keys[part], differ, cache)
        return scores

    def cache_for_a_pass(
        self, cache_bytes: int = CACHE_BYTES
    ) -> contextlib.AbstractContextManager[VectorCache]:
        """The cache for a pass over many texts: the matcher's own, else one that lasts as long as the pass."""
        return contextlib.nullcontext(self.cache) if self.cache else SpillingCache(cache_bytes)

    def encode(self, texts: Iterable[str]) -> np.ndarray:
        """The vectors of texts, which the model's head compares.

        Returns:
            float32 (n, dim).

        Raises:
            InputError: not a list of texts, or a text is not a str or is empty; names the row.
        """
        if isinstance(texts, str | bytes | Mapping) or not isinstance(texts, Iterable) or _is_frame(texts):
            hint = "encode([text])" if isinstance(texts, str) else "encode([text, ...])"
            raise InputError(f"texts: expected a list of texts. Received {_shown(texts)}. Call {hint}.")
        encoded, rows = self.encode_keys(self.keys(list(texts), "texts[{}]".format), self.cache)
        return encoded[rows]

    def key(self, text: Any, where: str) -> tuple[bytes, bool]:
        """The token ids of a text as int32 bytes, and whether the text was longer."""
        if not isinstance(text, str):
            # Without pandas, whose NA cannot be compared.
            gone = text is None or type(text).__name__ in ("NAType", "NaTType")
            missing = " Is a cell missing?" if gone or (isinstance(text, float) and text != text) else ""
            raise InputError(f"{where}: expected a text (str). Received {_shown(text)}.{missing}")
        normalized = self._tokenizer.normalizer(text)
        if not normalized:
            raise InputError(
                f"{where}: expected a text. Received {text!r:.80}, which is empty once it is normalized."
            )
        limit = self.max_length
        tokens = self._tokenizer.cut(normalized)
        ids = self._vocabulary.encode(tokens[:limit])
        return np.array(ids[:limit], np.int32).tobytes(), len(tokens) > limit or len(ids) > limit

    def keys(self, texts: Sequence[Any], where: Callable[[int], str]) -> list[bytes]:
        """The `key` of each text, whose place `where` names in errors; counts those that are cut."""
        known: dict[str, tuple[bytes, bool]] = {}
        keys, truncated = [], 0
        for place, text in enumerate(texts):
            found = known.get(text) if isinstance(text, str) else None
            if found is None:
                found = known[text] = self.key(text, where(place))
            keys.append(found[0])
            truncated += found[1]
        self.count_truncated(truncated)
        return keys

    def count_truncated(self, number: int) -> None:
        if number:
            with self._lock:
                self.truncated += number

    def encode_keys(self, keys: Sequence[bytes], cache: VectorCache | None) -> tuple[np.ndarray, np.ndarray]:
        """Encodes each distinct key once.

        Returns:
            Pair (encoded, rows): float32 (distinct, dim), and for each key its row, int64 (keys,).
        """
        # In an order of their own, so that the bits do not depend on the order in which texts are given.
        distinct = sorted(set(keys), key=lambda key: (len(key), key))
        places = {key: place for place, key in enumerate(distinct)}
        rows = np.fromiter(map(places.__getitem__, keys), np.int64, len(keys))
        if cache is None:
            return self._encode_distinct(distinct), rows
        encoded = np.empty((len(distinct), self.dim), np.float32)
        missing = cache.read(distinct, encoded)
        if missing:
            keys = [distinct[place] for place in missing]
            encoded[missing] = self._encode_distinct(keys)
            cache.write(keys, encoded[missing])
        return encoded, rows

    def directions(self, keys: Sequence[bytes], cache: VectorCache | None) -> np.ndarray:
        """The vectors of keys at length 1, whose products are cosines; at length 0 where a vector has none.

        Returns:
            float32 (keys, dim).
        """
        encoded, rows = self.encode_keys(keys, cache)
        lengths = np.linalg.norm(encoded, axis=1, keepdims=True)
        return (encoded / np.where(lengths > 0, lengths, 1))[rows]

    def score_keys(
        self,
        left: Sequence[bytes],
        right: Sequence[bytes],
        differ: Callable[[int], bool],
        cache: VectorCache | None,
    ) -> np.ndarray:
        """Scores pairs of keys.

        Args:
            left, right: for each pair the keys of its texts.
            differ: whether the two texts of the pair at a place are different; asked only where keys do not tell them
                apart: they are equal, or all that is read is unknown.
            cache: where encoded keys are looked up and kept.

        Returns:
            float32 (pairs,) in [0, 1].
        """
        encoded, rows = self.encode_keys([*left, *right], cache)
        scores = self.compare_rows(encoded, rows[: len(left)], rows[len(left) :])
        indistinct = 0
        for place, keys in enumerate(zip(left, right, strict=True)):
            if all(map(_knows_nothing, keys)):
                if differ(place):
                    scores[place] = 0
            elif keys[0] == keys[1]:
                indistinct += differ(place)
        if indistinct:
            with self._lock:
                self.indistinct += indistinct
        return scores

    def differ(self, left: Sequence[str], right: Sequence[str]) -> Callable[[int], bool]:
        """A function for `score_keys`: whether two texts at a place differ in more than what is normalized away."""
        normalize = self._tokenizer.normalizer
        return lambda place: normalize(left[place]) != normalize(right[place])

    def _encode_distinct(self, keys: Sequence[bytes]) -> np.ndarray:
        lengths = np.fromiter(map(len, keys), np.int32, len(keys)) // 4
        return self._scorer.encode_ids(np.frombuffer(b"".join(keys), np.int32), lengths)


class VectorMatcher(Matcher):
    """Scores pairs of numeric vectors.

    Where the model was trained on standardized vectors, it standardizes what it is given. A score does not
    depend on the order of the pair's sides, to the bit, and a vector with itself scores 1.

    Attributes:
        width: width of the vectors that it takes.
    """

    kind = "vectors"

    def __init__(self, saved: SavedModel, *, threads: int | None = None) -> None:
        super().__init__(saved, threads=threads)
        self.width = saved.dim

    def score(self, left: Any, right: Any) -> float:
        """How similar two vectors are, in [0, 1].

        Args:
            left, right: numbers, shape (width,).

        Raises:
            InputError: another shape, or not finite numbers.
        """
        rows = [self._vectors(side, name, ndim=1)[None] for side, name in ((left, "left"), (right, "right"))]
        return float(self._score_rows(*rows)[0])

    def is_match(self, left: Any, right: Any) -> bool:
        """Whether two vectors score at least `threshold`. Raises as `score`."""
        return self.score(left, right) >= self.threshold

    def score_pairs(self, left: Any, right: Any) -> np.ndarray:
        """Scores the rows of two arrays pairwise.

        Args:
            left, right: numbers, shape (n, width) each.

        Returns:
            float32 (n,) in [0, 1].

        Raises:
            InputError: another shape, different numbers of rows, or not finite numbers; names row and column.
        """
        left, right = self._vectors(left, "left"), self._vectors(right, "right")
        if len(left) != len(right):
            raise InputError(
                f"left and right: expected as many rows on both sides. Received {len(left)} and {len(right)}."
            )
        scores = np.empty(len(left), np.float32)
        for start in range(0, len(left), _CHUNK_ROWS):
            part = slice(start, start + _CHUNK_ROWS)
            scores[part] = self._score_rows(left[part], right[part])
        return scores

    def encode(self, vectors: Any) -> np.ndarray:
        """The encoded vectors, which the model's head compares.

        Args:
            vectors: numbers, shape (n, width).

        Returns:
            float32 (n, dim).

        Raises:
            InputError: another shape, or not finite numbers; names row and column.
        """
        return self._scorer.encode_vectors(self._vectors(vectors, "vectors"))

    def _score_rows(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        # Equal rows are encoded once and in an order of their own: the bits do not depend on the side.
        both = np.concatenate([left, right])
        _, first, rows = np.unique(
            both.view(np.dtype((np.void, both.strides[0])))[:, 0], return_index=True, return_inverse=True
        )
        return self.compare_rows(
            self._scorer.encode_vectors(both[first]), rows[: len(left)], rows[len(left) :]
        )

    def _vectors(self, values: Any, name: str, ndim: int = 2) -> np.ndarray:
        shape = f"(n, {self.width})" if ndim == 2 else f"({self.width},)"
        try:
            vectors = np.ascontiguousarray(values, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{name}: expected numbers of shape {shape}. Received {_shown(values)}."
            ) from error
        if np.ndim(values) != ndim or vectors.shape[-1] != self.width:
            raise InputError(f"{name}: expected shape {shape}. Received {np.shape(values)}.")
        if not np.isfinite(vectors).all():
            *row, column = np.argwhere(~np.isfinite(vectors))[0].tolist()
            place = f"row {row[0]}, column {column}" if row else f"column {column}"
            raise InputError(
                f"{name}, {place}: expected finite numbers. Received {vectors[tuple([*row, column])]}."
            )
        return vectors


_UNKNOWN = np.int32(UNK_ID).tobytes()


def _knows_nothing(key: bytes) -> bool:
    """Whether a key has no ids but those of unknown tokens."""
    return key == _UNKNOWN * (len(key) // len(_UNKNOWN))


def load_matcher(
    path_or_name: str | os.PathLike[str], *, threads: int | None = None, simplify: bool = False
) -> TextMatcher | VectorMatcher:
    """Loads a model as the matcher of its kind.

    Raises as `Matcher.load`, and InputError where `simplify` (see `TextMatcher`) is asked of a model of vectors.
    """
    saved = load_model(path_or_name)
    if saved.kind == "text":
        return TextMatcher(saved, threads=threads, simplify=simplify)
    if simplify:
        raise InputError(
            f"simplify: expected a model of texts. Received {os.fspath(path_or_name)}, one of kind {saved.kind!r}: "
            "leave out simplify."
        )
    return VectorMatcher(saved, threads=threads)


def _is_frame(value: Any) -> bool:
    """Whether the value is a pandas DataFrame, found out without pandas."""
    return hasattr(value, "iloc") and hasattr(value, "columns")


def _sides(pairs: Any, columns: Sequence[str] | None) -> tuple[Sequence[Any], Sequence[Any]]:
    """The two columns of `pairs`."""
    if _is_frame(pairs):
        from textsim.data.rows import UNLABELED, rows_from_frame

        left, right = rows_from_frame(pairs, UNLABELED, columns=columns).texts
        return left, right
    if columns is not None:
        raise InputError(f"columns: expected with a data frame only. Received {_shown(pairs)}.")
    if isinstance(pairs, np.ndarray):
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise InputError(f"pairs: expected an array of shape (n, 2). Received {pairs.shape}.")
        return pairs[:, 0].tolist(), pairs[:, 1].tolist()
    if isinstance(pairs, str | bytes | Mapping) or not isinstance(pairs, Iterable):
        raise InputError(
            "pairs: expected pairs (text_a, text_b), an array of shape (n, 2) or a data frame. "
            f"Received {_shown(pairs)}. For one pair call score(text_a, text_b)."
        )
    left, right = [], []
    for row, pair in enumerate(pairs):
        if not isinstance(pair, Sequence | np.ndarray) or isinstance(pair, str | bytes) or len(pair) != 2:
            hint = " For one pair call score(text_a, text_b)." if isinstance(pair, str) else ""
            raise InputError(
                f"pairs[{row}]: expected two texts (text_a, text_b). Received {_shown(pair)}.{hint}"
            )
        left.append(pair[0])
        right.append(pair[1])
    return left, right


def _shown(value: Any) -> str:
    shown = repr(value)
    return f"{type(value).__name__}: {shown if len(shown) <= 80 else shown[:77] + '...'}"
