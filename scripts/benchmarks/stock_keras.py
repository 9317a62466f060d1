"""The published character BiLSTM Manhattan script's model, written afresh in stock Keras 3 layers: a baseline.

Two inputs of padded token ids; a shared encoder of a frozen embedding that masks padding, two bidirectional LSTMs
and dropout after each; exp(-L1) of the two encoded sides; binary cross-entropy and Nadam.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from textsim.training.input_pipeline import STEPS_AT_ONCE, Batch, batch_source


class Manhattan(keras.layers.Layer):
    """exp(-sum |u - v|): two float (batch, dim) to float (batch, 1)."""

    def call(self, sides: list[tf.Tensor]) -> tf.Tensor:
        u, v = sides
        return tf.exp(-tf.reduce_sum(tf.abs(u - v), axis=1, keepdims=True))


class StockKeras:
    """Trains and runs the model.

    Args:
        table: the frozen embedding, float (vocabulary, dim).
        units: hidden units of one direction of each BiLSTM.
        dropout: after each BiLSTM.
        width: tokens that every sentence is padded to; None to leave batches as they are trimmed.
        prefetch: batches that are made ready ahead of the step that reads them.
    """

    def __init__(
        self,
        table: np.ndarray,
        units: Sequence[int],
        dropout: float,
        width: int | None = None,
        prefetch: int = 0,
    ) -> None:
        self.width, self.prefetch = width, prefetch
        embedding = keras.layers.Embedding(*table.shape, weights=[table], mask_zero=True, trainable=False)
        lstms = [keras.layers.LSTM(n, return_sequences=True) for n in units[:-1]]
        self._recurrent = [
            keras.layers.Bidirectional(lstm) for lstm in (*lstms, keras.layers.LSTM(units[-1]))
        ]
        ids = keras.Input([width], dtype="int32")
        features = embedding(ids)
        for recurrent in self._recurrent:
            features = keras.layers.Dropout(dropout)(recurrent(features))
        self.encoder = keras.Model(ids, features)
        sides = [keras.Input([width], dtype="int32") for _ in range(2)]
        score = Manhattan()([self.encoder(side) for side in sides])
        self.model = keras.Model(sides, score)
        self.model.compile(
            optimizer=keras.optimizers.Nadam(1e-3),
            loss="binary_crossentropy",
            steps_per_execution=STEPS_AT_ONCE,
        )

    def set_weights(self, weights: dict[str, np.ndarray]) -> None:
        """Takes the weights of a `bilstm` encoder, by their path in a `SiameseModel`."""
        for path, variable in self._variables().items():
            variable.assign(weights[path])

    def _variables(self) -> dict[str, Any]:
        """Each weight by its path in a `SiameseModel`."""
        return {
            f"encoder/{direction}_{layer}/{variable.name}": variable
            for layer, recurrent in enumerate(self._recurrent)
            for direction, lstm in (
                ("forward", recurrent.forward_layer),
                ("backward", recurrent.backward_layer),
            )
            for variable in lstm.trainable_variables
        }

    def sides(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """The two inputs of a training batch of `PairBatches`, padded to the model's width."""
        ids = batch["token_ids"]
        if self.width is not None:
            ids = np.pad(ids, [(0, 0), (0, self.width - ids.shape[1])])
        left, right = np.split(ids, 2)
        return left, right

    def _inputs(self, batch: dict[str, tf.Tensor]) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        ids = batch["token_ids"]
        if self.width is not None:
            ids = tf.pad(ids, [[0, 0], [0, self.width - tf.shape(ids)[1]]])
        sides = tuple(tf.ensure_shape(side, [None, self.width]) for side in tf.split(ids, 2))
        return sides, batch["labels"][:, None]

    def train(self, batches: Sequence[Batch]) -> None:
        """One step of training on each batch."""
        source = batch_source(batches).map(self._inputs)
        if self.prefetch:
            source = source.prefetch(self.prefetch)
        self.model.fit(source, epochs=1, verbose=0, shuffle=False)

    def scores_and_gradients(self, batch: Batch) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Scores of a batch, and the gradients of their sum, by the weights' paths in a `SiameseModel`."""
        variables = {path: variable.value for path, variable in self._variables().items()}
        with tf.GradientTape() as tape:
            scores = self.model([tf.constant(side) for side in self.sides(batch)])[:, 0]
            total = tf.reduce_sum(scores)
        gradients = tape.gradient(total, variables)
        return scores.numpy(), {path: gradient.numpy() for path, gradient in gradients.items()}
