"""Texts that mean the same as another of one list, as groups."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path

import numpy as np

from textsim.artifacts.fingerprint import fingerprint
from textsim.errors import ArtifactError, InputError, shown
from textsim.io.atomic import atomic_file
from textsim.io.progress import progress_bar
from textsim.matching.index.neighbors import Neighbors, nearest_others
from textsim.matching.matcher import CHUNK_ROWS
from textsim.matching.text_matcher import TextMatcher, TokenizedTexts

MIN_COSINE = 0.65
"""Pairs of smaller cosines are not scored, unless told otherwise."""

# Vectors beyond this are kept at half the precision.
_VECTOR_BYTES = 1 << 30
_ARRAYS = ("left", "right", "scores", "indistinct")


@dataclass(frozen=True)
class ScoredPairs:
    """Pairs of near texts of a list, whatever they score: groups for any threshold come from these.

    Attributes:
        texts: how many texts the list has.
        left, right: places of the two texts, int64 (pairs,); left < right.
        scores: float32 (pairs,) in [0, 1].
        indistinct: bool (pairs,), see `PairScores`.
        made_of: a hash of the texts, the model and the settings.
    """

    texts: int
    left: np.ndarray
    right: np.ndarray
    scores: np.ndarray
    indistinct: np.ndarray
    made_of: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the pairs to a file, as NumPy's .npz."""
        with atomic_file(path, "wb") as file:
            arrays = {name: getattr(self, name) for name in _ARRAYS}
            np.savez(file, texts=np.array(self.texts), made_of=np.array(self.made_of), **arrays)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> ScoredPairs:
        """Reads pairs that `save` wrote.

        Raises:
            ArtifactError: the file is none.
        """
        try:
            found = np.load(path, allow_pickle=False)
            if isinstance(found, np.ndarray):
                raise ValueError("it is one array")
            with found as stored:
                arrays = {name: np.asarray(stored[name]) for name in _ARRAYS}
                texts = np.asarray(stored["texts"])
                if texts.dtype.kind != "i" or texts.shape:
                    raise ValueError(f"'texts' is {texts.dtype} of shape {texts.shape}")
                pairs = ScoredPairs(int(texts), **arrays, made_of=str(stored["made_of"]))
            pairs._check()
            return pairs
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise ArtifactError(f"{path} is not a file of scored pairs: {error}") from error

    def _check(self) -> None:
        """Raises ValueError where the arrays are not as they should be."""
        for name, dtype in zip(_ARRAYS, (np.int64, np.int64, np.float32, bool), strict=True):
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != self.left.shape or array.ndim != 1:
                raise ValueError(f"{name!r} is {array.dtype} of shape {array.shape}")
        if not ((self.left >= 0) & (self.left < self.right) & (self.right < self.texts)).all():
            raise ValueError("places are out of range")
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise ValueError("scores are out of range")


@dataclass(frozen=True)
class Groups:
    """Groups of texts: each text and the one that stands for it.

    Attributes:
        representatives: for each text the place of its representative, int64 (texts,); a text alone has itself.
        scores: for each text its score with that, float32 (texts,); 1 with itself.
        indistinct: for each text whether it is one with that to the model, see `PairScores`; bool (texts,).
    """

    representatives: np.ndarray
    scores: np.ndarray
    indistinct: np.ndarray


def find_duplicates(
    matcher: TextMatcher,
    texts: Iterable[str],
    *,
    threshold: float | None = None,
    progress: bool | None = False,
) -> Groups:
    """Groups of texts that match.

    Args:
        matcher: the loaded model.
        texts: the list; texts that are equal once they are normalized need no model.
        threshold: score from which on a text belongs to a representative; by default the matcher's.
        progress: whether to show progress on standard error; None: where that is a terminal.

    Raises:
        InputError: a text is not a str or is empty, names its place; or the threshold is out of its range.

    Example:
        >>> texts = ["忘记密码怎么办", "密码忘了怎么办", "如何申请退货", "忘记密码怎么办"]
        >>> find_duplicates(TextMatcher.load("zh-general"), texts).representatives.tolist()
        [0, 0, 2, 0]
    """
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise InputError(f"texts: expected a list of texts. Received {shown(texts)}.")
    threshold = matcher.threshold if threshold is None else threshold
    check_settings(threshold=threshold)
    texts = list(texts)
    distinct = distinct_texts(matcher, texts)
    pairs = score_neighbors(matcher, [texts[place] for place in distinct.first], progress=progress)
    return distinct.spread(group(pairs, threshold))


