"""A saved model as two ONNX graphs, so that scoring needs neither TensorFlow nor Keras.

The encoder graph turns sentences (or numeric vectors) into one vector each, the head graph two such vectors
into a score. Each registered encoder, pooling and head has one function here that adds its arithmetic to a
graph, under the name that it is registered by; the arithmetic is that of the Keras class of that name, where
it is explained.

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

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from textsim.artifacts.saved_model import SavedModel
from textsim.config.settings import Part
from textsim.errors import ArtifactError

_OPSET = 18
_IR_VERSION = 8
_LOWEST = float(np.finfo(np.float32).min)
# The largest table of input products that is made when a model is loaded: a tenth of a second or so.
_FOLD_BYTES = 128 << 20
# Padded tokens of a batch up to which the LSTM operator reads it faster than a loop does.
_FEW_TOKENS = 96


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


class Tokens(NamedTuple):
    """A batch of sentences inside a graph.

    Attributes:
        table: float, see `token_table`.
        size: of the vocabulary.
        folded: whether the table holds input products.
        ids: int32 (n, steps).
        lengths: int64 (n,).
        steps: int64 scalar.
        mask: bool (n, steps, 1), True where there is a token.
    """

    table: str
    size: int
    folded: bool
    ids: str
    lengths: str
    steps: str
    mask: str


def encoder_graph(saved: SavedModel) -> bytes:
    """The encoder of a model, with pooling and projection.

    Raises:
        Unsupported: a part has no ONNX form.
        ArtifactError: a weight is missing.
    """
    recipe, graph = saved.recipe, Graph(saved.weights)
    encode = _builder(ENCODERS, "encoder", recipe.encoder)
    if saved.kind == "vectors":
        encoded = encode(graph, "encoder", graph.input("vectors", TensorProto.FLOAT, ("n", saved.dim)))
    else:
        assert recipe.pooling is not None
        tokens = _token_inputs(graph, saved)
        features = encode(graph, "encoder", tokens)
        encoded = _builder(POOLINGS, "pooling", recipe.pooling)(graph, "pooling", features, tokens)
    if recipe.projection is not None:
        encoded = _builder(ENCODERS, "projection", recipe.projection)(graph, "projection", encoded)
    return graph.serialized("encoder", "encoded", encoded, ("n", saved.output_dim))


def head_graph(saved: SavedModel) -> bytes:
    """The head of a model. Raises as `encoder_graph`."""
    graph = Graph(saved.weights)
    u, v = (graph.input(name, TensorProto.FLOAT, ("n", saved.output_dim)) for name in ("u", "v"))
    score = _builder(HEADS, "head", saved.recipe.head)(graph, "head", u, v)
    return graph.serialized("head", "score", score, ("n",))


def _builder(builders: dict[str, Callable[..., str]], kind: str, part: Part) -> Callable[..., str]:
    if part.name not in builders:
        raise Unsupported(f"{kind} {part.name!r}")

    def build(*arguments: Any) -> str:
        return builders[part.name](*arguments, **part.options)

    return build


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
            table @ _onnx_gates(saved.weights[f"{path}/kernel"]).T
            + _onnx_gates(saved.weights[f"{path}/bias"])
            for path in ("encoder/forward_0", "encoder/backward_0")
        ]
    )


def _folds(saved: SavedModel) -> bool:
    if saved.recipe.encoder.name != "bilstm" or "encoder/forward_0/kernel" not in saved.weights:
        return False
    gates = saved.weights["encoder/forward_0/kernel"].shape[1]
    return 2 * len(saved.weights["embedding/table"]) * gates * 4 <= _FOLD_BYTES


# Encoders of tokens: (graph, path of the weights, tokens, options) -> float (n, steps, features), with
# anything at padding, since every pooling masks.
# Encoders of vectors: (graph, path of the weights, float (n, dim), options) -> float (n, width).


def bilstm(graph: Graph, path: str, tokens: Tokens, *, residual: bool = False, **_: Any) -> str:
    # Time-major, (steps, n, features). A sentence without tokens is read as one padding token, which every
    # pooling masks.
    ids = graph.op("Transpose", tokens.ids, perm=[1, 0])
    lengths = _at_least_one(graph, tokens)
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
        np.stack([_onnx_gates(graph.weight(f"{direction}/{name}")) for direction in directions])
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
        [_onnx_gates(graph.weight(f"{path}/{name}_0/recurrent_kernel")) for name in ("forward", "backward")]
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
    recurrent = [_onnx_gates(graph.weight(direction)).T for direction in directions]
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


def _onnx_gates(weight: np.ndarray) -> np.ndarray:
    """Keras's (..., 4 * units) with gates i, f, c, o as ONNX's (4 * units, ...) with gates i, o, f, c."""
    i, f, c, o = np.split(weight, 4, axis=-1)
    return np.concatenate([i, o, f, c], axis=-1).T


def cnn(graph: Graph, path: str, tokens: Tokens, *, widths: tuple[int, ...] = (2, 3, 5), **_: Any) -> str:
    x = graph.op(
        "Transpose", _masked(graph, graph.op("Gather", tokens.table, tokens.ids), tokens), perm=[0, 2, 1]
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


def word_vectors(graph: Graph, path: str, tokens: Tokens, **_: Any) -> str:
    return graph.op("Gather", tokens.table, tokens.ids)


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


# Poolings: (graph, path, float (n, steps, features), tokens, options) -> float (n, width).


def last(graph: Graph, path: str, features: str, tokens: Tokens, **_: Any) -> str:
    forward, backward = _halves(graph, features)
    end = graph.op("Sub", _at_least_one(graph, tokens), graph.const(1, "int64"))
    ahead = graph.op("GatherND", forward, graph.op("Unsqueeze", end, graph.ints(1)), batch_dims=1)
    back = graph.op("Gather", backward, graph.const(0, "int64"), axis=1)
    return _zero_if_empty(graph, graph.op("Concat", ahead, back, axis=-1), tokens)


def mean(graph: Graph, path: str, features: str, tokens: Tokens, **_: Any) -> str:
    total = graph.op("ReduceSum", _masked(graph, features, tokens), graph.ints(1), keepdims=0)
    count = graph.op("Cast", _at_least_one(graph, tokens), to=TensorProto.FLOAT)
    return graph.op("Div", total, graph.op("Unsqueeze", count, graph.ints(1)))


def max_(graph: Graph, path: str, features: str, tokens: Tokens, **_: Any) -> str:
    masked = graph.op("Where", tokens.mask, features, graph.const(_LOWEST))
    return _zero_if_empty(graph, graph.op("ReduceMax", masked, graph.ints(1), keepdims=0), tokens)


def mean_max(graph: Graph, path: str, features: str, tokens: Tokens, **_: Any) -> str:
    poolings = (pooling(graph, path, features, tokens) for pooling in (mean, max_))
    return graph.op("Concat", *poolings, axis=-1)


def attention(graph: Graph, path: str, features: str, tokens: Tokens, **_: Any) -> str:
    logits = graph.dense(graph.dense(features, f"{path}/enter", "tanh"), f"{path}/weigh")
    weights = graph.op("Softmax", graph.op("Where", tokens.mask, logits, graph.const(-1e9)), axis=1)
    weights = graph.op("Transpose", weights, perm=[0, 2, 1])
    pooled = graph.op("MatMul", weights, _masked(graph, features, tokens))
    heads = graph.weight(f"{path}/weigh/kernel").shape[1]
    width = graph.weight(f"{path}/enter/kernel").shape[0]
    return graph.op("Reshape", pooled, graph.ints(-1, heads * width))


def _masked(graph: Graph, features: str, tokens: Tokens) -> str:
    return graph.op("Where", tokens.mask, features, graph.const(0.0))


def _at_least_one(graph: Graph, tokens: Tokens) -> str:
    return graph.op("Max", tokens.lengths, graph.const(1, "int64"))


def _zero_if_empty(graph: Graph, pooled: str, tokens: Tokens) -> str:
    alive = graph.op("Greater", tokens.lengths, graph.const(0, "int64"))
    return graph.op("Where", graph.op("Unsqueeze", alive, graph.ints(1)), pooled, graph.const(0.0))


def _halves(graph: Graph, features: str) -> tuple[str, str]:
    """The two halves of the last axis."""
    width = graph.op("Gather", graph.op("Shape", features), graph.ints(2))
    half = graph.op("Div", width, graph.ints(2))
    first = graph.op("Slice", features, graph.ints(0), half, graph.ints(2))
    return first, graph.op("Slice", features, half, width, graph.ints(2))


# Heads: (graph, path of the weights, u, v, options), u and v float (n, width) -> float (n,) in [0, 1]. Only
# operations that give the same bits for (v, u), and exactly 1 for equal rows where the head has no weights.


def manhattan(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    return graph.op("Exp", graph.op("Neg", _sum(graph, _distances(graph, u, v))))


def euclidean(graph: Graph, path: str, u: str, v: str, *, half_distance: float = 0.5, **_: Any) -> str:
    distance = graph.op("Sqrt", _squared_distance(graph, u, v))
    return graph.op("Exp", graph.op("Mul", distance, graph.const(-math.log(2.0) / half_distance)))


def cosine(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    return graph.op("Div", graph.op("Add", _cosine(graph, u, v), graph.const(1.0)), graph.const(2.0))


def cosine_sigmoid(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    closeness = graph.op("Exp", graph.op("Sub", _cosine(graph, u, v), graph.const(1.0)))
    weight, bias = (graph.const(graph.weight(f"{path}/{name}")) for name in ("weight", "bias"))
    return graph.op("Sigmoid", graph.op("Add", graph.op("Mul", closeness, weight), bias))


def l1(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    return _sigmoid_of_column(graph, graph.dense(_distances(graph, u, v), f"{path}/linear"))


def interaction(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    x = graph.op("Concat", _distances(graph, u, v), graph.op("Mul", u, v), axis=-1)
    layer = 0
    while graph.has(f"{path}/hidden_{layer}/kernel"):
        x = graph.dense(x, f"{path}/hidden_{layer}", "relu")
        layer += 1
    return _sigmoid_of_column(graph, graph.dense(x, f"{path}/linear"))


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

ENCODERS: dict[str, Callable[..., str]] = {
    "bilstm": bilstm,
    "cnn": cnn,
    "dense": dense,
    "transformer": transformer,
    "word-vectors": word_vectors,
}
POOLINGS: dict[str, Callable[..., str]] = {
    "attention": attention,
    "last": last,
    "max": max_,
    "mean": mean,
    "mean-max": mean_max,
}
HEADS: dict[str, Callable[..., str]] = {
    "cosine": cosine,
    "cosine-sigmoid": cosine_sigmoid,
    "euclidean": euclidean,
    "interaction": interaction,
    "l1": l1,
    "manhattan": manhattan,
}
