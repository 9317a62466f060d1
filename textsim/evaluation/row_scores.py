"""Scores of a dataset's rows, by a saved model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, cast

import numpy as np

from textsim.data.dataset import PairDataset
from textsim.matching.text_matcher import TextMatcher
from textsim.matching.vector_matcher import VectorMatcher
from textsim.text.vocabulary import PAD_ID, UNK_ID, Vocabulary

_CHUNK_ROWS = 8192


class RowScores(NamedTuple):
    """Scores of rows' first side with another one.

    Attributes:
        scores: float32 (rows,) in [0, 1].
        indistinct: bool (rows,), whether the two are different texts that are one to the model.
    """

    scores: np.ndarray
    indistinct: np.ndarray

    @classmethod
    def joined(cls, parts: Iterable[RowScores]) -> RowScores:
        """The scores of all parts' rows, in order."""
        return cls(*map(np.concatenate, zip(*parts, strict=True)))


def row_scores(
    matcher: TextMatcher | VectorMatcher, dataset: PairDataset, sides: Sequence[np.ndarray]
) -> Iterator[list[RowScores]]:
    """Scores rows in chunks.

    A model reads what the dataset holds of a text, which may be cut, and whose unknown tokens stay unknown.

    Args:
        matcher: of the dataset's kind of data, with its tokenizer; its vocabulary may be another.
        dataset: what the rows are of.
        sides: two or three, for each the numbers of its sentences, int (rows,), or its vectors, float (rows, dim).

    Yields:
        The first side's scores with each other side.
    """
    chunks = (
        [side[start : start + _CHUNK_ROWS] for side in sides]
        for start in range(0, len(sides[0]), _CHUNK_ROWS)
    )
    if isinstance(matcher, VectorMatcher):
        mean, scale = dataset.scaler or (0.0, 1.0)
        for vectors in chunks:
            # The dataset holds standardized vectors; the matcher takes them as they were.
            given = [side * scale + mean for side in vectors]
            scores = [matcher.score_pairs(given[0], other) for other in given[1:]]
            yield [RowScores(column, np.zeros(len(column), bool)) for column in scores]
        return
    assert dataset.vocabulary is not None and dataset.sentences is not None
    sentences = dataset.sentences
    pieces = translation(dataset.vocabulary, cast(Vocabulary, matcher.saved.vocabulary))

    def key(number: int) -> bytes:
        # Not what the text says of a token that the dataset does not know: that is lost.
        ids = [pieces[token] for token in sentences[number].tolist()]
        joined = np.concatenate(ids) if ids else np.empty(0, np.int32)
        return joined[: matcher.max_length].tobytes()

    with matcher.cache_for_a_pass() as cache:
        for numbers in chunks:
            keys = [[key(number) for number in side.tolist()] for side in numbers]
            # Different texts have different numbers.
            differ = [np.not_equal(numbers[0], other).__getitem__ for other in numbers[1:]]
            yield [
                RowScores(*matcher.compare_keys(keys[0], other, differs, cache))
                for other, differs in zip(keys[1:], differ, strict=True)
            ]


def translation(source: Vocabulary, target: Vocabulary) -> list[np.ndarray]:
    """For each id of a vocabulary the ids of its token in another one, int32; what is unknown stays unknown."""
    pieces = [target.encode([token]) for token in source.tokens]
    # "[UNK]" is a place, not a word to be read.
    pieces[PAD_ID], pieces[UNK_ID] = [PAD_ID], [UNK_ID]
    return [np.array(ids, np.int32) for ids in pieces]