def check_settings(*, threshold: float = 0.0, neighbors: int = 1, min_cosine: float = 0.0) -> None:
    """Raises InputError where a setting is out of its range: with it, no text would have a duplicate."""
    for name, value, least in (("threshold", threshold, 0), ("min_cosine", min_cosine, -1)):
        if not isinstance(value, Real) or not least <= value <= 1:
            raise InputError(f"{name}: expected a number from {least} to 1. Received {shown(value)}.")
    if not isinstance(neighbors, Integral) or neighbors < 1:
        raise InputError(f"neighbors: expected at least 1. Received {shown(neighbors)}.")


@dataclass(frozen=True)
class DistinctTexts:
    """A list's texts, those that are equal once they are normalized counted as one.

    Attributes:
        first: place of the first of each, int64 (distinct,).
        of: for each text the number of what it equals, int64 (texts,).
    """

    first: np.ndarray
    of: np.ndarray

    def spread(self, groups: Groups) -> Groups:
        """The groups of all texts, of those of the distinct ones."""
        return Groups(
            self.first[groups.representatives][self.of],
            groups.scores[self.of],
            groups.indistinct[self.of],
        )


def distinct_texts(matcher: TextMatcher, texts: Sequence[str]) -> DistinctTexts:
    """Which texts of a list are equal once they are normalized.

    Raises:
        InputError: a text is not a str or is empty; names its place.
    """
    tokenizer = matcher.saved.tokenizer
    assert tokenizer is not None
    numbers: dict[str, int] = {}
    first: list[int] = []
    of = np.empty(len(texts), np.int64)
    for place, text in enumerate(texts):
        known = tokenizer.normalizer(text) if isinstance(text, str) else ""
        if not known:
            # Raises: named by its place among all texts.
            matcher.read([text], [f"texts[{place}]"].__getitem__)
        number = numbers.setdefault(known, len(numbers))
        if number == len(first):
            first.append(place)
        of[place] = number
    return DistinctTexts(np.array(first, np.int64), of)


def made_of(matcher: TextMatcher, texts: Sequence[str], neighbors: int, min_cosine: float) -> str:
    """A hash of all that `score_neighbors` depends on."""
    digest = hashlib.sha256(f"{fingerprint(matcher.saved)} {neighbors} {min_cosine}".encode())
    for text in texts:
        digest.update(f"{len(text)} {text}".encode("utf-8", "replace"))
    return digest.hexdigest()


def score_neighbors(
    matcher: TextMatcher,
    texts: Sequence[str],
    *,
    neighbors: int = 20,
    min_cosine: float = MIN_COSINE,
    progress: bool | None = False,
) -> ScoredPairs:
    """Scores each text with those of the others that are nearest to it.

    Memory holds the texts' vectors, at half the precision where they would take more than 1 GB: scores then differ by
    up to 0.001 from those of `TextMatcher.score`.

    Args:
        matcher: the loaded model.
        texts: distinct ones.
        neighbors: how many others of the largest cosines are scored with each. A representative can have as many more
            than that as find it among theirs.
        min_cosine: pairs of smaller cosines are not scored; with `zh-general` 0.65 costs no recall on the dev files of
            BQ and LCQMC. A model without in-batch negatives, whose cosines say little, scores all.
        progress: whether to show progress on standard error; None: where that is a terminal.

    Raises:
        InputError: a text is not a str or is empty, names its place; or a number is out of its range.
        MissingDependencyError: there are more than 10,000 texts, and usearch is not installed.
    """
    check_settings(neighbors=neighbors, min_cosine=min_cosine)
    read = matcher.read(texts)
    scored = score_encoded_neighbors(
        matcher, read, _encode(matcher, read, progress), neighbors, min_cosine, progress=progress
    )
    return replace(scored, made_of=made_of(matcher, texts, neighbors, min_cosine))


