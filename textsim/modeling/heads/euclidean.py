"""The head `euclidean`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from textsim.artifacts.shapes import Shapes
from textsim.config.checks import require_above_zero
from textsim.modeling.heads.base import DistanceHead, onnx_squared_distance
from textsim.registry import HEADS

if TYPE_CHECKING:
    import tensorflow as tf

    from textsim.onnx.graph import Graph


@HEADS.register("euclidean")
class EuclideanHead(DistanceHead):
    """Scores two vectors by their L2 distance d: score = 2 ** (-d / half_distance). No weights.

    Args:
        half_distance: the distance that scores 0.5. Half of a contrastive loss's margin puts the score 0.5
            midway between the two classes.
    """

    def __init__(self, half_distance: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_above_zero("euclidean half_distance", half_distance)
        self.rate = math.log(2.0) / half_distance

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        import tensorflow as tf

        squared = self.rank_distance(u, v)
        # The gradient of a square root is infinite at zero; both branches must be finite for the sum to be.
        apart = squared > 0
        return tf.where(apart, tf.sqrt(tf.where(apart, squared, 1.0)), 0.0)

    def rank_distance(self, u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        """The squared L2 distance (Schroff et al., 2015, FaceNet)."""
        import tensorflow as tf

        return tf.reduce_sum(tf.math.squared_difference(u, v), axis=-1)


@HEADS.onnx_form("euclidean")
def onnx_form(graph: Graph, path: str, u: str, v: str, *, half_distance: float = 0.5, **_: Any) -> str:
    distance = graph.op("Sqrt", onnx_squared_distance(graph, u, v))
    return graph.op("Exp", graph.op("Mul", distance, graph.const(-math.log(2.0) / half_distance)))


@HEADS.weight_shapes("euclidean")
def weight_shapes(width: int, *, half_distance: float = 0.5) -> tuple[Shapes, int]:
    return {}, width
