"""The convolutional encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from textsim.config.checks import require_positive, require_rate, widths_of
from textsim.errors import ConfigError
from textsim.modeling.dropout import Dropout
from textsim.modeling.embedding import TokenBatch
from textsim.modeling.encoders.base import Encoder
from textsim.registry import ENCODERS


@ENCODERS.register("cnn")
@keras.saving.register_keras_serializable("textsim")
class CNNEncoder(Encoder):
    """Convolutions of several widths over the tokens, side by side.

    Args:
        filters: output channels of each width.
        widths: tokens that a convolution sees.
        dropout: fraction of the outputs set to zero in training.

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
