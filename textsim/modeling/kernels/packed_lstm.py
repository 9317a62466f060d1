"""A bidirectional LSTM for CPUs that does no work on padding and each distinct token's input product once.

Sentences of a batch are packed: sorted longest first and laid out step by step, so that step t holds one row
for each sentence that has a t-th token. The recurrence runs over ever fewer rows, needs no mask, and reads a
sentence backwards by a permutation of its own cells, never across padding. The arithmetic is that of
`keras.layers.LSTM` (gates i, f, c, o; sigmoid and tanh), and so are the weights: `kernel`, `recurrent_kernel`
and `bias` of a direction can be loaded into stock layers.

Reference:
    Hochreiter & Schmidhuber (1997), Long Short-Term Memory; Schuster & Paliwal (1997), Bidirectional
    Recurrent Neural Networks; the gradient is back-propagation through time as in Greff et al. (2017), LSTM:
    A Search Space Odyssey, without peepholes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf


class Packing(NamedTuple):
    """Where each token of a padded batch lies in packed order, with N the number of tokens that are not padding.

    Attributes:
        cells: int32 (N,), flat position in the padded (batch * steps) batch of each packed row.
        mirror: int32 (N,), packed position of the cell as far from its sentence's end as this one from its
            start. Applying it twice changes nothing.
        previous: int32 (N,), one more than the packed position of the cell one step before; 0 at the first
            step.
        counts: int32 (steps,), rows at each step, never growing.
        starts: int32 (steps,), packed position of each step's first row.
    """

    cells: tf.Tensor
    mirror: tf.Tensor
    previous: tf.Tensor
    counts: tf.Tensor
    starts: tf.Tensor


def pack(lengths: tf.Tensor, steps: tf.Tensor) -> Packing:
    """Plans the packed layout of a right-padded batch.

    Args:
        lengths: int32 (batch,), tokens of each sentence, each between 0 and steps.
        steps: scalar int32, width of the padded batch.
    """
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    ordered = tf.gather(lengths, order)
    alive = tf.transpose(tf.sequence_mask(ordered, steps))
    counts = tf.reduce_sum(tf.cast(alive, tf.int32), axis=1)
    starts = tf.cumsum(counts, exclusive=True)
    step, row = tf.unstack(tf.cast(tf.where(alive), tf.int32), num=2, axis=1)
    mirror = tf.gather(starts, tf.gather(ordered, row) - 1 - step) + row
    previous = tf.where(step > 0, tf.gather(starts, tf.maximum(step - 1, 0)) + row + 1, 0)
    return Packing(tf.gather(order, row) * steps + step, mirror, previous, counts, starts)


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


def has_gpu() -> bool:
    """Whether TensorFlow runs on a GPU for which it has cuDNN."""
    return bool(tf.test.is_built_with_cuda() and tf.config.list_logical_devices("GPU"))


def stock_layer(weights: LSTMWeights) -> keras.layers.LSTM:
    """Keras's own layer over built weights, which are shared, not copied. On a GPU it runs by cuDNN."""
    layer = keras.layers.LSTM(weights.units, return_sequences=True, name=f"stock_{weights.name}")
    layer.cell.kernel = weights.kernel
    layer.cell.recurrent_kernel = weights.recurrent_kernel
    layer.cell.bias = weights.bias
    layer.cell.built = layer.built = True
    return layer


def stock_bidirectional(
    ahead: keras.layers.LSTM, back: keras.layers.LSTM, features: tf.Tensor, lengths: tf.Tensor
) -> tf.Tensor:
    """Both directions by Keras's own layers: float (batch, steps, dim) to (batch, steps, 2 * units), zeros at padding.

    cuDNN wants rows padded on the right, none of them empty: the way back reads each sentence reversed in place, and
    an empty sentence is read as one token of zeros, whose states are then wiped out.
    """
    steps = tf.shape(features)[1]
    read = tf.sequence_mask(tf.maximum(lengths, 1), steps)
    states = ahead(features, mask=read)
    reversed_states = back(tf.reverse_sequence(features, lengths, seq_axis=1), mask=read)
    both = tf.concat([states, tf.reverse_sequence(reversed_states, lengths, seq_axis=1)], axis=-1)
    return tf.where(tf.sequence_mask(lengths, steps)[..., None], both, 0.0)
