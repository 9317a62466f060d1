"""The head `interaction`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textsim.artifacts.shapes import Shapes, dense_shapes
from textsim.config.checks import require_rate, widths_of
from textsim.errors import ConfigError
from textsim.modeling.heads.base import LogitHead, onnx_differences
from textsim.modeling.heads.cosine import cosine as cosine_of
from textsim.modeling.heads.cosine import onnx_cosine
from textsim.registry import HEADS

if TYPE_CHECKING:
    import tensorflow as tf

    from textsim.onnx.graph import Graph

COSINE_START = 3.0
"""What the weight of the cosine begins with."""


@HEADS.register("interaction")
class InteractionHead(LogitHead):
    """Learned layers on the absolute differences and the products: MLP([|u - v|, u * v]), then a sigmoid.

    With `cosine` the logit is MLP([|u - v|, u * v]) + w * cos(u, v), with w learned: the layers learn what decides
    between pairs like those of training, the cosine carries over to texts of other kinds.

    Args:
        units: hidden layers, ReLU; none for a linear head.
        dropout: fraction of the values set to zero in training before each layer.
        cosine: whether the cosine of the two sides counts too.

    Reference:
        Tai, Socher & Manning (2015), Improved Semantic Representations From Tree-Structured LSTM Networks.
    """

    def __init__(
        self, units: Sequence[int] = (256,), dropout: float = 0.0, cosine: bool = False, **kwargs: Any
    ) -> None:
        from keras.initializers import Constant
        from keras.layers import Dense

        from textsim.modeling.dropout import Dropout

        super().__init__(**kwargs)
        units = _hidden(units)
        require_rate("interaction dropout", dropout)
        if not isinstance(cosine, bool):
            raise ConfigError(f"interaction cosine: expected true or false. Received {cosine!r}.")
        self.hidden = [Dense(n, activation="relu", name=f"hidden_{k}") for k, n in enumerate(units)]
        self.linear = Dense(1, name="linear")
        self.dropouts = [Dropout(dropout) for _ in range(len(units) + 1)]
        self.cosine: Any = None
        if cosine:
            self.cosine = self.add_weight(name="cosine", shape=(), initializer=Constant(COSINE_START))

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        import tensorflow as tf

        x = tf.concat([tf.abs(u - v), u * v], axis=-1)
        for dropout, layer in zip(self.dropouts, [*self.hidden, self.linear], strict=True):
            x = layer(dropout(x, training=training))
        logit = tf.squeeze(x, axis=-1)
        return logit if self.cosine is None else logit + self.cosine * cosine_of(u, v)


def _hidden(units: Sequence[int]) -> list[int]:
    return widths_of("interaction units", units) if units != [] else []


@HEADS.onnx_form("interaction")
def onnx_form(graph: Graph, path: str, u: str, v: str, *, cosine: bool = False, **_: Any) -> str:
    x = graph.op("Concat", onnx_differences(graph, u, v), graph.op("Mul", u, v), axis=-1)
    layer = 0
    while graph.has(f"{path}/hidden_{layer}/kernel"):
        x = graph.dense(x, f"{path}/hidden_{layer}", "relu")
        layer += 1
    logit = graph.op("Squeeze", graph.dense(x, f"{path}/linear"), graph.ints(1))
    if cosine:
        weight = graph.const(graph.weight(f"{path}/cosine"))
        logit = graph.op("Add", logit, graph.op("Mul", onnx_cosine(graph, u, v), weight))
    return graph.op("Sigmoid", logit)


@HEADS.weight_shapes("interaction")
def weight_shapes(
    width: int, *, units: Sequence[int] = (256,), dropout: float = 0.0, cosine: bool = False
) -> tuple[Shapes, int]:
    shapes: Shapes = {"cosine": ()} if cosine else {}
    inputs = 2 * width
    for k, n in enumerate(_hidden(units)):
        shapes |= dense_shapes(f"hidden_{k}", inputs, n)
        inputs = n
    return shapes | dense_shapes("linear", inputs, 1), width