def score_encoded_neighbors(
    matcher: TextMatcher,
    read: TokenizedTexts,
    encoded: np.ndarray,
    neighbors: int,
    min_cosine: float,
    *,
    progress: bool | None = False,
) -> ScoredPairs:
    """`score_neighbors` of texts that have been read and encoded, float (texts, output_dim). `made_of` stays empty."""
    found = nearest_others(encoded, neighbors, progress=progress)
    left, right = _pairs_of(
        found, min_cosine if matcher.saved.recipe.loss.options.get("negatives") else -np.inf
    )
    del found
    scores = np.empty(len(left), np.float32)
    indistinct = np.empty(len(left), bool)
    with progress_bar(progress, "scoring", "pairs", total=len(left)) as bar:
        for start in range(0, len(left), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            # Those of the part alone, at full precision.
            places, rows = np.unique(np.concatenate([left[part], right[part]]), return_inverse=True)
            lefts, rights = np.split(rows, 2)
            result = matcher.compare_encoded(
                read.take(left[part].tolist()),
                read.take(right[part].tolist()),
                encoded[places].astype(np.float32),
                lefts,
                rights,
            )
            scores[part], indistinct[part] = result.scores, result.indistinct
            bar.update(len(lefts))
    return ScoredPairs(len(read), left, right, scores, indistinct, "")


def _pairs_of(found: Neighbors, least: float) -> tuple[np.ndarray, np.ndarray]:
    """The places of each two texts of which one is a neighbour of the other, rising, each pair once.

    A million texts have some ten million: they are gathered as one number each, a block at a time.

    Args:
        found: the neighbours of each text.
        least: the smallest cosine that counts.

    Returns:
        Pair (left, right), int64 (pairs,); left < right.
    """
    parts = [np.empty(0, np.int64)]
    for start in range(0, len(found.places), CHUNK_ROWS):
        places = found.places[start : start + CHUNK_ROWS].astype(np.int64)
        cosines = found.cosines[start : start + CHUNK_ROWS]
        own = np.arange(start, start + len(places))[:, None]
        codes = (np.minimum(own, places) << 32) + np.maximum(own, places)
        parts.append(codes[(cosines >= least) & (cosines > -np.inf)])
    codes = np.concatenate(parts)
    del parts
    codes.sort()
    # Two texts may each be a neighbour of the other.
    codes = codes[np.append(True, codes[1:] != codes[:-1])[: len(codes)]]
    return codes >> 32, codes & 0xFFFFFFFF


def _encode(matcher: TextMatcher, texts: TokenizedTexts, progress: bool | None) -> np.ndarray:
    large = len(texts) * matcher.output_dim * 4 > _VECTOR_BYTES
    encoded = np.empty((len(texts), matcher.output_dim), np.float16 if large else np.float32)
    with progress_bar(progress, "encoding", "texts", total=len(texts)) as bar:
        for start in range(0, len(texts), CHUNK_ROWS):
            part = texts[start : start + CHUNK_ROWS]
            vectors, rows = matcher.encode_keys(part.keys, None)
            encoded[start : start + CHUNK_ROWS] = vectors[rows]
            bar.update(len(part))
    return encoded


def group(pairs: ScoredPairs, threshold: float) -> Groups:
    """Groups in which each text matches its representative: of a chain a ~ b ~ c, a and c are not joined through b.

    The text of the largest sum of scores with those that it matches becomes the first representative and takes them;
    then the next of those that are left, and so on. Of equal sums the first text comes first.

    Args:
        pairs: the scored pairs.
        threshold: score from which on two texts match.

    Reference:
        Aslam, Pelekhov & Rus (2004), The Star Clustering Algorithm for Static and Dynamic Information Organization.

    Example:
        >>> chain = ScoredPairs(3, np.array([0, 1]), np.array([1, 2]), np.array([0.9, 0.8]), np.zeros(2, bool), "")
        >>> group(chain, 0.5).representatives.tolist(), group(chain, 0.85).representatives.tolist()
        ([1, 1, 1], [0, 0, 2])
    """
    # As wide as the threshold, as everywhere.
    places = np.flatnonzero(pairs.scores.astype(np.float64) >= threshold)
    # Every pair once from each side, by the text that it starts at.
    starts = np.concatenate([pairs.left[places], pairs.right[places]])
    ends = np.concatenate([pairs.right[places], pairs.left[places]])
    order = np.lexsort((ends, starts))
    ends, numbers = ends[order], np.concatenate([places, places])[order]
    bounds = np.searchsorted(starts[order], np.arange(pairs.texts + 1))
    sums = np.bincount(starts, np.concatenate([pairs.scores[places]] * 2), minlength=pairs.texts)
    representatives = np.full(pairs.texts, -1)
    by_pair = np.full(pairs.texts, -1)
    for text in np.argsort(-sums.round(6), kind="stable"):
        if representatives[text] >= 0:
            continue
        representatives[text] = text
        own = slice(bounds[text], bounds[text + 1])
        free = representatives[ends[own]] < 0
        representatives[ends[own][free]] = text
        by_pair[ends[own][free]] = numbers[own][free]
    joined = by_pair >= 0
    scores = np.ones(pairs.texts, np.float32)
    indistinct = np.zeros(pairs.texts, bool)
    scores[joined], indistinct[joined] = pairs.scores[by_pair[joined]], pairs.indistinct[by_pair[joined]]
    return Groups(representatives, scores, indistinct)


def kept_pairs(
    matcher: TextMatcher, texts: Sequence[str], path: Path, neighbors: int, min_cosine: float
) -> ScoredPairs | None:
    """The pairs that a file keeps; None where there is no file.

    Raises:
        ArtifactError: the file is none of pairs, or of other texts, another model or other settings.
    """
    if not path.exists():
        return None
    pairs = ScoredPairs.load(path)
    if pairs.made_of != made_of(matcher, texts, neighbors, min_cosine):
        raise ArtifactError(
            f"{path} keeps pairs of other texts, of another model or of other settings. Remove it, or choose "
            "another path."
        )
    return pairs
