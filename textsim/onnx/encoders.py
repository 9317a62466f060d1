"""The ONNX forms of the encoders but the LSTM.

Of tokens: (graph, path of the weights, tokens, options) -> float (n, steps, features), with anything at padding, since
every pooling masks. Of vectors: (graph, path of the weights, float (n, dim), options) -> float (n, width).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx import TensorProto

from textsim.onnx import lstm  # noqa: F401 - registers its form
from textsim.onnx.graph import Graph
from textsim.onnx.tokens import Tokens, masked
from textsim.registry import ENCODERS


@ENCODERS.onnx_form("cnn")
def cnn(graph: Graph, path: str, tokens: Tokens, *, widths: tuple[int, ...] = (2, 3, 5), **_: Any) -> str:
    x = graph.op(
        "Transpose", masked(graph, graph.op("Gather", tokens.table, tokens.ids), tokens), perm=[0, 2, 1]
    )
    outputs = []
    for width in widths:
        # Keras's (width, in, out) is ONNX's (out, in, width); "same" padding has its odd cell on the right.
        kernel = graph.const(graph.weight(f"{path}/width_{width}/kernel").transpose(2, 1, 0))
        bias = graph.const(graph.weight(f"{path}/width_{width}/bias"))
        before = (width - 1) // 2
        output = graph.op("Conv", x, kernel, bias, kernel_shape=[width], pads=[before, width - 1 - before])
        outputs.append(graph.op("Relu", output))
    return graph.op("Transpose", graph.op("Concat", *outputs, axis=1), perm=[0, 2, 1])


@ENCODERS.onnx_form("transformer")
def transformer(graph: Graph, path: str, tokens: Tokens, **_: Any) -> str:
    x = graph.dense(graph.op("Gather", tokens.table, tokens.ids), f"{path}/enter")
    width = graph.weight(f"{path}/enter/kernel").shape[1]
    x = graph.op("Add", x, _sinusoids(graph, tokens.steps, width))
    # (n, 1, 1, steps): no token looks at padding.
    mask = graph.op("Unsqueeze", graph.op("Transpose", tokens.mask, perm=[0, 2, 1]), graph.ints(1))
    layer = 0
    while graph.has(f"{path}/attention_{layer}/query/kernel"):
        normed = _layer_norm(graph, x, f"{path}/norm_{2 * layer}")
        x = graph.op("Add", x, _attention(graph, normed, mask, f"{path}/attention_{layer}"))
        normed = _layer_norm(graph, x, f"{path}/norm_{2 * layer + 1}")
        hidden = graph.dense(normed, f"{path}/widen_{layer}", "gelu")
        x = graph.op("Add", x, graph.dense(hidden, f"{path}/narrow_{layer}"))
        layer += 1
    return _layer_norm(graph, x, f"{path}/norm_{2 * layer}")


def _sinusoids(graph: Graph, steps: str, width: int) -> str:
    rates = np.exp(-math.log(10000.0) * np.arange(0, width, 2, dtype="float32") / width)
    positions = graph.op("Range", graph.const(0, "int64"), steps, graph.const(1, "int64"))
    positions = graph.op("Unsqueeze", graph.op("Cast", positions, to=TensorProto.FLOAT), graph.ints(1))
    angles = graph.op("Mul", positions, graph.const(rates))
    return graph.op("Concat", graph.op("Sin", angles), graph.op("Cos", angles), axis=-1)


def _layer_norm(graph: Graph, x: str, path: str) -> str:
    gamma, beta = (graph.const(graph.weight(f"{path}/{name}")) for name in ("gamma", "beta"))
    return graph.op("LayerNormalization", x, gamma, beta, axis=-1, epsilon=1e-5)


def _attention(graph: Graph, x: str, mask: str, path: str) -> str:
    width, heads, key_dim = graph.weight(f"{path}/query/kernel").shape

    def split(name: str, scale: float, perm: list[int]) -> str:
        kernel = graph.weight(f"{path}/{name}/kernel").reshape(width, heads * key_dim) * scale
        bias = graph.weight(f"{path}/{name}/bias").reshape(heads * key_dim) * scale
        y = graph.op("Add", graph.op("MatMul", x, graph.const(kernel)), graph.const(bias))
        y = graph.op("Reshape", y, graph.ints(0, 0, heads, key_dim))
        return graph.op("Transpose", y, perm=perm)

    query = split("query", 1 / math.sqrt(key_dim), [0, 2, 1, 3])
    key, value = split("key", 1.0, [0, 2, 3, 1]), split("value", 1.0, [0, 2, 1, 3])
    logits = graph.op("Where", mask, graph.op("MatMul", query, key), graph.const(-1e9))
    attended = graph.op("MatMul", graph.op("Softmax", logits, axis=-1), value)
    attended = graph.op("Transpose", attended, perm=[0, 2, 1, 3])
    attended = graph.op("Reshape", attended, graph.ints(0, 0, heads * key_dim))
    kernel = graph.weight(f"{path}/attention_output/kernel").reshape(heads * key_dim, -1)
    attended = graph.op("MatMul", attended, graph.const(kernel))
    return graph.op("Add", attended, graph.const(graph.weight(f"{path}/attention_output/bias")))


@ENCODERS.onnx_form("word-vectors")
def word_vectors(graph: Graph, path: str, tokens: Tokens, **_: Any) -> str:
    return graph.op("Gather", tokens.table, tokens.ids)


@ENCODERS.onnx_form("dense")
def dense(
    graph: Graph,
    path: str,
    x: str,
    *,
    activation: str = "relu",
    final_activation: str | None = None,
    **_: Any,
) -> str:
    count = 1
    while graph.has(f"{path}/dense_{count}/kernel"):
        count += 1
    for k in range(count):
        x = graph.dense(x, f"{path}/dense_{k}", (k == count - 1 and final_activation) or activation)
    return x
