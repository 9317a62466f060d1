"""What matchers of texts and of numeric vectors have in common: a loaded model, ready to score."""

from __future__ import annotations

import os
from typing import Any, ClassVar, TypeVar

import numpy as np

from textsim.artifacts.saved_model import Kind, SavedModel, load_model
from textsim.errors import ArtifactError, InputError
from textsim.matching.scorers import make_scorer

M = TypeVar("M", bound="Matcher")

CHUNK_ROWS = 8192
"""Pairs that are scored at a time where there are many: enough for full speed, and a bound on memory."""


class Matcher:
    """Base of matchers: a loaded model, ready to score. Safe to call from several threads at once; can be pickled.

    Args:
        saved: the model, see `load`.
        threads: threads that one call may use; None for the number of cores.

    Attributes:
        saved: the model, with its recipe, validation metrics and provenance.
        threshold: score from which on a pair is a match, in [0, 1].
        output_dim: width of an encoded text or vector.
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
        self.output_dim = saved.output_dim
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
        """Scores rows of `encoded`: each distinct pair once, whichever side comes first; a row with itself scores 1.

        Args:
            encoded: float32 (n, output_dim).
            left, right: for each pair the rows of its sides, int64 (pairs,).

        Returns:
            float32 (pairs,) in [0, 1].
        """
        low, high = np.minimum(left, right), np.maximum(left, right)
        inverse: slice | np.ndarray = slice(None)
        if len(low) > 1:
            distinct, inverse = np.unique(low * len(encoded) + high, return_inverse=True)
            low, high = np.divmod(distinct, len(encoded))
        scores = self._scorer.compare(encoded, low, high)
        # A head that is learned need not know.
        scores[low == high] = 1
        return scores[inverse]
