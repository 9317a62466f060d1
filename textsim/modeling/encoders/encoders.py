"""Encoders: what turns a sentence's tokens, or a numeric vector, into features.

A sequence encoder maps a `TokenBatch` to one vector a token, float (batch, steps, output_dim), with zeros at
padding; a pooling then makes one vector a sentence. A vector encoder maps float (batch, dim) to float (batch,
output_dim). Both sides of a pair pass through the same encoder in one call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import keras
import tensorflow as tf

from textsim.errors import ConfigError
from textsim.modeling.dropout import Dropout
from textsim.modeling.embedding import TokenBatch
from textsim.modeling.kernels.lstm import LSTMWeights, recurrence
from textsim.modeling.kernels.packing import pack
from textsim.modeling.kernels.stock_lstm import has_gpu, stock_bidirectional, stock_layer
from textsim.registry import ENCODERS


def require_positive(name: str, values: Sequence[int] | int) -> None:
    """Raises ConfigError unless a number, or each of several, is a whole number of at least 1."""
    for value in values if isinstance(values, list | tuple) else [values]:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name}: expected whole numbers of at least 1. Received {values!r}.")


def widths_of(name: str, values: Sequence[int] | int) -> list[int]:
    """The widths of one or more layers as a list; a number alone is one layer.

    Raises:
        ConfigError: no width, or one that is not a whole number of at least 1.
    """
    widths: list[Any] = list(values) if isinstance(values, list | tuple) else [values]
    if not widths:
        raise ConfigError(f"{name}: expected at least one number. Received [].")
    require_positive(name, widths)
    return widths


def require_rate(name: str, value: float) -> None:
    """Raises ConfigError unless the value is in [0, 1)."""
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise ConfigError(f"{name}: expected a share in [0, 1). Received {value!r}.")


def require_above_zero(name: str, value: float) -> None:
    """Raises ConfigError unless the value is a finite number above 0."""
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigError(f"{name}: expected a number above 0. Received {value!r}.")


class Encoder(keras.layers.Layer):
    """Base of encoders.

    Attributes:
        reads: "tokens" for a sequence encoder, "vectors" for a vector encoder.
        recurrent: whether the first half of the features has read the sentence up to its last token, and the
            second half back to its first one, so that the `last` pooling makes sense.
    """

    reads: ClassVar[Literal["tokens", "vectors"]] = "tokens"
    recurrent: ClassVar[bool] = False


@ENCODERS.register("bilstm")
@keras.saving.register_keras_serializable("textsim")
class BiLSTMEncoder(Encoder):
    """Stacked bidirectional LSTMs that pass over padding without touching it.

    On a machine with a GPU the same weights are run by Keras's own layers, which use cuDNN there.

    Args:
        units: hidden units of one direction, for each layer. Features are twice the last.
        dropout: share of each layer's outputs set to zero in training. After the last layer it sets equal tokens of
            the two sentences apart, which trained models never see again: on many pairs it costs accuracy.
        residual: whether each layer after the first adds its input where the widths agree (He et al., 2016).

    Call arguments:
        batch: `TokenBatch`; a sentence may be empty, its features are zeros.

    Returns:
        Float (batch, steps, 2 * units[-1]): the forward state, then the backward state, at each token.

    Reference:
        Mueller & Thyagarajan (2016), Siamese Recurrent Architectures for Learning Sentence Similarity.
    """

    recurrent = True

    def __init__(
        self, units: Sequence[int] = (128,), dropout: float = 0.0, residual: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        units = widths_of("bilstm units", units)
        require_rate("bilstm dropout", dropout)
        if not isinstance(residual, bool):
            raise ConfigError(f"bilstm residual: expected true or false. Received {residual!r}.")
        self.units, self.rate, self.residual = units, dropout, residual
        self.forwards = [LSTMWeights(n, name=f"forward_{k}") for k, n in enumerate(units)]
        self.backwards = [LSTMWeights(n, name=f"backward_{k}") for k, n in enumerate(units)]
        self.dropouts = [Dropout(dropout) for _ in units]
        self.output_dim = 2 * units[-1]

    def build(self, batch: Any) -> None:
        width = batch[0][-1]
        for forward, backward in zip(self.forwards, self.backwards, strict=True):
            forward.build((None, width))
            backward.build((None, width))
            width = 2 * forward.units
        self.stock = (
            [tuple(map(stock_layer, pair)) for pair in zip(self.forwards, self.backwards, strict=True)]
            if has_gpu()
            else []
        )

    def call(self, batch: TokenBatch, training: bool = False) -> tf.Tensor:
        return (self._call_stock if self.stock else self._call_packed)(batch, training)

    def _call_stock(self, batch: TokenBatch, training: bool) -> tf.Tensor:
        features = batch.dense()
        for depth, ((ahead, back), dropout) in enumerate(zip(self.stock, self.dropouts, strict=True)):
            states = dropout(stock_bidirectional(ahead, back, features, batch.lengths), training=training)
            features = self._joined(states, features if depth else None)
        return features

    def _joined(self, states: tf.Tensor, features: tf.Tensor | None) -> tf.Tensor:
        """A layer's outputs, with its inputs added where it is residual; None for inputs that are token vectors."""
        if self.residual and features is not None and features.shape[-1] == states.shape[-1]:
            return states + features
        return states

    def _call_packed(self, batch: TokenBatch, training: bool) -> tf.Tensor:
        sentences, steps = tf.unstack(tf.shape(batch.index))
        packing = pack(batch.lengths, steps)
        token = tf.gather(tf.reshape(batch.index, [-1]), packing.cells)
        ahead = tf.range(tf.size(token))
        features: tf.Tensor | None = None
        for forward, backward, dropout in zip(self.forwards, self.backwards, self.dropouts, strict=True):
            # The first layer's input product is the same wherever a token stands: once a distinct token.
            inputs, rows = (batch.rows, token) if features is None else (features, ahead)
            directions = [
                recurrence(
                    weights(inputs), rows, order, tf.convert_to_tensor(weights.recurrent_kernel), packing
                )
                for weights, order in ((forward, ahead), (backward, packing.mirror))
            ]
            states = tf.concat(directions, axis=1)
            features = self._joined(dropout(states, training=training), features)
        padded = tf.scatter_nd(packing.cells[:, None], features, [sentences * steps, self.output_dim])
        return tf.reshape(padded, [sentences, steps, self.output_dim])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "dropout": self.rate, "residual": self.residual}


