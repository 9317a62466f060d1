"""Token ids to vectors, each distinct token of a batch once."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from textsim.modeling.dropout import Dropout
from textsim.text.vocabulary import PAD_ID, UNK_ID


class TokenBatch(NamedTuple):
    """A batch of right-padded sentences as the vectors of its distinct tokens.

    What depends on the token alone, such as a layer's input product, is computed for `rows` and then
    gathered.

    Attributes:
        rows: float (distinct, dim), a vector for each distinct token of the batch.
        index: int32 (batch, steps), the row of each token. Padding has a row of its own, of zeros.
        lengths: int32 (batch,), tokens of each sentence.
    """

    rows: tf.Tensor
    index: tf.Tensor
    lengths: tf.Tensor

    @property
    def mask(self) -> tf.Tensor:
        """bool (batch, steps): True where there is a token."""
        return tf.sequence_mask(self.lengths, tf.shape(self.index)[1])

    def dense(self) -> tf.Tensor:
        """float (batch, steps, dim): each token's vector; zeros at padding, even where a row was changed."""
        return tf.gather(self.rows, self.index) * tf.cast(self.mask, self.rows.dtype)[..., None]


@keras.saving.register_keras_serializable("textsim")
class TokenEmbedding(keras.layers.Layer):
    """A table of token vectors. Row 0 is padding: zeros at the start, and no gradient ever reaches it.

    Args:
        size: rows of the table, the size of the vocabulary.
        dim: width of a vector.
        trainable: whether training moves the table.
        dropout: fraction of the values of each distinct token's vector set to zero in training, the same for
            each occurrence in a batch (Gal & Ghahramani, 2016, A Theoretically Grounded Application of
            Dropout in RNNs).
        token_dropout: fraction of the tokens read as the unknown one in training, each occurrence for itself, so that
            no sentence hangs on a single token, and the unknown one's vector is learned (Iyyer et al., 2015, Deep
            Unordered Composition Rivals Syntactic Methods for Text Classification).

    Call arguments:
        token_ids: int32 (batch, steps), right-padded with 0.
        lengths: int32 (batch,).
        shift: float (size, dim), added to the table in this call alone; None for nothing.

    Returns:
        A `TokenBatch`.
    """

    def __init__(
        self,
        size: int,
        dim: int,
        *,
        trainable: bool = True,
        dropout: float = 0.0,
        token_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size, self.dim = size, dim
        self.table_trainable = trainable
        self.dropout = Dropout(dropout)
        self.token_dropout = Dropout(token_dropout)

    def build(self, _: Any = None) -> None:
        self.table = self.add_weight(
            name="table",
            shape=(self.size, self.dim),
            initializer=_padded_uniform,
            trainable=self.table_trainable,
        )

    def set_table(self, matrix: np.ndarray) -> None:
        """Replaces the table by float (size, dim) values."""
        self.table.assign(np.asarray(matrix, dtype="float32"))

    def adversarial_shift(self, gradient: tf.IndexedSlices, share: float) -> tf.Tensor:
        """The change of the table's rows along which the loss grows fastest (fast gradient method; Miyato, Dai &
        Goodfellow, 2017, Adversarial Training Methods for Semi-Supervised Text Classification).

        Args:
            gradient: of the loss, for rows of the table, each at most once.
            share: norm of the change over all values of those rows, as a fraction of the norm of the rows themselves.

        Returns:
            float (size, dim), zeros in other rows, and everywhere where the gradient is zero.
        """
        rows = tf.gather(tf.convert_to_tensor(self.table), gradient.indices)
        scale = share * tf.math.divide_no_nan(tf.norm(rows), tf.norm(gradient.values))
        return tf.scatter_nd(gradient.indices[:, None], scale * gradient.values, [self.size, self.dim])

    def call(
        self,
        token_ids: tf.Tensor,
        lengths: tf.Tensor,
        training: bool = False,
        shift: tf.Tensor | None = None,
    ) -> TokenBatch:
        if training and self.token_dropout.rate:
            read = self.token_dropout(tf.ones(tf.shape(token_ids)), training=True) > 0
            token_ids = tf.where(read | (token_ids == PAD_ID), token_ids, UNK_ID)
        distinct, index = tf.unique(tf.reshape(token_ids, [-1]))
        # The ids are distinct, so a sparse gradient of the table holds each row once: optimizers that square
        # a sparse gradient without first summing its repeated rows take the right step.
        rows = tf.gather(tf.convert_to_tensor(self.table), distinct)
        if shift is not None:
            rows += tf.gather(shift, distinct)
        rows = self.dropout(rows, training=training)
        return TokenBatch(rows, tf.reshape(index, tf.shape(token_ids)), lengths)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "dim": self.dim,
            "trainable": self.table_trainable,
            "dropout": self.dropout.rate,
            "token_dropout": self.token_dropout.rate,
        }


def _padded_uniform(shape: tuple[int, int], dtype: str | None = None) -> Any:
    """Uniform in [-0.05, 0.05] with a first row of zeros."""
    values = keras.random.uniform(shape, -0.05, 0.05, dtype=dtype)
    return values * tf.cast(tf.range(shape[0]) > 0, values.dtype)[:, None]
