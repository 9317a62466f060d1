"""The ONNX forms of the poolings: (graph, path of the weights, features, tokens, options) -> float (n, width)."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from textsim.onnx.graph import Graph
from textsim.onnx.tokens import Tokens, at_least_one, masked
from textsim.registry import POOLINGS

_LOWEST = float(np.finfo(np.float32).min)


@POOLINGS.onnx_form("last")
def last(graph: Graph, path: str, features: str, tokens: Tokens, **_: Any) -> str:
    forward, backward = _halves(graph, features)
    end = graph.op("Sub", at_least_one(graph, tokens), graph.const(1, "int64"))
    ahead = graph.op("GatherND", forward, graph.op("Unsqueeze", end, graph.ints(1)), batch_dims=1)
    back = graph.op("Gather", backward, graph.const(0, "int64"), axis=1)
    return _zero_if_empty(graph, graph.op("Concat", ahead, back, axis=-1), tokens)


@POOLINGS.onnx_form("mean")
def mean(graph: Graph, path: str, features: str, tokens: Tokens, **_: Any) -> str:
    total = graph.op("ReduceSum", masked(graph, features, tokens), graph.ints(1), keepdims=0)
    count = graph.op("Cast", at_least_one(graph, tokens), to=TensorProto.FLOAT)
    return graph.op("Div", total, graph.op("Unsqueeze", count, graph.ints(1)))


@POOLINGS.onnx_form("max")
def max_(graph: Graph, path: str, features: str, tokens: Tokens, **_: Any) -> str:
    masked = graph.op("Where", tokens.mask, features, graph.const(_LOWEST))
    return _zero_if_empty(graph, graph.op("ReduceMax", masked, graph.ints(1), keepdims=0), tokens)


@POOLINGS.onnx_form("mean-max")
def mean_max(graph: Graph, path: str, features: str, tokens: Tokens, **_: Any) -> str:
    poolings = (pooling(graph, path, features, tokens) for pooling in (mean, max_))
    return graph.op("Concat", *poolings, axis=-1)


@POOLINGS.onnx_form("attention")
def attention(graph: Graph, path: str, features: str, tokens: Tokens, **_: Any) -> str:
    logits = graph.dense(graph.dense(features, f"{path}/enter", "tanh"), f"{path}/weigh")
    weights = graph.op("Softmax", graph.op("Where", tokens.mask, logits, graph.const(-1e9)), axis=1)
    weights = graph.op("Transpose", weights, perm=[0, 2, 1])
    pooled = graph.op("MatMul", weights, masked(graph, features, tokens))
    heads = graph.weight(f"{path}/weigh/kernel").shape[1]
    width = graph.weight(f"{path}/enter/kernel").shape[0]
    return graph.op("Reshape", pooled, graph.ints(-1, heads * width))


def _zero_if_empty(graph: Graph, pooled: str, tokens: Tokens) -> str:
    alive = graph.op("Greater", tokens.lengths, graph.const(0, "int64"))
    return graph.op("Where", graph.op("Unsqueeze", alive, graph.ints(1)), pooled, graph.const(0.0))


def _halves(graph: Graph, features: str) -> tuple[str, str]:
    """The two halves of the last axis."""
    width = graph.op("Gather", graph.op("Shape", features), graph.ints(2))
    half = graph.op("Div", width, graph.ints(2))
    first = graph.op("Slice", features, graph.ints(0), half, graph.ints(2))
    return first, graph.op("Slice", features, half, width, graph.ints(2))
