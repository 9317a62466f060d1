"""Encodes and compares with a saved model, on arrays: batches of bounded size, sorted by length."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from textsim.artifacts.saved_model import SavedModel
from textsim.config.cores import available_cores
from textsim.errors import ArtifactError
from textsim.extras import needed_for
from textsim.onnx.export import encoder_graph, head_graph, token_table
from textsim.onnx.graph import Unsupported

T = TypeVar("T")

# Padded tokens of one encoder batch, and numbers on each side of one comparison: enough for full speed, and a
# bound on a batch's memory.
BATCH_TOKENS = 1024
BATCH_NUMBERS = 1 << 18


class Scorer(ABC):
    """Turns token ids or numeric vectors into encoded rows, and pairs of these into scores.

    Attributes:
        output_dim: width of an encoded row.
    """

    def __init__(self, saved: SavedModel, threads: int) -> None:
        self.output_dim = saved.output_dim
        self._scaler = saved.scaler
        self._threads = threads

    @abstractmethod
    def _encode(self, **batch: np.ndarray) -> np.ndarray:
        """Encodes `token_ids` int32 (n, steps) and `lengths` int32 (n,), or `vectors` float32 (n, dim)."""

    @abstractmethod
    def _compare(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Scores float32 (n, output_dim) pairs, float32 (n,)."""

    def encode_ids(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Encodes sentences.

        Args:
            ids: the token ids of all sentences, one after the other; int32 (sum of lengths,).
            lengths: tokens of each sentence, int32 (n,). A sentence may be empty.

        Returns:
            float32 (n, output_dim). A row depends on the others by rounding alone.

        Raises:
            ArtifactError: a number is none: the model's weights are too large for its arithmetic. So do the others.
        """
        encoded = np.empty((len(lengths), self.output_dim), np.float32)
        begins = np.cumsum(lengths, dtype=np.int64) - lengths

        def encode(rows: np.ndarray) -> None:
            batch_lengths = lengths[rows]
            steps = np.arange(max(1, int(batch_lengths.max())))
            inside = steps < batch_lengths[:, None]
            token_ids = np.zeros(inside.shape, np.int32)
            token_ids[inside] = ids[(begins[rows, None] + steps)[inside]]
            encoded[rows] = _finite(self._encode(token_ids=token_ids, lengths=batch_lengths))

        self._for_each(encode, _length_batches(lengths))
        return encoded

    def encode_vectors(self, vectors: np.ndarray) -> np.ndarray:
        """Encodes numeric vectors, standardized first where the model has a scaler.

        Args:
            vectors: float32 (n, dim).

        Returns:
            float32 (n, output_dim).
        """
        encoded = np.empty((len(vectors), self.output_dim), np.float32)

        def encode(part: slice) -> None:
            batch = vectors[part]
            if self._scaler is not None:
                mean, scale = self._scaler
                batch = (batch - mean) / scale
            encoded[part] = _finite(self._encode(vectors=batch))

        self._for_each(encode, _slices(len(vectors), BATCH_NUMBERS // vectors.shape[1]))
        return encoded

    def compare(self, encoded: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Scores pairs of encoded rows.

        Args:
            encoded: float32 (n, output_dim).
            left, right: for each pair the rows of its sides, int (pairs,).

        Returns:
            float32 (pairs,) in [0, 1].
        """
        scores = np.empty(len(left), np.float32)

        def compare(part: slice) -> None:
            scores[part] = _finite(self._compare(encoded[left[part]], encoded[right[part]]))

        self._for_each(compare, _slices(len(left), BATCH_NUMBERS // self.output_dim))
        return scores

    def _for_each(self, run: Callable[[T], None], batches: Sequence[T]) -> None:
        """Runs batches side by side. Each keeps to one thread: bits do not depend on how many there are."""
        if len(batches) < 2 or self._threads == 1:
            for batch in batches:
                run(batch)
            return
        with ThreadPoolExecutor(self._threads) as pool:
            for _ in pool.map(run, batches):
                pass


def _finite(computed: np.ndarray) -> np.ndarray:
    if not np.isfinite(computed).all():
        raise ArtifactError(
            "the model computes NaN or infinity: its weights, or the vectors that it reads, are far too large. Where "
            "training diverged, try a lower training.learning_rate."
        )
    return computed


def _length_batches(lengths: np.ndarray) -> list[np.ndarray]:
    """Splits sentences into batches that pad to at most BATCH_TOKENS, or hold one; several batches are by length."""
    if len(lengths) * max(1, int(lengths.max(initial=0))) <= BATCH_TOKENS:
        return [np.arange(len(lengths))] if len(lengths) else []
    order = np.argsort(lengths, kind="stable")
    batches = []
    start = 0
    while start < len(order):
        candidates = lengths[order[start : start + BATCH_TOKENS]]
        padded = np.maximum(candidates, 1) * np.arange(1, len(candidates) + 1)
        rows = max(1, int(np.searchsorted(padded, BATCH_TOKENS, side="right")))
        batches.append(order[start : start + rows])
        start += rows
    return batches


def _slices(length: int, step: int) -> list[slice]:
    """Consecutive slices of `step` rows, at least one, that together cover `length`."""
    step = max(1, step)
    return [slice(start, start + step) for start in range(0, length, step)]


class OnnxScorer(Scorer):
    """Runs a model with onnxruntime. Safe to call from several threads at once.

    Args:
        saved: the model.
        threads: batches of one call that run side by side; None for the number of cores.

    Raises:
        Unsupported: a part of the model has no ONNX form.
    """

    def __init__(self, saved: SavedModel, threads: int | None = None) -> None:
        import onnxruntime

        super().__init__(saved, threads or available_cores())
        options = onnxruntime.SessionOptions()
        # Batches side by side use the cores better than threads inside an operator, which wait on each other.
        options.intra_op_num_threads = 1
        self._encoder, self._head = (
            onnxruntime.InferenceSession(graph(saved), options, providers=["CPUExecutionProvider"])
            for graph in (encoder_graph, head_graph)
        )
        self._table = {"table": token_table(saved)} if saved.kind == "text" else {}

    def _encode(self, **batch: np.ndarray) -> np.ndarray:
        encoded: np.ndarray = self._encoder.run(None, {**self._table, **batch})[0]
        return encoded

    def _compare(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        scores: np.ndarray = self._head.run(None, {"u": u, "v": v})[0]
        return scores


class KerasScorer(Scorer):
    """Runs a model with Keras: slower, but with every part that is registered."""

    def __init__(self, saved: SavedModel) -> None:
        with needed_for("a model that has no ONNX form"):
            from textsim.modeling.siamese import SiameseModel

        super().__init__(saved, threads=1)  # TensorFlow has threads of its own
        vocabulary_size = None if saved.vocabulary is None else len(saved.vocabulary)
        self._model: Any = SiameseModel(saved.recipe, vocabulary_size, saved.dim)
        try:
            self._model.set_weight_arrays(saved.weights)
        except ValueError as error:
            raise ArtifactError(f"the model's weights are not those of its settings: {error}") from error

    def _encode(self, **batch: np.ndarray) -> np.ndarray:
        return np.asarray(self._model.encode(batch))

    def _compare(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.asarray(self._model.head((u, v)))


class EnsembleScorer(Scorer):
    """Runs the members of an ensemble: their encoded rows side by side, and the mean of their scores.

    Reference:
        Hansen & Salamon (1990), Neural Network Ensembles.
    """

    def __init__(self, saved: SavedModel, threads: int | None = None) -> None:
        self._members = [make_scorer(member, threads) for member in saved.split()]
        super().__init__(saved, min(member._threads for member in self._members))

    def _encode(self, **batch: np.ndarray) -> np.ndarray:
        return np.concatenate([member._encode(**batch) for member in self._members], axis=1)

    def _compare(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        sides = (np.split(side, len(self._members), axis=1) for side in (u, v))
        scores = [
            member._compare(*map(np.ascontiguousarray, pair))
            for member, *pair in zip(self._members, *sides, strict=True)
        ]
        return np.stack(scores).mean(axis=0)


def make_scorer(saved: SavedModel, threads: int | None = None) -> Scorer:
    """The fastest scorer that knows every part of a model: onnxruntime, else, with a warning, Keras."""
    if saved.members > 1:
        return EnsembleScorer(saved, threads)
    try:
        return OnnxScorer(saved, threads)
    except Unsupported as error:
        saved.recipe.check_names()
        warnings.warn(
            f"{error} has no ONNX form: the model scores through Keras, which takes seconds to start and 1 to 2 ms "
            "more a call, and needs textsim[train]. Register one beside the class, see CONTRIBUTING.md.",
            RuntimeWarning,
            stacklevel=2,
        )
        return KerasScorer(saved)
