"""Batches as TensorFlow's training loop reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import tensorflow as tf

Batch = dict[str, np.ndarray]

STEPS_AT_ONCE = 8
"""Steps that TensorFlow takes before it comes back to Python, where each stop costs as much as a tenth of a step."""


class Batches(Protocol):
    """Batches that can be read again and again, such as `PairBatches` or a list of them."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Batch]: ...


def batch_signature(batch: Batch) -> dict[str, tf.TensorSpec]:
    """The tensor specs of batches like this one, with the sizes that differ between batches left open."""
    open_axes = {"token_ids": 2}
    return {
        key: tf.TensorSpec(
            [None] * open_axes.get(key, 1) + list(value.shape[open_axes.get(key, 1) :]), value.dtype
        )
        for key, value in batch.items()
    }


def batch_source(batches: Batches) -> tf.data.Dataset:
    """The batches as a dataset; each pass over it is a pass over them, read when it begins.

    Made by a map, not by `tf.data.Dataset.from_generator`, nor by what Keras makes of a Python sequence, which is the
    same: under Python 3.11 and newer TensorFlow's generator dataset tells malloc to take all memory from 128 KB on
    afresh from the kernel, against a leak of Python's. Nearly every tensor of a training step is larger, and clearing
    its pages took over a third of the time.

    Nothing is tuned while it runs, as there is nothing to tune: the thread that would do so sleeps for ever longer, up
    to a minute, and whoever is done with a pass often waits until it wakes.

    Args:
        batches: at least one.
    """
    signature = batch_signature(next(iter(batches)))
    reading = iter(batches)

    def read(number: int) -> list[np.ndarray]:
        nonlocal reading
        if number == 0:
            reading = iter(batches)
        batch = next(reading)
        return [batch[key] for key in signature]

    def tensors(number: tf.Tensor) -> dict[str, tf.Tensor]:
        types = [spec.dtype for spec in signature.values()]
        batch = dict(zip(signature, tf.numpy_function(read, [number], types), strict=True))
        return {key: tf.ensure_shape(value, signature[key].shape) for key, value in batch.items()}

    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.range(len(batches)).map(tensors).with_options(options)
