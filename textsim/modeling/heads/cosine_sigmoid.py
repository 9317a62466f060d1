"""The head `cosine-sigmoid`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textsim.artifacts.shapes import Shapes
from textsim.modeling.heads.base import LogitHead
from textsim.modeling.heads.cosine import cosine, onnx_cosine
from textsim.registry import HEADS

if TYPE_CHECKING:
    import tensorflow as tf

    from textsim.onnx.graph import Graph


@HEADS.register("cosine-sigmoid")
class CosineSigmoidHead(LogitHead):
    """Scores the exponential of the negative cosine distance through a learned sigmoid.

    score = sigmoid(w * exp(cos(u, v) - 1) + b), with w and b learned.
    """

    def build(self, _: Any = None) -> None:
        # The exponential lies in [0.14, 1]: this start puts the sigmoid's middle inside that range and its
        # slope where the gradient is alive, with more similar meaning a higher score.
        from keras.initializers import Constant

        self.weight = self.add_weight(name="weight", shape=(), initializer=Constant(5.0))
        self.bias = self.add_weight(name="bias", shape=(), initializer=Constant(-3.0))

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        import tensorflow as tf

        return self.weight * tf.exp(cosine(u, v) - 1) + self.bias


@HEADS.onnx_form("cosine-sigmoid")
def onnx_form(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    closeness = graph.op("Exp", graph.op("Sub", onnx_cosine(graph, u, v), graph.const(1.0)))
    weight, bias = (graph.const(graph.weight(f"{path}/{name}")) for name in ("weight", "bias"))
    return graph.op("Sigmoid", graph.op("Add", graph.op("Mul", closeness, weight), bias))


@HEADS.weight_shapes("cosine-sigmoid")
def weight_shapes(width: int) -> tuple[Shapes, int]:
    return {"weight": (), "bias": ()}, width
