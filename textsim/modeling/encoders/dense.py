"""The encoder of numeric vectors: dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from textsim.config.checks import require_rate, widths_of
from textsim.modeling.dropout import Dropout
from textsim.modeling.encoders.base import Encoder
from textsim.registry import ENCODERS


@ENCODERS.register("dense")
@keras.saving.register_keras_serializable("textsim")
class DenseEncoder(Encoder):
    """Dense layers over a numeric vector. Also serves as the projection after a pooling.

    Args:
        units: width of each layer.
        activation: a Keras activation by name, after each layer.
        final_activation: the last layer's activation where it differs.
        dropout: fraction of the values set to zero in training between layers.

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
