"""The ONNX forms of the heads: (graph, path of the weights, u, v, options) -> float (n,) in [0, 1].

`u` and `v` are float (n, width). Only operations that give the same bits for (v, u), and exactly 1 for equal rows where
the head has no weights.
"""

from __future__ import annotations

import math
from typing import Any

from textsim.onnx.graph import Graph
from textsim.registry import HEADS


@HEADS.onnx_form("manhattan")
def manhattan(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    return graph.op("Exp", graph.op("Neg", _sum(graph, _distances(graph, u, v))))


@HEADS.onnx_form("euclidean")
def euclidean(graph: Graph, path: str, u: str, v: str, *, half_distance: float = 0.5, **_: Any) -> str:
    distance = graph.op("Sqrt", _squared_distance(graph, u, v))
    return graph.op("Exp", graph.op("Mul", distance, graph.const(-math.log(2.0) / half_distance)))


@HEADS.onnx_form("cosine")
def cosine(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    return graph.op("Div", graph.op("Add", _cosine(graph, u, v), graph.const(1.0)), graph.const(2.0))


@HEADS.onnx_form("cosine-sigmoid")
def cosine_sigmoid(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    closeness = graph.op("Exp", graph.op("Sub", _cosine(graph, u, v), graph.const(1.0)))
    weight, bias = (graph.const(graph.weight(f"{path}/{name}")) for name in ("weight", "bias"))
    return graph.op("Sigmoid", graph.op("Add", graph.op("Mul", closeness, weight), bias))


@HEADS.onnx_form("l1")
def l1(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    return _sigmoid_of_column(graph, graph.dense(_distances(graph, u, v), f"{path}/linear"))


@HEADS.onnx_form("interaction")
def interaction(graph: Graph, path: str, u: str, v: str, *, cosine: bool = False, **_: Any) -> str:
    x = graph.op("Concat", _distances(graph, u, v), graph.op("Mul", u, v), axis=-1)
    layer = 0
    while graph.has(f"{path}/hidden_{layer}/kernel"):
        x = graph.dense(x, f"{path}/hidden_{layer}", "relu")
        layer += 1
    logit = graph.op("Squeeze", graph.dense(x, f"{path}/linear"), graph.ints(1))
    if cosine:
        weight = graph.const(graph.weight(f"{path}/cosine"))
        logit = graph.op("Add", logit, graph.op("Mul", _cosine(graph, u, v), weight))
    return graph.op("Sigmoid", logit)


def _sigmoid_of_column(graph: Graph, x: str) -> str:
    return graph.op("Sigmoid", graph.op("Squeeze", x, graph.ints(1)))


def _sum(graph: Graph, x: str) -> str:
    return graph.op("ReduceSum", x, graph.ints(-1), keepdims=0)


def _distances(graph: Graph, u: str, v: str) -> str:
    return graph.op("Abs", graph.op("Sub", u, v))


def _squared_distance(graph: Graph, u: str, v: str) -> str:
    difference = graph.op("Sub", u, v)
    return _sum(graph, graph.op("Mul", difference, difference))


def _cosine(graph: Graph, u: str, v: str) -> str:
    def unit(x: str) -> str:
        squared = graph.op("ReduceSum", graph.op("Mul", x, x), graph.ints(-1), keepdims=1)
        return graph.op("Div", x, graph.op("Sqrt", graph.op("Max", squared, graph.const(1e-12))))

    def largest(x: str) -> str:
        return graph.op("ReduceMax", graph.op("Abs", x), graph.ints(-1), keepdims=0)

    u, v = unit(u), unit(v)
    zero = graph.const(0.0)
    near = graph.op("Div", _squared_distance(graph, u, v), graph.const(2.0))
    near = graph.op("Clip", graph.op("Sub", graph.const(1.0), near), graph.const(-1.0), graph.const(1.0))
    lengths = graph.op("Mul", _sum(graph, graph.op("Mul", u, u)), _sum(graph, graph.op("Mul", v, v)))
    one_is_zero = graph.op("Equal", lengths, zero)
    both_are_zero = graph.op("Equal", graph.op("Max", largest(u), largest(v)), zero)
    undefined = graph.op("And", one_is_zero, graph.op("Not", both_are_zero))
    return graph.op("Where", undefined, zero, near)
