from __future__ import annotations

import numpy as np
import tensorflow as tf

from textsim.modeling.kernels.loops import mirrored
from textsim.modeling.kernels.packing import pack


def test_mirroring_twice_changes_nothing_and_its_gradient_is_mirrored() -> None:
    packing = pack(tf.constant([3, 1, 0, 4]), tf.constant(4))
    rows = tf.random.stateless_normal([8, 2], seed=[1, 2])
    assert np.array_equal(mirrored(mirrored(rows, packing.mirror), packing.mirror), rows)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        loss = tf.reduce_sum(mirrored(rows, packing.mirror) * tf.range(8, dtype="float32")[:, None])
    assert np.array_equal(tape.gradient(loss, rows)[:, 0], packing.mirror)
