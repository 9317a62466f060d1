"""A batch of sentences inside an ONNX graph."""

from __future__ import annotations

from typing import NamedTuple

from textsim.onnx.graph import Graph


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


def masked(graph: Graph, features: str, tokens: Tokens) -> str:
    """The features, float (n, steps, width), with zeros at padding."""
    return graph.op("Where", tokens.mask, features, graph.const(0.0))


def at_least_one(graph: Graph, tokens: Tokens) -> str:
    """The lengths, int64 (n,), a text without tokens counted as one of one."""
    return graph.op("Max", tokens.lengths, graph.const(1, "int64"))
