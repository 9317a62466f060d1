from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from textsim.modeling.dropout import Dropout, random_bytes


def test_a_share_is_dropped_and_the_rest_scaled_up_in_training_alone() -> None:
    layer = Dropout(0.3)
    ones = tf.ones([400, 100])
    assert layer(ones) is ones
    dropped = layer(ones, training=True).numpy()
    assert np.mean(dropped == 0) == pytest.approx(0.3, abs=0.01)
    # The share is 77 of 256 bytes.
    np.testing.assert_allclose(dropped[dropped > 0], 256 / (256 - 77), rtol=1e-6)
    # No row or column is dropped more than another.
    assert np.abs(np.mean(dropped == 0, axis=0) - 0.3).max() < 0.12
    assert Dropout(0.0)(ones, training=True) is ones


@pytest.mark.parametrize(("rate", "of_256"), [(1e-6, 1), (0.1, 26), (0.5, 128), (0.999, 255)])
def test_the_share_is_a_number_of_bytes_and_never_none_or_all(rate: float, of_256: int) -> None:
    keras.utils.set_random_seed(0)
    dropped = Dropout(rate)(tf.ones([200_001]), training=True).numpy()
    assert np.mean(dropped == 0) == pytest.approx(of_256 / 256, abs=0.007)
    np.testing.assert_allclose(dropped[dropped > 0], 256 / (256 - of_256), rtol=1e-6)


def test_bytes_are_drawn_alike_and_by_the_seed() -> None:
    drawn = random_bytes(tf.constant(256_003), tf.constant([1, 2], tf.int64)).numpy()
    assert drawn.shape == (256_003,)
    counts = np.bincount(drawn, minlength=256)
    assert np.abs(counts - 1000).max() < 6 * np.sqrt(1000)
    # Neighbours say nothing of each other.
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.01
    again = random_bytes(tf.constant(100), tf.constant([1, 2], tf.int64)).numpy()
    assert np.array_equal(again, drawn[:100])
    assert not np.array_equal(again, random_bytes(tf.constant(100), tf.constant([1, 3], tf.int64)))


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
