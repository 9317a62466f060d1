"""Dropout at a small part of the cost of Keras's own on a CPU."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("textsim")
class Dropout(keras.layers.Layer):
    """In training, sets a fraction of the values to zero and scales up the others so that their expectation stays.

    Seeded by Keras's global seed, as `keras.layers.Dropout` is. That one draws a float for each value and selects by a
    condition, which TensorFlow does slowly on a CPU. This one draws a byte and multiplies by the mask.

    Args:
        rate: fraction of the values set to zero, in [0, 1), rounded to a 256th, and no less than one unless it is 0.

    Reference:
        Srivastava et al. (2014), Dropout: A Simple Way to Prevent Neural Networks from Overfitting.
    """

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.dropped_bytes = min(max(round(256 * rate), 1), 255) if rate else 0
        if rate:
            self.seed_generator = keras.random.SeedGenerator()
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training or not self.rate:
            return inputs
        seed = tf.cast(self.seed_generator.next(), tf.int64)
        drawn = random_bytes(tf.size(inputs), seed)
        kept = tf.reshape(drawn >= self.dropped_bytes, tf.shape(inputs))
        return inputs * (tf.cast(kept, inputs.dtype) * (256 / (256 - self.dropped_bytes)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


def random_bytes(count: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """uint8 (count,): each of 0 to 255 as likely as any other, the same for the same seed, int64 (2,)."""
    words = tf.random.stateless_uniform([count // 8 + 1], seed, None, None, tf.uint64, alg="philox")
    return tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:count]
