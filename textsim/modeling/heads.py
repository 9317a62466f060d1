"""Heads: two vectors to one score in [0, 1].

A head measures the pair first and turns the measure into the score after. Losses work on the measure, where
nothing over- or underflows:

=========  =======================  ==========================
measure    range                    heads
=========  =======================  ==========================
distance   [0, inf), 0 when equal   manhattan, euclidean
cosine     [-1, 1], 1 when equal    cosine
logit      any number               cosine-sigmoid, l1, interaction
=========  =======================  ==========================

Every head is symmetric to the bit. The heads without weights score equal vectors exactly 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import keras
import tensorflow as tf

from textsim.config.checks import require_above_zero, require_rate, widths_of
from textsim.errors import ConfigError
from textsim.modeling.dropout import Dropout
from textsim.registry import HEADS


class Head(keras.layers.Layer):
    """Base of heads.

    Attributes:
        measures: "distance", "cosine" or "logit": what `measure` returns.
        learned: whether the head has weights.

    Call arguments:
        inputs: pair (u, v) of float tensors, each of shape (batch, dim).

    Returns:
        Float tensor of shape (batch,), in [0, 1].
    """

    measures: ClassVar[Literal["distance", "cosine", "logit"]]
    learned: ClassVar[bool] = False

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The head's measure of the pairs, float (batch,)."""
        raise NotImplementedError

    def score(self, measure: tf.Tensor) -> tf.Tensor:
        """The score in [0, 1] of a measure."""
        raise NotImplementedError

    def log_probabilities(self, measure: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """log(score) and log(1 - score) of a measure, both finite with finite gradients."""
        return tf.math.log_sigmoid(measure), tf.math.log_sigmoid(-measure)

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor], training: bool = False) -> tf.Tensor:
        return self.score(self.measure(*inputs, training=training))


COSINE_START = 3.0
"""What the weight of the cosine in an `InteractionHead` begins with."""


