"""One direction of an LSTM over packed rows, forwards and back, compiled for this machine's processor by Numba.

The arithmetic is that of `loops.recurrence`, which is the reference in the tests. Nothing here is allocated by
step, and the GIL is released, so that the two directions run side by side. Matrix products go to SciPy's BLAS.
The loops run over the values of one row with few arrays at a time: that is what the compiler turns into vector
instructions.

Compiled code is kept on disk, beside this file or, where that folder cannot be written, in the user's cache
folder; the environment variable NUMBA_CACHE_DIR names another.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

Function = TypeVar("Function", bound=Callable[..., None])

# A rational approximation of tanh, x * P(x^2) / Q(x^2), fitted for the least relative error on [0, 8.3]: at most
# 4e-7 off in float32. Beyond, tanh is 1 to float32.
BOUND = np.float32(8.3)
P0, P1, P2, P3, P4 = np.array([1.0, 0.13432148, 0.0035563973, 2.1616619e-05, 1.4772596e-08], np.float32)
Q1, Q2, Q3, Q4 = np.array([0.4676548, 0.026108049, 0.00033853319, 8.3516999e-07], np.float32)
ONE, HALF = np.float32(1), np.float32(0.5)


def compiled(function: Function) -> Function:
    """Compiles a function when it is first called, or takes the code of an earlier process."""
    # A multiplication and an addition may become one instruction; nothing else changes the order of arithmetic.
    jit: Any = functools.partial(numba.njit, nogil=True, fastmath={"contract"}, error_model="numpy")
    try:
        return cast(Function, jit(cache=True)(function))
    except RuntimeError:  # no folder to keep code in
        return cast(Function, jit()(function))


@numba.njit(inline="always")
def tanh(x: np.float32) -> np.float32:
    """tanh(x); NaN stays NaN."""
    x = BOUND if x > BOUND else x
    x = -BOUND if x < -BOUND else x
    z = x * x
    p = (((P4 * z + P3) * z + P2) * z + P1) * z + P0
    q = (((Q4 * z + Q3) * z + Q2) * z + Q1) * z + ONE
    return x * p / q


@compiled
def forward(
    products: np.ndarray,
    token: np.ndarray,
    order: np.ndarray,
    counts: np.ndarray,
    recurrent_kernel: np.ndarray,
    hidden: np.ndarray,
    before: np.ndarray,
    cells: np.ndarray,
    gates: np.ndarray,
) -> None:
    """Reads every sentence.

    Args:
        products, token, order, recurrent_kernel: see `lstm.recurrence`.
        counts: int32 (steps,), rows at each step.
        hidden: float32 (N, units), the hidden state after each token, by packed row. Filled in, as are the others,
            which are in the order of reading.
        before: float32 (N, units), the hidden state before each token; not filled in at the first step.
        cells: float32 (N, units), the cell state after each token.
        gates: float32 (N, 4 * units), the gates i, f, c, o after their activations.
    """
    units = recurrent_kernel.shape[0]
    start = 0
    earlier = 0
    for t in range(len(counts)):
        alive = counts[t]
        after = start + alive
        staying = counts[t + 1] if t + 1 < len(counts) else 0
        if t > 0 and alive > 0:
            np.dot(before[start:after], recurrent_kernel, gates[start:after])
        for r in range(alive):
            row, given = gates[start + r], products[token[order[start + r]]]
            i, f = row[:units], row[units : 2 * units]
            c, o = row[2 * units : 3 * units], row[3 * units :]
            cell, state = cells[start + r], hidden[order[start + r]]
            if t > 0:
                for k in range(4 * units):
                    row[k] += given[k]
            else:
                for k in range(4 * units):
                    row[k] = given[k]
            for k in range(units):
                i[k] = HALF + HALF * tanh(HALF * i[k])
            for k in range(units):
                f[k] = HALF + HALF * tanh(HALF * f[k])
            for k in range(units):
                c[k] = tanh(c[k])
            for k in range(units):
                o[k] = HALF + HALF * tanh(HALF * o[k])
            if t > 0:
                old = cells[earlier + r]
                for k in range(units):
                    cell[k] = f[k] * old[k] + i[k] * c[k]
            else:
                for k in range(units):
                    cell[k] = i[k] * c[k]
            for k in range(units):
                state[k] = o[k] * tanh(cell[k])
            if r < staying:
                before[after + r] = state
        earlier = start
        start = after


@compiled
def backward(
    upstream: np.ndarray,
    token: np.ndarray,
    order: np.ndarray,
    counts: np.ndarray,
    recurrent_kernel: np.ndarray,
    cells: np.ndarray,
    gates: np.ndarray,
    into_products: np.ndarray,
    into_gates: np.ndarray,
) -> None:
    """The loss's gradients, from what `forward` was given and filled in.

    Args:
        upstream: float32 (N, units), the gradient with respect to `hidden`.
        into_products: the gradient with respect to `products`. Filled in, as is the last.
        into_gates: float32 (N, 4 * units), the gradient with respect to the gates before their activations, in the
            order of reading.
    """
    units = recurrent_kernel.shape[0]
    widest = counts[0] if len(counts) else 0
    into_state = np.empty((widest, units), np.float32)
    into_cell = np.empty((widest, units), np.float32)
    squashed = np.empty(units, np.float32)
    transposed = np.ascontiguousarray(recurrent_kernel.T)
    into_products[:] = 0
    start = len(order)
    joined = 0
    for t in range(len(counts) - 1, -1, -1):
        alive = counts[t]
        start -= alive
        earlier = start - counts[t - 1] if t > 0 else 0
        for r in range(alive):
            row, out = gates[start + r], into_gates[start + r]
            i, f = row[:units], row[units : 2 * units]
            c, o = row[2 * units : 3 * units], row[3 * units :]
            into_i, into_f = out[:units], out[units : 2 * units]
            into_c, into_o = out[2 * units : 3 * units], out[3 * units :]
            cell, given = cells[start + r], upstream[order[start + r]]
            state_slope, cell_slope = into_state[r], into_cell[r]
            if r < joined:
                for k in range(units):
                    state_slope[k] += given[k]
            else:
                # Sentences that end at this step join with no gradient from later steps.
                for k in range(units):
                    state_slope[k] = given[k]
                    cell_slope[k] = 0
            for k in range(units):
                squashed[k] = tanh(cell[k])
            for k in range(units):
                into_o[k] = state_slope[k] * squashed[k] * o[k] * (ONE - o[k])
            for k in range(units):
                cell_slope[k] += state_slope[k] * o[k] * (ONE - squashed[k] * squashed[k])
            for k in range(units):
                into_i[k] = cell_slope[k] * c[k] * i[k] * (ONE - i[k])
            for k in range(units):
                into_c[k] = cell_slope[k] * i[k] * (ONE - c[k] * c[k])
            if t > 0:
                old = cells[earlier + r]
                for k in range(units):
                    into_f[k] = cell_slope[k] * old[k] * f[k] * (ONE - f[k])
            else:
                for k in range(units):
                    into_f[k] = 0
            for k in range(units):
                cell_slope[k] *= f[k]
            into_row = into_products[token[order[start + r]]]
            for k in range(4 * units):
                into_row[k] += out[k]
        if t > 0 and alive > 0:
            np.dot(into_gates[start : start + alive], transposed, into_state[:alive])
        joined = alive
