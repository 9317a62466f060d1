"""Batches for the tests of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from textsim.modeling.embedding import TokenBatch, TokenEmbedding

SIZE, DIM = 12, 6
LENGTHS = (5, 1, 0, 3, 5, 2)


def ids_of(lengths: Sequence[int], seed: int = 0, steps: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Random token ids, int32 (n, steps), right-padded with 0, and the lengths, int32 (n,)."""
    rng = np.random.default_rng(seed)
    width = max(*lengths, 1) if steps is None else steps
    ids = rng.integers(1, SIZE, (len(lengths), width)).astype("int32")
    ids[np.arange(width) >= np.array(lengths)[:, None]] = 0
    return ids, np.array(lengths, "int32")


def embedding(seed: int = 0, dim: int = DIM, **options: Any) -> TokenEmbedding:
    """An embedding with a normal table and a zero row for padding."""
    layer = TokenEmbedding(SIZE, dim, name="embedding", **options)
    layer.build()
    table = np.random.default_rng(seed).normal(size=(SIZE, dim)).astype("float32")
    table[0] = 0
    layer.set_table(table)
    return layer


def token_batch(lengths: Sequence[int] = LENGTHS, seed: int = 0, steps: int | None = None) -> TokenBatch:
    ids, counts = ids_of(lengths, seed, steps)
    return embedding(seed)(tf.constant(ids), tf.constant(counts))


def randomize(layer: keras.layers.Layer, seed: int = 0, scale: float = 0.5) -> None:
    """Draws every weight anew, so that no bias is zero and no gain is one."""
    rng = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(scale=scale, size=variable.shape))


def copy_of(layer: keras.layers.Layer) -> keras.layers.Layer:
    """An unbuilt layer from the layer's settings."""
    return type(layer).from_config(layer.get_config())
