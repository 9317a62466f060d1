"""The encoder that leaves word vectors as they are."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from textsim.modeling.embedding import TokenBatch
from textsim.modeling.encoders.base import Encoder
from textsim.registry import ENCODERS


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
