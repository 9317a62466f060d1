"""ONNX graphs under construction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from textsim.errors import ArtifactError

_OPSET = 18
_IR_VERSION = 8


class Unsupported(Exception):
    """A part, or an option of it, has no ONNX form here; a user may have registered it."""


class Graph:
    """An ONNX graph under construction. Values are referred to by their names.

    Args:
        weights: arrays that `weight` looks up by path.
        prefix: of all names, which a graph must not share with a graph inside it.
    """

    def __init__(self, weights: dict[str, np.ndarray], prefix: str = "") -> None:
        self.weights = weights
        self._prefix = prefix
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._constants: dict[str, Any] = {}

    def input(self, name: str, kind: int, shape: tuple[str | int, ...]) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def const(self, value: Any, dtype: str = "float32") -> str:
        """A constant array or number."""
        name = f"{self._prefix}constant_{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(
            np.ascontiguousarray(value, dtype).reshape(np.shape(value)), name
        )
        return name

    def weight(self, path: str) -> np.ndarray:
        if path not in self.weights:
            raise ArtifactError(f"the model holds no weight {path!r}. Does its recipe fit its weights?")
        return self.weights[path]

    def has(self, path: str) -> bool:
        return path in self.weights

    def op(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Adds an operator and returns the name of its first output."""
        return self.ops(1, operator, *inputs, **attributes)[0]

    def ops(self, outputs: int, operator: str, *inputs: str, **attributes: Any) -> list[str]:
        """Adds an operator and returns the names of its outputs."""
        names = [f"{self._prefix}value_{len(self._nodes)}_{k}" for k in range(outputs)]
        self._nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names

    def ints(self, *values: int) -> str:
        return self.const(values, "int64")

    def dense(self, x: str, path: str, activation: str | None = None) -> str:
        """A dense layer over the last axis; without a bias where there is none."""
        x = self.op("MatMul", x, self.const(self.weight(f"{path}/kernel")))
        if self.has(f"{path}/bias"):
            x = self.op("Add", x, self.const(self.weight(f"{path}/bias")))
        return activate(self, x, activation)

    def finished(self, name: str, outputs: Mapping[str, tuple[str, tuple[str | int, ...]]]) -> Any:
        """The graph as ONNX has it; `outputs` maps a name to a float value and its shape."""
        results = []
        for output, (value, shape) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [output]))
            results.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, shape))
        return helper.make_graph(self._nodes, name, self._inputs, results, list(self._constants.values()))

    def serialized(self, name: str, output: str, value: str, shape: tuple[str | int, ...]) -> bytes:
        """The finished model, with `value` as its only output under the name `output`."""
        graph = self.finished(name, {output: (value, shape)})
        opsets = [helper.make_opsetid("", _OPSET)]
        model: bytes = helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSION
        ).SerializeToString()
        return model


def activate(graph: Graph, x: str, name: str | None) -> str:
    """Applies a Keras activation by its name.

    Raises:
        Unsupported: it has no ONNX form here.
    """
    if name is None or name == "linear":
        return x
    if name in _ACTIVATIONS:
        return graph.op(_ACTIVATIONS[name], x)
    if name in ("silu", "swish"):
        return graph.op("Mul", x, graph.op("Sigmoid", x))
    if name == "gelu":
        cumulative = graph.op("Erf", graph.op("Mul", x, graph.const(math.sqrt(0.5))))
        cumulative = graph.op("Mul", graph.op("Add", cumulative, graph.const(1.0)), graph.const(0.5))
        return graph.op("Mul", x, cumulative)
    raise Unsupported(f"activation {name!r}")


_ACTIVATIONS = {
    "elu": "Elu",
    "relu": "Relu",
    "selu": "Selu",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "tanh": "Tanh",
}
