"""A bidirectional LSTM by Keras's own layers, which use cuDNN on a GPU."""

from __future__ import annotations

import keras
import tensorflow as tf

from textsim.modeling.kernels.lstm import LSTMWeights


def has_gpu() -> bool:
    """Whether TensorFlow runs on a GPU for which it has cuDNN."""
    return bool(tf.test.is_built_with_cuda() and tf.config.list_logical_devices("GPU"))


def stock_layer(weights: LSTMWeights) -> keras.layers.LSTM:
    """Keras's own layer over built weights, which are shared, not copied. On a GPU it runs by cuDNN."""
    layer = keras.layers.LSTM(weights.units, return_sequences=True, name=f"stock_{weights.name}")
    layer.cell.kernel = weights.kernel
    layer.cell.recurrent_kernel = weights.recurrent_kernel
    layer.cell.bias = weights.bias
    layer.cell.built = layer.built = True
    return layer


def stock_bidirectional(
    ahead: keras.layers.LSTM, back: keras.layers.LSTM, features: tf.Tensor, lengths: tf.Tensor
) -> tf.Tensor:
    """Both directions by Keras's own layers: float (batch, steps, dim) to (batch, steps, 2 * units), zeros at padding.

    cuDNN wants rows padded on the right, none of them empty: the way back reads each sentence reversed in place, and
    an empty sentence is read as one token of zeros, whose states are then wiped out.
    """
    steps = tf.shape(features)[1]
    read = tf.sequence_mask(tf.maximum(lengths, 1), steps)
    states = ahead(features, mask=read)
    reversed_states = back(tf.reverse_sequence(features, lengths, seq_axis=1), mask=read)
    both = tf.concat([states, tf.reverse_sequence(reversed_states, lengths, seq_axis=1)], axis=-1)
    return tf.where(tf.sequence_mask(lengths, steps)[..., None], both, 0.0)
