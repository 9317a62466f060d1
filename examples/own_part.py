"""A head of one's own: the Chebyshev distance, exp(-max |u - v|), trained and scored without Keras.

python examples/own_part.py DATASET MODEL       DATASET is a folder that `textsim preprocess` made
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from textsim import RECIPES, TextMatcher, train
from textsim.modeling.heads import DistanceHead
from textsim.onnx.graph import Graph
from textsim.registry import HEADS


@HEADS.register("chebyshev")
class ChebyshevHead(DistanceHead):
    """Scores two vectors by the largest difference of their coordinates."""

    def measure(self, u: Any, v: Any, training: bool = False) -> Any:
        # Imported here: where the model scores, this file is read and TensorFlow is not needed.
        import tensorflow as tf

        return tf.reduce_max(tf.abs(u - v), axis=-1)


@HEADS.onnx_form("chebyshev")
def chebyshev(graph: Graph, path: str, u: str, v: str, **_: Any) -> str:
    """The same arithmetic in ONNX."""
    largest = graph.op("ReduceMax", graph.op("Abs", graph.op("Sub", u, v)), graph.ints(-1), keepdims=0)
    return graph.op("Exp", graph.op("Neg", largest))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("model", type=Path)
    options = parser.parse_args()

    recipe = RECIPES["bilstm-cosine"].replace(["head=chebyshev", "training.epochs=3"])
    train(options.dataset, recipe, options.model, overwrite=True)
    print(TextMatcher.load(options.model).score("怎么退货", "退货流程是什么"))


if __name__ == "__main__":
    main()
