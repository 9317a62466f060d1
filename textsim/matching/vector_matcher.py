"""The scoring API for numeric vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from textsim.artifacts.saved_model import SavedModel
from textsim.errors import ArtifactError, InputError, shown
from textsim.matching.decisions import Decision, decide
from textsim.matching.matcher import CHUNK_ROWS, Matcher


class VectorMatcher(Matcher):
    """Scores pairs of numeric vectors.

    Where the model was trained on standardized vectors, it standardizes what it is given. A score does not
    depend on the order of the pair's sides, to the bit, and a vector with itself scores 1.

    Attributes:
        width: width of the vectors that it takes.

    Example:
        >>> matcher = VectorMatcher.load("vector-model")  # doctest: +SKIP
        >>> matcher.score_pairs(left, right)  # doctest: +SKIP
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
            InputError: another shape, or numbers that are not finite or too large for the model.
        """
        rows = [self._vectors(side, name, ndim=1)[None] for side, name in ((left, "left"), (right, "right"))]
        try:
            return float(self._score_rows(*rows)[0])
        except ArtifactError:
            raise self._fault_of_row("left and right", self._score_rows, *rows) from None

    def is_match(self, left: Any, right: Any) -> bool:
        """Whether two vectors score at least `threshold`. Raises as `score`."""
        return self.score(left, right) >= self.threshold

    def probability(self, left: Any, right: Any) -> float:
        """How probable it is that two vectors belong together, in [0, 1], by the model's calibration. Raises as
        `score`.
        """
        return self.decide(left, right).probability

    def decide(self, left: Any, right: Any) -> Decision:
        """Whether two vectors match, with the probability and the score. Raises as `score`."""
        return self.decisions(np.array([self.score(left, right)]))[0]

    def decisions(self, scores: np.ndarray) -> list[Decision]:
        """The decision about each pair that was scored, float (n,), see `decide`."""
        return decide(self.saved, scores)

    def score_pairs(self, left: Any, right: Any) -> np.ndarray:
        """Scores the rows of two arrays pairwise.

        Args:
            left, right: numbers, shape (n, width) each.

        Returns:
            float32 (n,) in [0, 1].

        Raises:
            InputError: another shape, different numbers of rows, or numbers that are not finite or too large for the
                model; names the row.
        """
        left, right = self._vectors(left, "left"), self._vectors(right, "right")
        if len(left) != len(right):
            raise InputError(
                f"left and right: expected as many rows on both sides. Received {len(left)} and {len(right)}."
            )
        scores = np.empty(len(left), np.float32)
        for start in range(0, len(left), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            try:
                scores[part] = self._score_rows(left[part], right[part])
            except ArtifactError:
                raise self._fault("left and right", self._score_rows, left, right) from None
        return scores

    def encode(self, vectors: Any) -> np.ndarray:
        """The encoded vectors, which the model's head compares.

        Args:
            vectors: numbers, shape (n, width).

        Returns:
            float32 (n, output_dim).

        Raises:
            InputError: another shape, or numbers that are not finite or too large for the model; names the row.
        """
        vectors = self._vectors(vectors, "vectors")
        try:
            return self._scorer.encode_vectors(vectors)
        except ArtifactError:
            raise self._fault("vectors", self._scorer.encode_vectors, vectors) from None

    def _score_rows(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        # Equal rows are encoded once and in an order of their own: the bits do not depend on the side.
        both = np.concatenate([left, right])
        _, first, rows = np.unique(
            both.view(np.dtype((np.void, both.strides[0])))[:, 0], return_index=True, return_inverse=True
        )
        return self.compare_rows(
            self._scorer.encode_vectors(both[first]), rows[: len(left)], rows[len(left) :]
        )

    def _fault(
        self, name: str, compute: Callable[..., np.ndarray], *sides: np.ndarray
    ) -> InputError | ArtifactError:
        """What is wrong where `compute` raised ArtifactError: the first row that fails, or the model.

        A model at fault fails for a row's direction too, with numbers of at most 1.
        """
        for row in range(len(sides[0])):
            one = [side[row : row + 1] for side in sides]
            try:
                compute(*one)
            except ArtifactError:
                return self._fault_of_row(f"{name}, row {row}", compute, *one)
        raise AssertionError("what fails among others fails alone")

    def _fault_of_row(
        self, where: str, compute: Callable[..., np.ndarray], *row: np.ndarray
    ) -> InputError | ArtifactError:
        try:
            compute(*(side / max(1, np.abs(side).max()) for side in row))
        except ArtifactError as error:
            return error
        largest = max(float(np.abs(side).max()) for side in row)
        return InputError(
            f"{where}: expected numbers that the model can compute with. Received one of size {largest:g}, with which "
            "it comes to no finite score. Does a number stand for a missing one?"
        )

    def _vectors(self, values: Any, name: str, ndim: int = 2) -> np.ndarray:
        shape = f"(n, {self.width})" if ndim == 2 else f"({self.width},)"
        try:
            vectors = np.ascontiguousarray(values, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{name}: expected numbers of shape {shape}. Received {shown(values)}."
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
