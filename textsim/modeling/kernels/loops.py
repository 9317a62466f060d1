"""One direction of an LSTM over packed rows as TensorFlow's loops, for where Numba is missing."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from textsim.modeling.kernels.packing import Packing


def recurrence(inputs: tf.Tensor, recurrent_kernel: tf.Tensor, packing: Packing) -> tf.Tensor:
    """Runs one direction of an LSTM over packed rows.

    Args:
        inputs: float (N, 4 * units), the inputs times the kernel plus the bias, in the order of reading.
        recurrent_kernel: float (units, 4 * units).
        packing: the layout of the N rows.

    Returns:
        Float (N, units), the hidden state after each token.
    """
    previous, counts, starts = packing.previous, packing.counts, packing.starts
    units = recurrent_kernel.shape[0]

    # The forward loop keeps the gates, so the backward loop holds only what is sequential: one product a
    # step. Everything that needs no earlier step's result is one large operation outside the loops.
    @tf.custom_gradient
    def run(inputs: tf.Tensor, recurrent_kernel: tf.Tensor) -> Any:
        gates, cells = _forward(inputs, recurrent_kernel, counts, starts, units)
        squashed = tf.tanh(cells)
        hidden = gates[3] * squashed

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            into_gates = _backward(
                tf.convert_to_tensor(upstream), gates, cells, squashed, recurrent_kernel, packing
            )
            # Zeros come before the rows of the first step, which say nothing of the recurrent kernel.
            first = counts[0]
            before = tf.gather(hidden, previous[first:] - 1)
            return into_gates, tf.matmul(before, into_gates[first:], transpose_a=True)

        return hidden, gradient

    return run(inputs, recurrent_kernel)


@tf.custom_gradient
def mirrored(rows: tf.Tensor, mirror: tf.Tensor) -> Any:
    """Packed rows in the other direction's order of reading; its own inverse, so its gradient is a gather too."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
        return tf.gather(upstream, mirror), None

    return tf.gather(rows, mirror), gradient


def _shifted(rows: tf.Tensor, previous: tf.Tensor) -> tf.Tensor:
    """Each packed row's value one step before; zeros at the first step."""
    return tf.gather(tf.concat([tf.zeros_like(rows[:1]), rows], axis=0), previous)


def _forward(
    inputs: tf.Tensor, recurrent_kernel: tf.Tensor, counts: tf.Tensor, starts: tf.Tensor, units: int
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Gates [i, f, c, o] and cell states, each (N, units)."""
    steps = tf.size(counts)
    kept = [
        tf.TensorArray(inputs.dtype, steps, infer_shape=False, element_shape=[None, units]) for _ in range(5)
    ]
    empty = tf.zeros([tf.reduce_max(counts), units], inputs.dtype)

    def step(t: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, *kept: tf.TensorArray) -> tuple[Any, ...]:
        alive = counts[t]
        start = starts[t]
        total = inputs[start : start + alive] + tf.matmul(hidden[:alive], recurrent_kernel)
        i, f, c, o = tf.split(total, 4, axis=1)
        i, f, c, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(c), tf.sigmoid(o)
        cell = f * cell[:alive] + i * c
        hidden = o * tf.tanh(cell)
        values = (i, f, c, o, cell)
        return (
            t + 1,
            hidden,
            cell,
            *(array.write(t, value) for array, value in zip(kept, values, strict=True)),
        )

    anything = tf.TensorShape([None, units])
    _, _, _, *kept = tf.while_loop(
        lambda t, *_: t < steps,
        step,
        (tf.constant(0), empty, empty, *kept),
        shape_invariants=(tf.TensorShape([]), anything, anything, *(tf.TensorShape(None) for _ in range(5))),
        parallel_iterations=1,
    )
    i, f, c, o, cells = (array.concat() for array in kept)
    return [i, f, c, o], cells


def _backward(
    upstream: tf.Tensor,
    gates: list[tf.Tensor],
    cells: tf.Tensor,
    squashed: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    packing: Packing,
) -> tf.Tensor:
    """The loss's gradient with respect to the gates before their activations, (N, 4 * units).

    `squashed` is tanh(cells).
    """
    i, f, c, o = gates
    units = recurrent_kernel.shape[0]
    slopes = tf.concat(
        [
            c * i * (1 - i),
            _shifted(cells, packing.previous) * f * (1 - f),
            i * (1 - tf.square(c)),
            squashed * o * (1 - o),
        ],
        axis=1,
    )
    hidden_to_cell = o * (1 - tf.square(squashed))
    counts, starts = packing.counts, packing.starts
    steps = tf.size(counts)
    transposed = tf.transpose(recurrent_kernel)
    array = tf.TensorArray(upstream.dtype, steps, infer_shape=False, element_shape=[None, 4 * units])

    def step(t: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, array: tf.TensorArray) -> tuple[Any, ...]:
        alive = counts[t]
        start = starts[t]
        end = start + alive
        # Sentences that end at this step join with no gradient from later steps.
        joining = [[0, alive - tf.shape(hidden)[0]], [0, 0]]
        hidden = upstream[start:end] + tf.pad(hidden, joining)
        cell = tf.pad(cell, joining) + hidden * hidden_to_cell[start:end]
        into_gates = tf.concat([cell, cell, cell, hidden], axis=1) * slopes[start:end]
        return t - 1, tf.matmul(into_gates, transposed), cell * f[start:end], array.write(t, into_gates)

    anything = tf.TensorShape([None, units])
    nothing = tf.zeros([0, units], upstream.dtype)
    _, _, _, array = tf.while_loop(
        lambda t, *_: t >= 0,
        step,
        (steps - 1, nothing, nothing, array),
        shape_invariants=(tf.TensorShape([]), anything, anything, tf.TensorShape(None)),
        parallel_iterations=1,
    )
    return array.concat()
