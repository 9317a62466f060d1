from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from textsim.modeling.kernels.packed_lstm import LSTMWeights, mirrored, pack, recurrence

LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=6)


@given(LENGTHS, st.integers(0, 2))
@settings(max_examples=30)
def test_packing_against_loops(lengths: list[int], extra: int) -> None:
    steps = max(*lengths, 1) + extra
    packing = pack(tf.constant(lengths, tf.int32), tf.constant(steps))
    order = sorted(range(len(lengths)), key=lambda sentence: -lengths[sentence])
    cells = [(sentence, t) for t in range(steps) for sentence in order if t < lengths[sentence]]
    place = {cell: position for position, cell in enumerate(cells)}
    assert packing.cells.numpy().tolist() == [sentence * steps + t for sentence, t in cells]
    assert packing.mirror.numpy().tolist() == [place[s, lengths[s] - 1 - t] for s, t in cells]
    assert packing.previous.numpy().tolist() == [place[s, t - 1] + 1 if t else 0 for s, t in cells]
    assert packing.counts.numpy().tolist() == [sum(n > t for n in lengths) for t in range(steps)]
    assert packing.starts.numpy().tolist() == [sum(u < t for _, u in cells) for t in range(steps)]


def test_mirroring_twice_changes_nothing_and_its_gradient_is_mirrored() -> None:
    packing = pack(tf.constant([3, 1, 0, 4]), tf.constant(4))
    rows = tf.random.stateless_normal([8, 2], seed=[1, 2])
    assert np.array_equal(mirrored(mirrored(rows, packing.mirror), packing.mirror), rows)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        loss = tf.reduce_sum(mirrored(rows, packing.mirror) * tf.range(8, dtype="float32")[:, None])
    assert np.array_equal(tape.gradient(loss, rows)[:, 0], packing.mirror)


def one_direction(weights: LSTMWeights, dense: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Hidden states (batch, steps, units) with zeros at padding."""
    sentences, steps, dim = dense.shape
    packing = pack(lengths, tf.constant(steps))
    rows = tf.gather(tf.reshape(dense, [-1, dim]), packing.cells)
    hidden = recurrence(weights(rows), tf.convert_to_tensor(weights.recurrent_kernel), packing)
    padded = tf.scatter_nd(packing.cells[:, None], hidden, [sentences * steps, weights.units])
    return tf.reshape(padded, [sentences, steps, weights.units])


@pytest.mark.parametrize("lengths", [[5, 1, 0, 3, 5], [0, 0], [1], [4, 4]])
@pytest.mark.parametrize("extra", [0, 2])
def test_outputs_and_gradients_are_those_of_the_stock_layer(lengths: list[int], extra: int) -> None:
    rng = np.random.default_rng(0)
    steps = max(*lengths, 1, 1) + extra
    dense = tf.constant(rng.normal(size=(len(lengths), steps, 3)), tf.float32)
    counts = tf.constant(lengths)
    mask = tf.sequence_mask(counts, steps)
    weights = LSTMWeights(4)
    weights.build((None, 3))
    weights.bias.assign(rng.normal(size=16))
    stock = keras.layers.LSTM(4, return_sequences=True, use_cudnn=False)
    stock.build((None, steps, 3))
    stock.set_weights([weights.kernel, weights.recurrent_kernel, weights.bias])
    upstream = tf.constant(rng.normal(size=(len(lengths), steps, 4)), tf.float32)
    upstream *= tf.cast(mask, tf.float32)[..., None]

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(dense)
        ours = one_direction(weights, dense, counts)
        theirs = stock(dense, mask=mask) * tf.cast(mask, tf.float32)[..., None]
        our_loss, their_loss = tf.reduce_sum(ours * upstream), tf.reduce_sum(theirs * upstream)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    our_variables = [dense, weights.kernel.value, weights.recurrent_kernel.value, weights.bias.value]
    their_variables = [dense, *[variable.value for variable in stock.trainable_variables]]
    pairs = zip(
        tape.gradient(our_loss, our_variables), tape.gradient(their_loss, their_variables), strict=True
    )
    for ours, theirs in pairs:
        np.testing.assert_allclose(tf.convert_to_tensor(ours), tf.convert_to_tensor(theirs), atol=1e-5)


def test_the_compiled_recurrence_serves_every_shape() -> None:
    weights = LSTMWeights(2)
    weights.build((None, 2))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2]),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([], tf.int32),
        ]
    )
    def run(rows: tf.Tensor, lengths: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        return recurrence(weights(rows), tf.convert_to_tensor(weights.recurrent_kernel), pack(lengths, steps))

    for lengths in ([3, 1], [0, 0, 0], [2, 2, 5]):
        rows = tf.random.stateless_normal([sum(lengths), 2], seed=[0, 1])
        steps = tf.constant(max(lengths) + 1)
        counts = tf.constant(lengths)
        expected = recurrence(
            weights(rows), tf.convert_to_tensor(weights.recurrent_kernel), pack(counts, steps)
        )
        np.testing.assert_allclose(run(rows, counts, steps), expected, atol=1e-6)


def test_the_bias_opens_the_forget_gate() -> None:
    weights = LSTMWeights(2)
    weights.build((None, 3))
    assert weights.bias.numpy().tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    assert LSTMWeights.from_config(weights.get_config()).units == 2
