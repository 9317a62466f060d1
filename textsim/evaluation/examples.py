"""Labelled pairs that are like a pair: what the model was shown, or what people decided, in such a case."""

from __future__ import annotations

import contextlib
import os
from typing import Any, NamedTuple

import numpy as np

from textsim.data.row_kinds import PAIRS
from textsim.matching.files.report import FileReport
from textsim.matching.files.text_file import TextFile
from textsim.matching.text_matcher import TextMatcher


class Example(NamedTuple):
    """A labelled pair.

    Attributes:
        text_a, text_b, label: as the file has them.
        similarity: how alike the pair is to the one that was asked about, in [-1, 1]: the cosine of what a head looks
            at, the distances |u - v| and the products u * v of the two texts' vectors.
    """

    text_a: str
    text_b: str
    label: float
    similarity: float


class NearestExamples(NamedTuple):
    """The examples of a file that are most like a pair.

    Attributes:
        examples: the most alike first.
        report: how the file was read.
    """

    examples: list[Example]
    report: FileReport


def nearest_examples(
    matcher: TextMatcher,
    text_a: str,
    text_b: str,
    path: str | os.PathLike[str],
    *,
    k: int = 5,
    **reading: Any,
) -> NearestExamples:
    """The `k` labelled pairs of a file that are most like a pair of texts.

    Args:
        matcher: the loaded model, by whose vectors pairs are compared.
        text_a, text_b: the pair, in any order.
        path: file of labelled pairs, read as a stream.
        k: how many, at most.
        reading: how to read it, see `textsim.data.rows.read_rows`.

    Raises:
        InputError: a text is not a str, or is empty.
        DataFormatError: the file cannot be read; names the line.
    """
    query = _pair_features(*(matcher.encode([text]) for text in (text_a, text_b)))[0]
    best: list[Example] = []
    count = 0
    with (
        matcher.cache_for_a_pass() as cache,
        contextlib.closing(TextFile(matcher, path, PAIRS, reading)) as file,
    ):
        for chunk, columns in file:
            assert chunk.labels is not None
            sides = []
            for column in columns:
                encoded, rows = matcher.encode_keys(column.keys, cache)
                sides.append(encoded[rows])
            similarities = _pair_features(*sides) @ query
            rows_of_chunk = zip(*chunk.texts, chunk.labels.tolist(), similarities.tolist(), strict=True)
            best = sorted([*best, *(Example(*row) for row in rows_of_chunk)], key=lambda one: -one.similarity)
            best = best[:k]
            count += len(chunk)
    return NearestExamples(best, file.report(rows=count))


def _pair_features(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """What a head looks at, at length 1: float32 (pairs, 2 * output_dim)."""
    features = np.concatenate([np.abs(left - right), left * right], axis=1)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1)
