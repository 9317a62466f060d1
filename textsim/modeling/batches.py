"""Rows of a split to training batches: grouped by length, trimmed to each batch, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np


class SentenceStore(Protocol):
    """Tokenized sentences by number, as a dataset holds them."""

    @property
    def lengths(self) -> np.ndarray:
        """int32 (sentences,): tokens of each sentence."""

    def padded(self, indices: np.ndarray) -> np.ndarray:
        """int32 (len(indices), longest of them): token ids, right-padded with 0."""


class PairBatches:
    """The batches of one split.

    Rows are shuffled, then sorted by length within pools of `POOL` batches, so that a batch holds sentences
    of about one length; then the batches are shuffled. Without a seed, rows are sorted by length once and no
    row moves between passes.

    Args:
        sides: two or three arrays, int32 (rows,) of sentence numbers, or float (rows, dim) for vectors.
        labels: float (rows,) in [0, 1]; None for triplets.
        sentences: where sentence numbers are looked up; None for vectors.
        batch_size: rows of a batch; the last one may be smaller.
        seed: of the shuffling; None to keep one fixed order.
        class_weights: weights (of label < 0.5, of label >= 0.5) that each row counts with.

    Attributes:
        epoch: number of the pass, which the order depends on. Set it before iterating.
        offsets: float32 (rows,), what the loss adds to each row's logit; None for nothing.
    """

    POOL = 50

    def __init__(
        self,
        sides: tuple[np.ndarray, ...],
        labels: np.ndarray | None,
        sentences: SentenceStore | None,
        batch_size: int,
        seed: int | None = None,
        class_weights: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        self.sides, self.sentences = sides, sentences
        self.rows = len(sides[0])
        self.labels = np.ones(self.rows, "float32") if labels is None else np.asarray(labels, "float32")
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0
        self.weights = np.where(self.labels >= 0.5, class_weights[1], class_weights[0]).astype("float32")
        self.offsets: np.ndarray | None = None
        if sentences is None:
            self.lengths = np.zeros(self.rows, "int32")
        else:
            self.lengths = np.max([sentences.lengths[side] for side in sides], axis=0)

    def __len__(self) -> int:
        return -(-self.rows // self.batch_size)

    def order(self) -> list[np.ndarray]:
        """Row numbers of each batch of this epoch; every row once."""
        size = self.batch_size
        if self.seed is None:
            rows = np.argsort(self.lengths, kind="stable")
            return [rows[start : start + size] for start in range(0, self.rows, size)]
        rng = np.random.default_rng([self.seed, self.epoch])
        rows = rng.permutation(self.rows)
        pool = size * self.POOL
        for start in range(0, self.rows, pool):
            part = rows[start : start + pool]
            rows[start : start + pool] = part[np.argsort(self.lengths[part], kind="stable")]
        batches = [rows[start : start + size] for start in range(0, self.rows, size)]
        return [batches[k] for k in rng.permutation(len(batches))]

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        for rows in self.order():
            yield self.batch(rows)

    def batch(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The batch of some rows, in the layout that `SiameseModel` reads."""
        batch: dict[str, Any] = {"labels": self.labels[rows], "weights": self.weights[rows]}
        if self.offsets is not None:
            batch["offsets"] = self.offsets[rows]
        if self.sentences is None:
            batch["vectors"] = np.concatenate([side[rows] for side in self.sides]).astype(
                "float32", copy=False
            )
            # Equal vectors are one item, as equal texts are one sentence.
            numbers: dict[bytes, int] = {}
            items = [numbers.setdefault(vector.tobytes(), len(numbers)) for vector in batch["vectors"]]
            batch["sentences"] = np.array(items, "int32")
        else:
            sentences = np.concatenate([side[rows] for side in self.sides]).astype("int32", copy=False)
            batch["token_ids"] = self.sentences.padded(sentences)
            batch["lengths"] = np.asarray(self.sentences.lengths[sentences], "int32")
            batch["sentences"] = sentences
        return batch

    def positions(self) -> np.ndarray:
        """int64 (rows,): row numbers in the order in which iteration yields them."""
        return np.concatenate(self.order())
