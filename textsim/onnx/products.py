"""Products of vectors, on the calling thread alone."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np


def products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The product of each row on the left with each on the right.

    NumPy's library would share one product among all cores. Where several threads search at once, they then wait for
    each other; and the last bits depend on how many there are. onnxruntime is told to keep to one.

    Args:
        left, right: float32 (n, dim) and (m, dim).

    Returns:
        float32 (n, m).
    """
    if not len(left) or not len(right):
        return np.zeros((len(left), len(right)), np.float32)
    result: np.ndarray = _session().run(None, {"left": left, "right": right})[0]
    return result


@cache
def _session() -> Any:
    import onnxruntime
    from onnx import TensorProto, helper

    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("left", ["n", "dim"]), ("right", ["m", "dim"]), ("product", ["n", "m"]))
    ]
    node = helper.make_node("Gemm", ["left", "right"], ["product"], transB=1)
    graph = helper.make_graph([node], "products", values[:2], values[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
