from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from textsim.modeling.dropout import Dropout


def test_a_share_is_dropped_and_the_rest_scaled_up_in_training_alone() -> None:
    layer = Dropout(0.3)
    ones = tf.ones([400, 100])
    assert layer(ones) is ones
    dropped = layer(ones, training=True).numpy()
    assert np.mean(dropped == 0) == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(dropped[dropped > 0], 1 / 0.7, rtol=1e-6)
    # No row or column is dropped more than another.
    assert np.abs(np.mean(dropped == 0, axis=0) - 0.3).max() < 0.12
    assert Dropout(0.0)(ones, training=True) is ones


def test_each_call_and_layer_draws_anew_and_a_seed_repeats_it_all() -> None:
    def draws() -> np.ndarray:
        keras.utils.set_random_seed(3)
        layers = Dropout(0.5), Dropout(0.5)
        run = tf.function(lambda x: tf.stack([layer(x, training=True) for layer in layers]))
        return np.stack([run(tf.ones([50])), run(tf.ones([50]))])

    first = draws()
    masks = first.reshape(4, 50)
    assert len({mask.tobytes() for mask in masks}) == 4
    assert np.array_equal(first, draws())


def test_the_gradient_passes_where_values_do() -> None:
    layer, x = Dropout(0.5), tf.random.stateless_normal([30], seed=[0, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    np.testing.assert_allclose(tape.gradient(y, x), np.where(y.numpy() == 0, 0, 2), rtol=1e-6)
    assert Dropout.from_config(layer.get_config()).rate == 0.5