@ENCODERS.register("cnn")
@keras.saving.register_keras_serializable("textsim")
class CNNEncoder(Encoder):
    """Convolutions of several widths over the tokens, side by side.

    Args:
        filters: output channels of each width.
        widths: tokens that a convolution sees.
        dropout: share of the outputs set to zero in training.

    Returns:
        Float (batch, steps, filters * len(widths)), after ReLU; zeros at padding.

    Reference:
        Kim (2014), Convolutional Neural Networks for Sentence Classification.
    """

    def __init__(
        self, filters: int = 128, widths: Sequence[int] = (2, 3, 5), dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        widths = widths_of("cnn widths", widths)
        if len(set(widths)) < len(widths):
            raise ConfigError(f"cnn widths: expected different numbers. Received {widths!r}.")
        require_positive("cnn filters", filters)
        require_rate("cnn dropout", dropout)
        self.filters, self.widths, self.rate = filters, widths, dropout
        self.convolutions = [
            keras.layers.Conv1D(filters, width, padding="same", activation="relu", name=f"width_{width}")
            for width in widths
        ]
        self.dropout = Dropout(dropout)
        self.output_dim = filters * len(widths)

    def call(self, batch: TokenBatch, training: bool = False) -> tf.Tensor:
        # Padding is zeros on the way in, as beyond the batch's edge, and zeros again on the way out.
        dense, mask = batch.dense(), tf.cast(batch.mask, batch.rows.dtype)[..., None]
        features = tf.concat([convolution(dense) for convolution in self.convolutions], axis=-1)
        return self.dropout(features, training=training) * mask

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "widths": self.widths, "dropout": self.rate}


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


@ENCODERS.register("word-vectors")
@keras.saving.register_keras_serializable("textsim")
class WordVectorEncoder(Encoder):
    """Passes the token vectors on as they are: with `mean` pooling, the mean of the word vectors.

    Returns:
        Float (batch, steps, dim of the embedding); zeros at padding.
    """

    def build(self, batch: Any) -> None:
        self.output_dim = batch[0][-1]

    def call(self, batch: TokenBatch, training: bool = False) -> tf.Tensor:
        return batch.dense()


@ENCODERS.register("dense")
@keras.saving.register_keras_serializable("textsim")
class DenseEncoder(Encoder):
    """Dense layers over a numeric vector. Also serves as the projection after a pooling.

    Args:
        units: width of each layer.
        activation: a Keras activation by name, after each layer.
        final_activation: the last layer's activation where it differs.
        dropout: share of the values set to zero in training between layers.

    Call arguments:
        inputs: float (batch, dim).

    Returns:
        Float (batch, units[-1]).
    """

    reads = "vectors"

    def __init__(
        self,
        units: Sequence[int] = (128, 128, 128),
        activation: str = "relu",
        final_activation: str | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        units = widths_of("dense units", units)
        require_rate("dense dropout", dropout)
        self.units, self.activation, self.final_activation, self.rate = (
            units,
            activation,
            final_activation,
            dropout,
        )
        last = len(units) - 1
        self.layers_ = [
            keras.layers.Dense(
                n,
                activation=final_activation if k == last and final_activation else activation,
                name=f"dense_{k}",
            )
            for k, n in enumerate(units)
        ]
        self.dropouts = [Dropout(dropout) for _ in units[1:]]
        self.output_dim = units[-1]

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        for k, dense in enumerate(self.layers_):
            inputs = dense(inputs if k == 0 else self.dropouts[k - 1](inputs, training=training))
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "final_activation": self.final_activation,
            "dropout": self.rate,
        }
