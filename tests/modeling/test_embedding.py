from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.modeling.helpers import DIM, LENGTHS, SIZE, copy_of, embedding, ids_of
from textsim.modeling.embedding import TokenEmbedding


def test_rows_are_gathered_to_the_table_s_vectors() -> None:
    layer = embedding()
    ids, lengths = ids_of(LENGTHS)
    batch = layer(tf.constant(ids), tf.constant(lengths))
    assert np.array_equal(batch.dense(), layer.table.numpy()[ids])
    assert np.array_equal(batch.mask, np.arange(ids.shape[1]) < lengths[:, None])
    assert len(batch.rows) == len(np.unique(ids))


def test_padding_is_zeros_even_where_the_table_s_row_is_not() -> None:
    layer = embedding()
    layer.set_table(np.ones((SIZE, DIM)))
    ids, lengths = ids_of(LENGTHS)
    dense = layer(tf.constant(ids), tf.constant(lengths)).dense().numpy()
    assert np.array_equal(dense.any(axis=-1), ids > 0)


def test_the_table_starts_small_with_a_row_of_zeros() -> None:
    layer = TokenEmbedding(50, 4)
    layer.build()
    table = layer.table.numpy()
    assert not table[0].any() and table[1:].all()
    assert np.abs(table).max() <= 0.05


def test_settings_come_back() -> None:
    layer = copy_of(embedding(trainable=False, dropout=0.25, token_dropout=0.125))
    layer.build()
    assert (layer.size, layer.dim, layer.dropout.rate, layer.token_dropout.rate) == (SIZE, DIM, 0.25, 0.125)
    assert not layer.trainable_variables and len(layer.non_trainable_variables) >= 1


def test_dropout_hits_each_occurrence_of_a_token_alike_and_only_in_training() -> None:
    keras.utils.set_random_seed(0)
    layer = embedding(dim=64, dropout=0.5)
    ids = tf.constant([[3, 4, 3], [5, 3, 0]])
    lengths = tf.constant([3, 2])
    dense = layer(ids, lengths, training=True).dense().numpy()
    assert np.array_equal(dense[0, 0], dense[0, 2]) and np.array_equal(dense[0, 0], dense[1, 1])
    assert 0.2 < np.mean(dense[0, 0] == 0) < 0.8
    assert np.array_equal(layer(ids, lengths).dense(), layer.table.numpy()[ids.numpy()])


def test_token_dropout_reads_some_occurrences_as_unknown_and_only_in_training() -> None:
    keras.utils.set_random_seed(0)
    layer = embedding(token_dropout=0.25)
    ids, lengths = ids_of([30] * 40, steps=32)
    inputs = tf.constant(np.where(ids == 1, 2, ids)), tf.constant(lengths)
    table, dense = layer.table.numpy(), layer(*inputs, training=True).dense().numpy()
    unread = (dense == table[1]).all(axis=-1)
    assert 0.2 < unread[:, :30].mean() < 0.3
    assert np.array_equal(dense[~unread], table[inputs[0].numpy()[~unread]])
    assert not unread[:, 30:].any() and not dense[:, 30:].any()
    assert not np.array_equal(
        unread, (layer(*inputs, training=True).dense().numpy() == table[1]).all(axis=-1)
    )
    assert np.array_equal(layer(*inputs).dense(), table[inputs[0].numpy()])


def test_an_adversarial_shift_has_its_share_of_the_rows_norm_and_raises_the_loss() -> None:
    layer = embedding()
    ids, lengths = (tf.constant(array) for array in ids_of(LENGTHS))
    target = tf.constant(np.random.default_rng(1).normal(size=(*ids.shape, DIM)).astype("float32"))

    def loss(shift: tf.Tensor | None = None) -> tf.Tensor:
        dense = layer(ids, lengths, shift=shift).dense()
        return tf.reduce_sum((dense - target) ** 2 * tf.cast(ids > 0, "float32")[..., None])

    with tf.GradientTape() as tape:
        before = loss()
    gradient = tape.gradient(before, layer.table.value)
    shift = layer.adversarial_shift(gradient, 0.1)
    table, used = layer.table.numpy(), np.unique(ids)
    assert np.linalg.norm(shift) == pytest.approx(0.1 * np.linalg.norm(table[used]), rel=1e-5)
    others = np.setdiff1d(np.arange(SIZE), used)
    assert len(others) and not shift.numpy()[0].any() and not shift.numpy()[others].any()
    assert np.array_equal(layer.table, table)
    rises = [float(loss(sign * shift) - before) for sign in (1, -1)]
    assert rises[0] > 0 > rises[1]
    # No other change as large raises it more, as far as the loss is a plane there.
    random = np.zeros_like(table)
    for seed in range(20):
        random[used[1:]] = np.random.default_rng(seed).normal(size=(len(used) - 1, DIM))
        random *= np.linalg.norm(shift) / np.linalg.norm(random)
        assert np.vdot(random, tf.convert_to_tensor(gradient)) < np.vdot(
            shift, tf.convert_to_tensor(gradient)
        )


def test_no_gradient_is_no_adversarial_shift() -> None:
    layer = embedding()
    nothing = tf.IndexedSlices(tf.zeros([2, DIM]), tf.constant([0, 3]), tf.constant([SIZE, DIM]))
    assert not layer.adversarial_shift(nothing, 0.1).numpy().any()
