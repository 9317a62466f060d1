"""The bidirectional LSTM encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from textsim.config.checks import require_rate, widths_of
from textsim.errors import ConfigError
from textsim.modeling.dropout import Dropout
from textsim.modeling.embedding import TokenBatch
from textsim.modeling.encoders.base import Encoder
from textsim.modeling.kernels.lstm import LSTMWeights, recurrence
from textsim.modeling.kernels.packing import pack
from textsim.modeling.kernels.stock_lstm import has_gpu, stock_bidirectional, stock_layer
from textsim.registry import ENCODERS


@ENCODERS.register("bilstm")
@keras.saving.register_keras_serializable("textsim")
class BiLSTMEncoder(Encoder):
    """Stacked bidirectional LSTMs that pass over padding without touching it.

    On a machine with a GPU the same weights are run by Keras's own layers, which use cuDNN there.

    Args:
        units: hidden units of one direction, for each layer. Features are twice the last.
        dropout: fraction of each layer's outputs set to zero in training. After the last layer it sets equal tokens of
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
            inputs, row = (batch.rows, token) if features is None else (features, ahead)
            directions = [
                recurrence(
                    weights(inputs), row, order, tf.convert_to_tensor(weights.recurrent_kernel), packing
                )
                for weights, order in ((forward, ahead), (backward, packing.mirror))
            ]
            states = tf.concat(directions, axis=1)
            features = self._joined(dropout(states, training=training), features)
        padded = tf.scatter_nd(packing.cells[:, None], features, [sentences * steps, self.output_dim])
        return tf.reshape(padded, [sentences, steps, self.output_dim])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "dropout": self.rate, "residual": self.residual}
