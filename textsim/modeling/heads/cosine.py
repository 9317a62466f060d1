"""The head `cosine`, and the cosine of rows in TensorFlow and in ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textsim.artifacts.shapes import Shapes
from textsim.modeling.heads.base import Head, onnx_squared_distance, onnx_sum
from textsim.registry import HEADS

if TYPE_CHECKING:
    import tensorflow as tf

    from textsim.onnx.graph import Graph


def cosine(u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    """Cosine of the angle between rows, float (batch,) in [-1, 1]; 0 where one row alone is zeros.

    Equal rows give exactly 1, rows of zeros among them: it is 1 - |u' - v'|^2 / 2 for the rows at unit length.
    """
    import tensorflow as tf

    u, v = (tf.math.l2_normalize(x, axis=-1, epsilon=1e-12) for x in (u, v))
    zero = tf.logical_and(tf.reduce_all(u == v, axis=-1), tf.reduce_all(u == 0, axis=-1))
    near = 1 - tf.reduce_sum(tf.math.squared_difference(u, v), axis=-1) / 2
    lengths = tf.reduce_sum(tf.square(u), axis=-1) * tf.reduce_sum(tf.square(v), axis=-1)
    return tf.where(tf.logical_and(lengths == 0, ~zero), 0.0, tf.clip_by_value(near, -1.0, 1.0))


def onnx_cosine(graph: Graph, u: str, v: str) -> str:
    """`cosine` in ONNX."""

    def unit(x: str) -> str:
        squared = graph.op("ReduceSum", graph.op("Mul", x, x), graph.ints(-1), keepdims=1)
        return graph.op("Div", x, graph.op("Sqrt", graph.op("Max", squared, graph.const(1e-12))))

    def largest(x: str) -> str:
        return graph.op("ReduceMax", graph.op("Abs", x), graph.ints(-1), keepdims=0)

    u, v = unit(u), unit(v)
    zero = graph.const(0.0)
    near = graph.op("Div", onnx_squared_distance(graph, u, v), graph.const(2.0))
    near = graph.op("Clip", graph.op("Sub", graph.const(1.0), near), graph.const(-1.0), graph.const(1.0))
    lengths = graph.op("Mul", onnx_sum(graph, graph.op("Mul", u, u)), onnx_sum(graph, graph.op("Mul", v, v)))
    one_is_zero = graph.op("Equal", lengths, zero)
    both_are_zero = graph.op("Equal", graph.op("Max", largest(u), largest(v)), zero)
    undefined = graph.op("And", one_is_zero, graph.op("Not", both_are_zero))
    return graph.op("Where", undefined, zero, near)


@HEADS.register("cosine")
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


@HEADS.onnx_form("cosine")
def onnx_form(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    return graph.op("Div", graph.op("Add", onnx_cosine(graph, u, v), graph.const(1.0)), graph.const(2.0))


@HEADS.weight_shapes("cosine")
def weight_shapes(width: int) -> tuple[Shapes, int]:
    return {}, width
