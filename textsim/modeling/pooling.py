"""Poolings: one vector a token to one vector a sentence.

Each takes (features, lengths): float (batch, steps, dim) with anything at padding, and int32 (batch,); and
returns float (batch, output_dim). An empty sentence gives zeros. Padding never shows in the result.
"""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf

from textsim.config.checks import require_positive
from textsim.registry import POOLINGS


class Pooling(keras.layers.Layer):
    """Base of poolings.

    Attributes:
        needs_recurrent: whether the pooling makes sense after a recurrent encoder only.
    """

    needs_recurrent: ClassVar[bool] = False


def _mask(features: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """bool (batch, steps, 1)."""
    return tf.sequence_mask(lengths, tf.shape(features)[1])[..., None]


def masked_mean(features: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """The mean of each text's features, (batch, steps, width) -> (batch, width); zeros for a text without tokens."""
    total = tf.reduce_sum(tf.where(_mask(features, lengths), features, 0.0), axis=1)
    return total / tf.cast(tf.maximum(lengths, 1), features.dtype)[:, None]


def masked_max(features: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """The largest of each text's features, (batch, steps, width) -> (batch, width); zeros for a text without tokens."""
    highest = tf.reduce_max(tf.where(_mask(features, lengths), features, features.dtype.min), axis=1)
    return tf.where(lengths[:, None] > 0, highest, 0.0)


@POOLINGS.register("last")
@keras.saving.register_keras_serializable("textsim")
class LastPooling(Pooling):
    """The state after reading the whole sentence: forward at its last token, backward at its first.

    What `keras.layers.Bidirectional(LSTM(...))` returns without `return_sequences`.
    """

    needs_recurrent = True

    def call(self, features: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        half = features.shape[-1] // 2
        last = tf.gather(features[..., :half], tf.maximum(lengths - 1, 0), batch_dims=1)
        ends = tf.concat([last, features[:, 0, half:]], axis=-1)
        return tf.where(lengths[:, None] > 0, ends, 0.0)


@POOLINGS.register("mean")
@keras.saving.register_keras_serializable("textsim")
class MeanPooling(Pooling):
    """The mean over the tokens."""

    def call(self, features: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        return masked_mean(features, lengths)


@POOLINGS.register("max")
@keras.saving.register_keras_serializable("textsim")
class MaxPooling(Pooling):
    """The largest value over the tokens, feature by feature (Conneau et al., 2017, InferSent)."""

    def call(self, features: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        return masked_max(features, lengths)


@POOLINGS.register("mean-max")
@keras.saving.register_keras_serializable("textsim")
class MeanMaxPooling(Pooling):
    """The mean and the largest value side by side: twice the features."""

    def call(self, features: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        return tf.concat([masked_mean(features, lengths), masked_max(features, lengths)], axis=-1)


@POOLINGS.register("attention")
@keras.saving.register_keras_serializable("textsim")
class AttentionPooling(Pooling):
    """Weighted means over the tokens, with weights that each head learns to give: softmax(tanh(x W + b) V).

    Args:
        heads: weighted means, laid side by side: heads times the features.
        hidden: width of the tanh layer.

    Reference:
        Lin et al. (2017), A Structured Self-attentive Sentence Embedding.
    """

    def __init__(self, heads: int = 1, hidden: int = 128, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_positive("attention heads, hidden", [heads, hidden])
        self.heads, self.hidden = heads, hidden
        self.enter = keras.layers.Dense(hidden, activation="tanh", name="enter")
        self.weigh = keras.layers.Dense(heads, use_bias=False, name="weigh")

    def call(self, features: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        logits = self.weigh(self.enter(features))
        # A finite low value keeps the softmax of an empty sentence defined; its features are zeroed below.
        weights = tf.nn.softmax(tf.where(_mask(features, lengths), logits, -1e9), axis=1)
        features = tf.where(_mask(features, lengths), features, 0.0)
        pooled = tf.matmul(weights, features, transpose_a=True)
        return tf.reshape(pooled, [-1, self.heads * features.shape[-1]])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "hidden": self.hidden}
