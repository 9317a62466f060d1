"""The bidirectional LSTM as ONNX operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from textsim.onnx.graph import Graph
from textsim.onnx.tokens import Tokens, at_least_one
from textsim.registry import ENCODERS

# Padded tokens of a batch up to which the LSTM operator reads it faster than a loop does.
_FEW_TOKENS = 96


@ENCODERS.onnx_form("bilstm")
def bilstm(graph: Graph, path: str, tokens: Tokens, *, residual: bool = False, **_: Any) -> str:
    # Time-major, (steps, n, features). A sentence without tokens is read as one padding token, which every
    # pooling masks.
    ids = graph.op("Transpose", tokens.ids, perm=[1, 0])
    lengths = at_least_one(graph, tokens)
    x = (
        _folded_layer(graph, path, tokens, ids, lengths)
        if tokens.folded
        else graph.op("Gather", tokens.table, ids)
    )
    layer = int(tokens.folded)
    while graph.has(f"{path}/forward_{layer}/kernel") or layer == 0:
        states = _lstm_layer(graph, path, layer, x, lengths)
        inputs, units = (
            graph.weight(f"{path}/forward_{layer}/{n}").shape[0] for n in ("kernel", "recurrent_kernel")
        )
        x = graph.op("Add", states, x) if residual and layer and inputs == 2 * units else states
        layer += 1
    return graph.op("Transpose", x, perm=[1, 0, 2])


def _lstm_layer(graph: Graph, path: str, layer: int, x: str, lengths: str) -> str:
    """Both directions by the LSTM operator: float (steps, n, features) -> (steps, n, 2 * units)."""
    directions = (f"{path}/forward_{layer}", f"{path}/backward_{layer}")
    kernel, recurrent, bias = (
        np.stack([onnx_gates(graph.weight(f"{direction}/{name}")) for direction in directions])
        for name in ("kernel", "recurrent_kernel", "bias")
    )
    units = recurrent.shape[2]
    # The operator has a second bias, of the recurrent product, which Keras has not.
    bias = np.concatenate([bias, np.zeros_like(bias)], axis=1)
    return _lstm(graph, units, x, [graph.const(value) for value in (kernel, recurrent, bias)], lengths)


def _lstm(graph: Graph, units: int, x: str, weights: Sequence[str], lengths: str) -> str:
    """The LSTM operator over float (steps, n, features), both directions: (steps, n, 2 * units).

    `weights` are its kernel, recurrent kernel and bias; the last is "" for none.
    """
    lengths = graph.op("Cast", lengths, to=TensorProto.INT32)
    states = graph.op("LSTM", x, *weights, lengths, hidden_size=units, direction="bidirectional")
    # (steps, directions, n, units) -> (steps, n, 2 * units)
    states = graph.op("Transpose", states, perm=[0, 2, 1, 3])
    return graph.op("Reshape", states, graph.ints(0, 0, 2 * units))


def _folded_layer(graph: Graph, path: str, tokens: Tokens, ids: str, lengths: str) -> str:
    """The first layer from the table of input products: (steps, n, 2 * units).

    The LSTM operator does that product itself, but is the fastest recurrence where few sentences are read.
    """
    few = graph.op("LessOrEqual", graph.op("Size", ids), graph.const(_FEW_TOKENS, "int64"))
    shape = ("steps", "n", 2 * graph.weight(f"{path}/forward_0/recurrent_kernel").shape[0])
    branches = {}
    for branch, layer in (("then_branch", _operator_layer), ("else_branch", _scanned_layer)):
        inner = Graph(graph.weights, prefix=f"{branch}_")
        states = layer(inner, path, tokens, ids, lengths)
        branches[branch] = inner.finished(branch, {f"{branch}_states": (states, shape)})
    return graph.op("If", few, **branches)


def _operator_layer(graph: Graph, path: str, tokens: Tokens, ids: str, lengths: str) -> str:
    """The first layer by the LSTM operator, whose kernel is the table's rows of just these tokens, one a column.

    Its inputs are then rows of the identity, which pick each token's own product to the bit. The work of picking
    grows with the square of the tokens.
    """
    recurrent = np.stack(
        [onnx_gates(graph.weight(f"{path}/{name}_0/recurrent_kernel")) for name in ("forward", "backward")]
    )
    units = recurrent.shape[2]
    ahead = graph.op("Reshape", ids, graph.ints(-1))
    back = graph.op("Add", ahead, graph.const(tokens.size, "int32"))
    products = graph.op("Gather", tokens.table, graph.op("Concat", ahead, back, axis=0))
    cells = graph.op("Shape", ahead)
    shape = graph.op("Concat", graph.ints(2), cells, graph.ints(4 * units), axis=0)
    kernel = graph.op("Transpose", graph.op("Reshape", products, shape), perm=[0, 2, 1])
    square = graph.op("ConstantOfShape", graph.op("Concat", cells, cells, axis=0))
    identity = graph.op("EyeLike", square, dtype=TensorProto.FLOAT)
    x = graph.op("Reshape", identity, graph.op("Concat", graph.op("Shape", ids), cells, axis=0))
    return _lstm(graph, units, x, [kernel, graph.const(recurrent), ""], lengths)


def _scanned_layer(graph: Graph, path: str, tokens: Tokens, ids: str, lengths: str) -> str:
    """The first layer as a loop over the table's rows.

    Each sentence is reversed for the way back, which runs beside the way forward as further rows, and its states
    are turned round again.
    """
    turn = {"time_axis": 0, "batch_axis": 1}
    directions = [f"{path}/{name}_0/recurrent_kernel" for name in ("forward", "backward")]
    recurrent = [onnx_gates(graph.weight(direction)).T for direction in directions]
    back = graph.op(
        "Add", graph.op("ReverseSequence", ids, lengths, **turn), graph.const(tokens.size, "int32")
    )
    products = graph.op("Gather", tokens.table, graph.op("Concat", ids, back, axis=1))
    rows = graph.op("Mul", graph.op("Shape", tokens.lengths), graph.ints(2))
    zeros = graph.op("Concat", rows, graph.ints(len(recurrent[0])), axis=0)
    zeros = graph.op("Expand", graph.const(0.0), zeros)
    _, _, states = graph.ops(3, "Scan", zeros, zeros, products, body=_lstm_step(recurrent), num_scan_inputs=1)
    ahead, back = graph.ops(2, "Split", states, axis=1, num_outputs=2)
    return graph.op("Concat", ahead, graph.op("ReverseSequence", back, lengths, **turn), axis=2)


def _lstm_step(recurrent: list[np.ndarray]) -> Any:
    """One step of both directions, (2n, ...) each: hidden, cell, input product -> hidden, cell, hidden."""
    units = len(recurrent[0])
    step = Graph({}, prefix="step_")
    hidden, cell, product = (
        step.input(f"step_{name}", TensorProto.FLOAT, ("rows", width))
        for name, width in (("hidden", units), ("cell", units), ("product", 4 * units))
    )
    ways = step.ops(2, "Split", hidden, axis=0, num_outputs=2)
    ways = [step.op("MatMul", way, step.const(kernel)) for way, kernel in zip(ways, recurrent, strict=True)]
    total = step.op("Add", step.op("Concat", *ways, axis=0), product)
    soft, candidate = step.ops(2, "Split", total, step.ints(3 * units, units), axis=1)
    i, o, f = step.ops(3, "Split", step.op("Sigmoid", soft), step.ints(units, units, units), axis=1)
    kept, added = step.op("Mul", f, cell), step.op("Mul", i, step.op("Tanh", candidate))
    cell = step.op("Add", kept, added)
    hidden = step.op("Mul", o, step.op("Tanh", cell))
    shape = ("rows", units)
    outputs = {
        "step_new_hidden": (hidden, shape),
        "step_new_cell": (cell, shape),
        "step_states": (hidden, shape),
    }
    return step.finished("step", outputs)


def onnx_gates(weight: np.ndarray) -> np.ndarray:
    """Keras's (..., 4 * units) with gates i, f, c, o as ONNX's (4 * units, ...) with gates i, o, f, c."""
    i, f, c, o = np.split(weight, 4, axis=-1)
    return np.concatenate([i, o, f, c], axis=-1).T