class DistanceHead(Head):
    """Base of heads that score a distance d by exp(-rate * d)."""

    measures = "distance"
    rate: float = 1.0

    def score(self, measure: tf.Tensor) -> tf.Tensor:
        return tf.exp(-self.rate * measure)

    def log_probabilities(self, measure: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scaled = self.rate * measure
        # log(1 - exp(-x)) falls to minus infinity at x = 0, where two sides are identical: the shift bounds
        # the loss there at -log(0.001) and its gradient at 1000.
        return -scaled, tf.math.log(-tf.math.expm1(-(scaled + 1e-3)))

    def rank_distance(self, u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        """The distance that ranking losses compare."""
        return self.measure(u, v)


@HEADS.register("manhattan")
@keras.saving.register_keras_serializable("textsim")
class ManhattanHead(DistanceHead):
    """Scores two sentence vectors by the exponential of their negative L1 distance.

    score = exp(-sum_i |u_i - v_i|): 1 for equal vectors, towards 0 as they part. No weights.

    Reference:
        Mueller & Thyagarajan (2016), Siamese Recurrent Architectures for Learning Sentence Similarity.
    """

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        return tf.reduce_sum(tf.abs(u - v), axis=-1)


@HEADS.register("euclidean")
@keras.saving.register_keras_serializable("textsim")
class EuclideanHead(DistanceHead):
    """Scores two vectors by their L2 distance d: score = 2 ** (-d / half_distance). No weights.

    Args:
        half_distance: the distance that scores 0.5. Half of a contrastive loss's margin puts the score 0.5
            midway between the two classes.
    """

    def __init__(self, half_distance: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_above_zero("euclidean half_distance", half_distance)
        self.half_distance = half_distance
        self.rate = math.log(2.0) / half_distance

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        squared = self.rank_distance(u, v)
        # The gradient of a square root is infinite at zero; both branches must be finite for the sum to be.
        apart = squared > 0
        return tf.where(apart, tf.sqrt(tf.where(apart, squared, 1.0)), 0.0)

    def rank_distance(self, u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        """The squared L2 distance (Schroff et al., 2015, FaceNet)."""
        return tf.reduce_sum(tf.math.squared_difference(u, v), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "half_distance": self.half_distance}


def cosine(u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    """Cosine of the angle between rows, float (batch,) in [-1, 1]; 0 where one row alone is zeros.

    Equal rows give exactly 1, rows of zeros among them: it is 1 - |u' - v'|^2 / 2 for the rows at unit length.
    """
    u, v = (tf.math.l2_normalize(x, axis=-1, epsilon=1e-12) for x in (u, v))
    zero = tf.logical_and(tf.reduce_all(u == v, axis=-1), tf.reduce_all(u == 0, axis=-1))
    near = 1 - tf.reduce_sum(tf.math.squared_difference(u, v), axis=-1) / 2
    lengths = tf.reduce_sum(tf.square(u), axis=-1) * tf.reduce_sum(tf.square(v), axis=-1)
    return tf.where(tf.logical_and(lengths == 0, ~zero), 0.0, tf.clip_by_value(near, -1.0, 1.0))


@HEADS.register("cosine")
@keras.saving.register_keras_serializable("textsim")
class CosineHead(Head):
    """Scores two vectors by the cosine of their angle: score = (1 + cos) / 2. No weights."""

    measures = "cosine"

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        return cosine(u, v)

    def score(self, measure: tf.Tensor) -> tf.Tensor:
        return (1 + measure) / 2

    def rank_distance(self, u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        """The cosine distance, in [0, 2]."""
        return 1 - cosine(u, v)


@HEADS.register("cosine-sigmoid")
@keras.saving.register_keras_serializable("textsim")
class CosineSigmoidHead(Head):
    """Scores the exponential of the negative cosine distance through a learned sigmoid.

    score = sigmoid(w * exp(cos(u, v) - 1) + b), with w and b learned.
    """

    measures = "logit"
    learned = True

    def build(self, _: Any = None) -> None:
        # The exponential lies in [0.14, 1]: this start puts the sigmoid's middle inside that range and its
        # slope where the gradient is alive, with more similar meaning a higher score.
        self.weight = self.add_weight(name="weight", shape=(), initializer=keras.initializers.Constant(5.0))
        self.bias = self.add_weight(name="bias", shape=(), initializer=keras.initializers.Constant(-3.0))

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.weight * tf.exp(cosine(u, v) - 1) + self.bias

    def score(self, measure: tf.Tensor) -> tf.Tensor:
        return tf.sigmoid(measure)


@HEADS.register("l1")
@keras.saving.register_keras_serializable("textsim")
class L1Head(Head):
    """A learned linear layer on the absolute differences: score = sigmoid(w . |u - v| + b).

    Reference:
        Koch, Zemel & Salakhutdinov (2015), Siamese Neural Networks for One-shot Image Recognition.
    """

    measures = "logit"
    learned = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.linear = keras.layers.Dense(1, name="linear")

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        return tf.squeeze(self.linear(tf.abs(u - v)), axis=-1)

    def score(self, measure: tf.Tensor) -> tf.Tensor:
        return tf.sigmoid(measure)


@HEADS.register("interaction")
@keras.saving.register_keras_serializable("textsim")
class InteractionHead(Head):
    """Learned layers on the absolute differences and the products: MLP([|u - v|, u * v]), then a sigmoid.

    With `cosine` the logit is MLP([|u - v|, u * v]) + w * cos(u, v), with w learned: the layers learn what decides
    between pairs like those of training, the cosine carries over to texts of other kinds.

    Args:
        units: hidden layers, ReLU; none for a linear head.
        dropout: share of the values set to zero in training before each layer.
        cosine: whether the cosine of the two sides counts too.

    Reference:
        Tai, Socher & Manning (2015), Improved Semantic Representations From Tree-Structured LSTM Networks.
    """

    measures = "logit"
    learned = True

    def __init__(
        self, units: Sequence[int] = (256,), dropout: float = 0.0, cosine: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        units = widths_of("interaction units", units) if units != [] else []
        require_rate("interaction dropout", dropout)
        if not isinstance(cosine, bool):
            raise ConfigError(f"interaction cosine: expected true or false. Received {cosine!r}.")
        self.units, self.rate = units, dropout
        self.hidden = [
            keras.layers.Dense(n, activation="relu", name=f"hidden_{k}") for k, n in enumerate(units)
        ]
        self.linear = keras.layers.Dense(1, name="linear")
        self.dropouts = [Dropout(dropout) for _ in range(len(units) + 1)]
        self.cosine: Any = None
        if cosine:
            self.cosine = self.add_weight(
                name="cosine", shape=(), initializer=keras.initializers.Constant(COSINE_START)
            )

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = tf.concat([tf.abs(u - v), u * v], axis=-1)
        for dropout, layer in zip(self.dropouts, [*self.hidden, self.linear], strict=True):
            x = layer(dropout(x, training=training))
        logit = tf.squeeze(x, axis=-1)
        return logit if self.cosine is None else logit + self.cosine * cosine(u, v)

    def score(self, measure: tf.Tensor) -> tf.Tensor:
        return tf.sigmoid(measure)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "dropout": self.rate,
            "cosine": self.cosine is not None,
        }
