"""The weights of an LSTM, and one of its directions over packed rows.

The arithmetic is that of `keras.layers.LSTM` (gates i, f, c, o; sigmoid and tanh), and so are the weights:
`kernel`, `recurrent_kernel` and `bias` of a direction can be loaded into stock layers.

Reference:
    Hochreiter & Schmidhuber (1997), Long Short-Term Memory; Schuster & Paliwal (1997), Bidirectional
    Recurrent Neural Networks; the gradient is back-propagation through time as in Greff et al. (2017), LSTM:
    A Search Space Odyssey, without peepholes.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from textsim.modeling.kernels import loops
from textsim.modeling.kernels.packing import Packing


def recurrence(
    products: tf.Tensor, token: tf.Tensor, order: tf.Tensor, recurrent_kernel: tf.Tensor, packing: Packing
) -> tf.Tensor:
    """Runs one direction of an LSTM over packed rows.

    Compiled code where Numba is installed, else TensorFlow's loops.

    Args:
        products: float (n, 4 * units), inputs times the kernel plus the bias.
        token: int32 (N,), the row of `products` that each packed row reads.
        order: int32 (N,), the packed row that is read at each place; its own inverse. `packing.mirror` reads each
            sentence backwards.
        recurrent_kernel: float (units, 4 * units).
        packing: the layout of the N rows.

    Returns:
        Float (N, units), the hidden state after each token, by packed row.
    """
    if has_numba():
        return _compiled_recurrence(products, token, order, recurrent_kernel, packing.counts)
    inputs = tf.gather(products, tf.gather(token, order))
    return loops.mirrored(loops.recurrence(inputs, recurrent_kernel, packing), order)


@functools.cache
def has_numba() -> bool:
    """Whether Numba is installed, and SciPy, through which it multiplies matrices."""
    return all(importlib.util.find_spec(name) for name in ("numba", "scipy"))


def one_blas_thread() -> contextlib.AbstractContextManager[Any]:
    """While it is open, SciPy's BLAS computes on one thread: the two directions run side by side as it is."""
    if not has_numba():
        return contextlib.nullcontext()
    import scipy.linalg.cython_blas  # noqa: F401  # What is not loaded yet cannot be told.
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


def _compiled_recurrence(
    products: tf.Tensor, token: tf.Tensor, order: tf.Tensor, recurrent_kernel: tf.Tensor, counts: tf.Tensor
) -> tf.Tensor:
    units = recurrent_kernel.shape[0]

    @tf.custom_gradient
    def run(products: tf.Tensor, recurrent_kernel: tf.Tensor) -> Any:
        read = [token, order, counts, recurrent_kernel]
        hidden, before, cells, gates = tf.numpy_function(
            _forward, [products, *read], [tf.float32] * 4, stateful=False
        )

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            given = [tf.convert_to_tensor(upstream), *read, cells, gates, tf.shape(products)]
            into_products, into_gates = tf.numpy_function(_backward, given, [tf.float32] * 2, stateful=False)
            # The first step reads no state, which says nothing of the recurrent kernel.
            first = counts[0]
            into_kernel = tf.matmul(
                tf.ensure_shape(before, [None, units])[first:],
                tf.ensure_shape(into_gates, [None, 4 * units])[first:],
                transpose_a=True,
            )
            return tf.ensure_shape(into_products, products.shape), into_kernel

        return tf.ensure_shape(hidden, [None, units]), gradient

    return run(products, recurrent_kernel)


def _forward(
    products: np.ndarray, token: np.ndarray, order: np.ndarray, *read: np.ndarray
) -> list[np.ndarray]:
    from textsim.modeling.kernels import compiled_lstm

    rows, columns = len(order), products.shape[1]
    filled = [aligned((rows, width)) for width in (columns // 4, columns // 4, columns // 4, columns)]
    compiled_lstm.forward(products, token, order, *read, *filled)
    return filled


def _backward(*given: np.ndarray) -> list[np.ndarray]:
    from textsim.modeling.kernels import compiled_lstm

    *kept, shape = given
    slopes = [aligned(tuple(shape)), aligned(kept[-1].shape)]
    compiled_lstm.backward(*kept, *slopes)
    return slopes


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """An array of any float32 values at a multiple of 64 bytes, which TensorFlow takes over without a copy."""
    size = math.prod(shape)
    values = np.empty(size + 16, np.float32)
    first = -values.ctypes.data % 64 // 4
    return values[first : first + size].reshape(shape)


@keras.saving.register_keras_serializable("textsim")
class LSTMWeights(keras.layers.Layer):
    """The weights of one direction of an LSTM, in the layout of `keras.layers.LSTM`.

    Attributes:
        kernel: (input_dim, 4 * units); recurrent_kernel: (units, 4 * units); bias: (4 * units,), ones for the
            forget gate at the start (Jozefowicz et al., 2015). Gates in the order i, f, c, o.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        columns = 4 * self.units
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], columns), initializer="glorot_uniform"
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, columns), initializer="orthogonal"
        )
        self.bias = self.add_weight(name="bias", shape=(columns,), initializer=self._forget_one)

    def _forget_one(self, shape: tuple[int, ...], dtype: str | None = None) -> Any:
        bias = tf.zeros(shape, dtype)
        return tf.concat(
            [bias[: self.units], bias[self.units : 2 * self.units] + 1, bias[2 * self.units :]], axis=0
        )

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        """The input product: (n, input_dim) -> (n, 4 * units)."""
        return tf.matmul(rows, self.kernel) + self.bias

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
