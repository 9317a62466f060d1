"""The head `l1`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textsim.artifacts.shapes import Shapes, dense_shapes
from textsim.modeling.heads.base import LogitHead, onnx_differences
from textsim.registry import HEADS

if TYPE_CHECKING:
    import tensorflow as tf

    from textsim.onnx.graph import Graph


@HEADS.register("l1")
class L1Head(LogitHead):
    """A learned linear layer on the absolute differences: score = sigmoid(w . |u - v| + b).

    Reference:
        Koch, Zemel & Salakhutdinov (2015), Siamese Neural Networks for One-shot Image Recognition.
    """

    def __init__(self, **kwargs: Any) -> None:
        from keras.layers import Dense

        super().__init__(**kwargs)
        self.linear = Dense(1, name="linear")

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        import tensorflow as tf

        return tf.squeeze(self.linear(tf.abs(u - v)), axis=-1)


@HEADS.onnx_form("l1")
def onnx_form(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    logit = graph.dense(onnx_differences(graph, u, v), f"{path}/linear")
    return graph.op("Sigmoid", graph.op("Squeeze", logit, graph.ints(1)))


@HEADS.weight_shapes("l1")
def weight_shapes(width: int) -> tuple[Shapes, int]:
    return dense_shapes("linear", width, 1), width
