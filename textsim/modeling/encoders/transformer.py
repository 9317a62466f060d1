"""The Transformer encoder."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from textsim.config.checks import require_positive, require_rate
from textsim.errors import ConfigError
from textsim.modeling.dropout import Dropout
from textsim.modeling.embedding import TokenBatch
from textsim.modeling.encoders.base import Encoder
from textsim.registry import ENCODERS


@ENCODERS.register("transformer")
@keras.saving.register_keras_serializable("textsim")
class TransformerEncoder(Encoder):
    """A pre-norm Transformer with sinusoidal positions.

    Args:
        width: features of a token inside the encoder; must be divisible by `heads` and even.
        layers: attention and feed-forward blocks.
        heads: attention heads.
        feed_forward: hidden units of the feed-forward part.
        dropout: on the attention weights, and on each part's output.

    Returns:
        Float (batch, steps, width); zeros at padding.

    Reference:
        Vaswani et al. (2017), Attention Is All You Need; Xiong et al. (2020), On Layer Normalization in the
        Transformer Architecture.
    """

    def __init__(
        self,
        width: int = 192,
        layers: int = 2,
        heads: int = 4,
        feed_forward: int = 384,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_positive(
            "transformer width, layers, heads, feed_forward", [width, layers, heads, feed_forward]
        )
        require_rate("transformer dropout", dropout)
        if width % heads or width % 2:
            raise ConfigError(
                f"transformer width: expected an even multiple of heads={heads}. Received {width}."
            )
        self.width, self.layer_count, self.heads = width, layers, heads
        self.feed_forward, self.rate = feed_forward, dropout
        self.output_dim = width
        self.enter = keras.layers.Dense(width, name="enter")
        self.attentions = [
            keras.layers.MultiHeadAttention(heads, width // heads, dropout=dropout, name=f"attention_{k}")
            for k in range(layers)
        ]
        self.widen = [
            keras.layers.Dense(feed_forward, activation="gelu", name=f"widen_{k}") for k in range(layers)
        ]
        self.narrow = [keras.layers.Dense(width, name=f"narrow_{k}") for k in range(layers)]
        norms = range(2 * layers + 1)
        self.norms = [keras.layers.LayerNormalization(epsilon=1e-5, name=f"norm_{k}") for k in norms]
        self.dropout = Dropout(dropout)

    def call(self, batch: TokenBatch, training: bool = False) -> tf.Tensor:
        mask = batch.mask
        # The product is the same for each occurrence of a token; the positions are added after the gather.
        x = tf.gather(self.enter(batch.rows), batch.index) + sinusoids(tf.shape(mask)[1], self.width)
        x = self.dropout(x, training=training)
        for k, attention in enumerate(self.attentions):
            normed = self.norms[2 * k](x)
            attended = attention(normed, normed, attention_mask=mask[:, None, :], training=training)
            x = x + self.dropout(attended, training=training)
            hidden = self.narrow[k](self.widen[k](self.norms[2 * k + 1](x)))
            x = x + self.dropout(hidden, training=training)
        return self.norms[-1](x) * tf.cast(mask, x.dtype)[..., None]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "width": self.width,
            "layers": self.layer_count,
            "heads": self.heads,
            "feed_forward": self.feed_forward,
            "dropout": self.rate,
        }


def sinusoids(steps: tf.Tensor, width: int) -> tf.Tensor:
    """Sinusoidal positions, float32 (steps, width): sines, then cosines, of wavelengths 2 pi to 20000 pi."""
    rates = tf.exp(-math.log(10000.0) * tf.range(0, width, 2, dtype="float32") / width)
    angles = tf.range(tf.cast(steps, "float32"))[:, None] * rates
    return tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1)
