"""The texts of a partition: which are the same, and the tokens of each different one.

Equal texts have one hash, so that they meet in one partition, and a partition is taken by itself: in this process, in
another, or in a Spark task.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from textsim.io.npy import NpyWriter
from textsim.text.tokenizers import Tokenizer

PARTITIONS = 64


class CutTexts(NamedTuple):
    """Some texts of a partition, as they came in.

    Attributes:
        distinct: for each text the number of its distinct text, int32 (texts,). Distinct texts are numbered within the
            partition, in order of first appearance.
        lengths: how many tokens each distinct text has that had not come before, int32 (new,).
        ids: all their tokens, by numbers within the partition, int32 (lengths.sum(),).
        tokens: those that had not come before. Their numbers follow.
    """

    distinct: np.ndarray
    lengths: np.ndarray
    ids: np.ndarray
    tokens: list[str]


class Cutter:
    """Cuts the distinct texts of one partition, in memory that grows with them alone.

    Args:
        tokenizer: whose normalizer the texts have passed already.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._distinct: dict[bytes, int] = {}
        self._tokens: dict[str, int] = {}

    def cut(self, texts: Sequence[bytes]) -> CutTexts:
        """Takes the next texts of the partition, in UTF-8."""
        indices: list[int] = []
        lengths: list[int] = []
        ids: list[int] = []
        known = len(self._tokens)
        for text in texts:
            index = self._distinct.get(text)
            if index is None:
                index = self._distinct[text] = len(self._distinct)
                cut = self._tokenizer.cut(text.decode())
                lengths.append(len(cut))
                ids += [self._tokens.setdefault(token, len(self._tokens)) for token in cut]
            indices.append(index)
        tokens = list(islice(reversed(self._tokens), len(self._tokens) - known))
        as_array = partial(np.array, dtype=np.int32)
        return CutTexts(as_array(indices), as_array(lengths), as_array(ids), tokens[::-1])


def partition_of(text: bytes) -> int:
    """The partition of a text in UTF-8."""
    return zlib.crc32(text) % PARTITIONS


def partition_file(work: Path, part: int, name: str) -> Path:
    """A file of a partition, among the temporary ones."""
    return work / f"part{part:02d}.{name}"


def write_partition(work: Path, part: int, pieces: Iterable[CutTexts]) -> None:
    """Writes a partition's distinct.npy, lengths.npy and ids.npy, and the lines of its tokens."""
    with (
        NpyWriter(partition_file(work, part, "distinct.npy"), np.int32) as distinct,
        NpyWriter(partition_file(work, part, "lengths.npy"), np.int32) as lengths,
        NpyWriter(partition_file(work, part, "ids.npy"), np.int32) as ids,
        open(partition_file(work, part, "tokens"), "wb") as tokens,
    ):
        for piece in pieces:
            distinct.append(piece.distinct)
            lengths.append(piece.lengths)
            ids.append(piece.ids)
            tokens.write("".join(f"{token}\n" for token in piece.tokens).encode())
