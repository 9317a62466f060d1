"""What all heads have: a measure of the pair, and the score of a measure.

Losses work on the measure, where nothing over- or underflows:

=========  =======================
measure    range
=========  =======================
distance   [0, inf), 0 when equal
cosine     [-1, 1], 1 when equal
logit      any number
=========  =======================

Every head is symmetric to the bit. The heads without weights score equal vectors exactly 1.

An ONNX form of a head is a function (graph, path of the weights, u, v, options) -> float (n,) in [0, 1], where `u` and
`v` are float (n, width). It has only operations that give the same bits for (v, u).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    import tensorflow as tf
    from keras.layers import Layer

    from textsim.onnx.graph import Graph
else:
    # `textsim.modeling.siamese.make_part` makes a Keras layer of a head, in a process that has Keras.
    Layer = object


class Head(Layer):
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
        raise NotImplementedError

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor], training: bool = False) -> tf.Tensor:
        return self.score(self.measure(*inputs, training=training))


class LogitHead(Head):
    """Base of heads with weights, whose measure is a logit: score = sigmoid(measure)."""

    measures = "logit"
    learned = True

    def score(self, measure: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        return tf.sigmoid(measure)

    def log_probabilities(self, measure: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        import tensorflow as tf

        return tf.math.log_sigmoid(measure), tf.math.log_sigmoid(-measure)


class DistanceHead(Head):
    """Base of heads that score a distance d by exp(-rate * d)."""

    measures = "distance"
    rate: float = 1.0

    def score(self, measure: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        return tf.exp(-self.rate * measure)

    def log_probabilities(self, measure: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        import tensorflow as tf

        scaled = self.rate * measure
        # log(1 - exp(-x)) falls to minus infinity at x = 0, where two sides are identical: the shift bounds
        # the loss there at -log(0.001) and its gradient at 1000.
        return -scaled, tf.math.log(-tf.math.expm1(-(scaled + 1e-3)))

    def rank_distance(self, u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        """The distance that ranking losses compare."""
        return self.measure(u, v)


def onnx_differences(graph: Graph, u: str, v: str) -> str:
    """|u - v|, float (n, width)."""
    return graph.op("Abs", graph.op("Sub", u, v))


def onnx_squared_distance(graph: Graph, u: str, v: str) -> str:
    """|u - v|^2 of the L2 norm, float (n,)."""
    difference = graph.op("Sub", u, v)
    return onnx_sum(graph, graph.op("Mul", difference, difference))


def onnx_sum(graph: Graph, x: str) -> str:
    """The sum of each row, float (n,)."""
    return graph.op("ReduceSum", x, graph.ints(-1), keepdims=0)
