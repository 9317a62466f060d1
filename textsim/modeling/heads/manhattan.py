"""The head `manhattan`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textsim.artifacts.shapes import Shapes
from textsim.modeling.heads.base import DistanceHead, onnx_differences, onnx_sum
from textsim.registry import HEADS

if TYPE_CHECKING:
    import tensorflow as tf

    from textsim.onnx.graph import Graph


@HEADS.register("manhattan")
class ManhattanHead(DistanceHead):
    """Scores two sentence vectors by the exponential of their negative L1 distance.

    score = exp(-sum_i |u_i - v_i|): 1 for equal vectors, towards 0 as they part. No weights.

    Reference:
        Mueller & Thyagarajan (2016), Siamese Recurrent Architectures for Learning Sentence Similarity.
    """

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        import tensorflow as tf

        return tf.reduce_sum(tf.abs(u - v), axis=-1)


@HEADS.onnx_form("manhattan")
def onnx_form(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    return graph.op("Exp", graph.op("Neg", onnx_sum(graph, onnx_differences(graph, u, v))))


@HEADS.weight_shapes("manhattan")
def weight_shapes(width: int) -> tuple[Shapes, int]:
    return {}, width
