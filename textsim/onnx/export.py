"""A saved model as two ONNX graphs, so that scoring needs neither TensorFlow nor Keras.

The encoder graph turns sentences (or numeric vectors) into one vector each, the head graph two such vectors
into a score. Each encoder, pooling and head has its ONNX form, a function that adds its arithmetic to a
graph, registered under the same name; the arithmetic is that of the Keras class of that name, where it is explained.

===========  ==============================================================  ============================
graph        inputs                                                          output
===========  ==============================================================  ============================
encoder      ``table`` float, see `token_table`, ``token_ids`` int32         ``encoded`` float (n, width)
             (n, steps) right-padded, ``lengths`` int32 (n,)
encoder of   ``vectors`` float (n, dim)                                      ``encoded`` float (n, width)
vectors
head         ``u``, ``v`` float (n, width)                                   ``score`` float (n,)
===========  ==============================================================  ============================

The table is an input because it is most of the model: fed at each run, it is neither copied nor serialized.

Reference:
    The ONNX operator specification, opset 18: https://onnx.ai/onnx/operators/
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from onnx import TensorProto

from textsim.artifacts.saved_model import SavedModel
from textsim.config.cores import available_cores
from textsim.config.settings import Part
from textsim.errors import ArtifactError
from textsim.onnx.graph import Graph, Unsupported
from textsim.onnx.lstm import onnx_gates
from textsim.onnx.products import products
from textsim.onnx.tokens import Tokens
from textsim.registry import ENCODERS, HEADS, POOLINGS, Registry

# The largest table of input products that is made when a model is loaded: a tenth of a second or so.
_FOLD_BYTES = 128 << 20
_BLOCK_ROWS = 1024


def encoder_graph(saved: SavedModel) -> bytes:
    """The encoder of a model, with pooling and projection.

    Raises:
        Unsupported: a part has no ONNX form.
        ArtifactError: a weight is missing.
    """
    recipe, graph = saved.recipe, Graph(saved.weights)
    encode = _form(ENCODERS, recipe.encoder)
    if saved.kind == "vectors":
        encoded = encode(graph, "encoder", graph.input("vectors", TensorProto.FLOAT, ("n", saved.dim)))
    else:
        assert recipe.pooling is not None
        tokens = _token_inputs(graph, saved)
        features = encode(graph, "encoder", tokens)
        encoded = _form(POOLINGS, recipe.pooling)(graph, "pooling", features, tokens)
    if recipe.projection is not None:
        encoded = _form(ENCODERS, recipe.projection)(graph, "projection", encoded)
    return graph.serialized("encoder", "encoded", encoded, ("n", saved.output_dim))


def head_graph(saved: SavedModel) -> bytes:
    """The head of a model. Raises as `encoder_graph`."""
    graph = Graph(saved.weights)
    u, v = (graph.input(name, TensorProto.FLOAT, ("n", saved.output_dim)) for name in ("u", "v"))
    score = _form(HEADS, saved.recipe.head)(graph, "head", u, v)
    return graph.serialized("head", "score", score, ("n",))


def _form(registry: Registry, part: Part) -> Callable[..., str]:
    form = registry.find_onnx_form(part.name)
    if form is None:
        raise Unsupported(f"{registry.kind} {part.name!r}")

    def add(*inputs: Any) -> str:
        try:
            return form(*inputs, **part.options)
        except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise ArtifactError(
                f"{registry.kind} {part.name!r} cannot read its options or its inputs: {error}. "
                "Do the model's parts fit each other?"
            ) from error

    return add


def _token_inputs(graph: Graph, saved: SavedModel) -> Tokens:
    table = graph.input("table", TensorProto.FLOAT, ("rows", "width"))
    ids = graph.input("token_ids", TensorProto.INT32, ("n", "steps"))
    lengths = graph.op("Cast", graph.input("lengths", TensorProto.INT32, ("n",)), to=TensorProto.INT64)
    steps = graph.op("Gather", graph.op("Shape", ids), graph.const(1, "int64"))
    positions = graph.op("Range", graph.const(0, "int64"), steps, graph.const(1, "int64"))
    mask = graph.op("Less", positions, graph.op("Unsqueeze", lengths, graph.ints(1)))
    size = len(graph.weight("embedding/table"))
    return Tokens(table, size, _folds(saved), ids, lengths, steps, graph.op("Unsqueeze", mask, graph.ints(2)))


def token_table(saved: SavedModel) -> np.ndarray:
    """What the encoder graph of a text model takes as its `table`.

    The embedding, float (vocabulary, dim). A BiLSTM gets the first layer's input products in its place: there is
    one for each token and direction, however often the token occurs, so that most of the arithmetic is done here
    once. They are float (2 * vocabulary, 4 * units), all tokens forwards and then all backwards, gates i, o, f, c.
    """
    table = saved.weights["embedding/table"]
    if not _folds(saved):
        return table
    return np.concatenate(
        [
            _blockwise_product(table, onnx_gates(saved.weights[f"{path}/kernel"]))
            + onnx_gates(saved.weights[f"{path}/bias"])
            for path in ("encoder/forward_0", "encoder/backward_0")
        ]
    )


def _blockwise_product(table: np.ndarray, gates: np.ndarray) -> np.ndarray:
    """`table @ gates.T`, of the same bits however many threads NumPy's library has."""
    blocks = [table[start : start + _BLOCK_ROWS] for start in range(0, len(table), _BLOCK_ROWS)]
    with ThreadPoolExecutor(available_cores()) as pool:
        return np.concatenate(list(pool.map(lambda block: products(block, gates), blocks)))


def _folds(saved: SavedModel) -> bool:
    if saved.recipe.encoder.name != "bilstm" or "encoder/forward_0/kernel" not in saved.weights:
        return False
    gates = saved.weights["encoder/forward_0/kernel"].shape[1]
    return 2 * len(saved.weights["embedding/table"]) * gates * 4 <= _FOLD_BYTES
