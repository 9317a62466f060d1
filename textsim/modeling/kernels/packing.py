"""The packed layout of a batch: its tokens without the padding, laid out step by step.

Sentences are sorted longest first, so that step t holds one row for each sentence that has a t-th token. What
reads the batch step by step runs over ever fewer rows, needs no mask, and reads a sentence backwards by a
permutation of its own rows, never across padding.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Packing(NamedTuple):
    """Where each token of a padded batch lies in packed order, with N the number of tokens that are not padding.

    Attributes:
        cells: int32 (N,), flat position in the padded (batch * steps) batch of each packed row.
        mirror: int32 (N,), packed position of the cell as far from its sentence's end as this one from its
            start. Applying it twice changes nothing.
        previous: int32 (N,), one more than the packed position of the cell one step before; 0 at the first
            step.
        counts: int32 (steps,), rows at each step, never growing.
        starts: int32 (steps,), packed position of each step's first row.
    """

    cells: tf.Tensor
    mirror: tf.Tensor
    previous: tf.Tensor
    counts: tf.Tensor
    starts: tf.Tensor


def pack(lengths: tf.Tensor, steps: tf.Tensor) -> Packing:
    """Plans the packed layout of a right-padded batch.

    Args:
        lengths: int32 (batch,), tokens of each sentence, each between 0 and steps.
        steps: scalar int32, width of the padded batch.
    """
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    ordered = tf.gather(lengths, order)
    alive = tf.transpose(tf.sequence_mask(ordered, steps))
    counts = tf.reduce_sum(tf.cast(alive, tf.int32), axis=1)
    starts = tf.cumsum(counts, exclusive=True)
    step, row = tf.unstack(tf.cast(tf.where(alive), tf.int32), num=2, axis=1)
    mirror = tf.gather(starts, tf.gather(ordered, row) - 1 - step) + row
    previous = tf.where(step > 0, tf.gather(starts, tf.maximum(step - 1, 0)) + row + 1, 0)
    return Packing(tf.gather(order, row) * steps + step, mirror, previous, counts, starts)
