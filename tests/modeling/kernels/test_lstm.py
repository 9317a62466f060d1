from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numba
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from textsim.modeling.kernels import compiled_lstm, lstm
from textsim.modeling.kernels.lstm import LSTMWeights, recurrence
from textsim.modeling.kernels.packing import pack


def one_direction(weights: LSTMWeights, dense: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Hidden states (batch, steps, units) with zeros at padding."""
    sentences, steps, dim = dense.shape
    packing = pack(lengths, tf.constant(steps))
    rows = tf.reshape(dense, [-1, dim])
    order = tf.range(tf.size(packing.cells))
    kernel = tf.convert_to_tensor(weights.recurrent_kernel)
    hidden = recurrence(weights(rows), packing.cells, order, kernel, packing)
    padded = tf.scatter_nd(packing.cells[:, None], hidden, [sentences * steps, weights.units])
    return tf.reshape(padded, [sentences, steps, weights.units])


@pytest.mark.parametrize("lengths", [[5, 1, 0, 3, 5], [0, 0], [1], [4, 4]])
@pytest.mark.parametrize("extra", [0, 2])
def test_outputs_and_gradients_are_those_of_the_stock_layer(
    lengths: list[int], extra: int, compiled: bool
) -> None:
    rng = np.random.default_rng(0)
    steps = max(*lengths, 1, 1) + extra
    dense = tf.constant(rng.normal(size=(len(lengths), steps, 3)), tf.float32)
    counts = tf.constant(lengths)
    mask = tf.sequence_mask(counts, steps)
    weights = LSTMWeights(4)
    weights.build((None, 3))
    weights.bias.assign(rng.normal(size=16))
    stock = keras.layers.LSTM(4, return_sequences=True, use_cudnn=False)
    stock.build((None, steps, 3))
    stock.set_weights([weights.kernel, weights.recurrent_kernel, weights.bias])
    upstream = tf.constant(rng.normal(size=(len(lengths), steps, 4)), tf.float32)
    upstream *= tf.cast(mask, tf.float32)[..., None]

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(dense)
        ours = one_direction(weights, dense, counts)
        theirs = stock(dense, mask=mask) * tf.cast(mask, tf.float32)[..., None]
        our_loss, their_loss = tf.reduce_sum(ours * upstream), tf.reduce_sum(theirs * upstream)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    our_variables = [dense, weights.kernel.value, weights.recurrent_kernel.value, weights.bias.value]
    their_variables = [dense, *[variable.value for variable in stock.trainable_variables]]
    pairs = zip(
        tape.gradient(our_loss, our_variables), tape.gradient(their_loss, their_variables), strict=True
    )
    for ours, theirs in pairs:
        np.testing.assert_allclose(tf.convert_to_tensor(ours), tf.convert_to_tensor(theirs), atol=1e-5)


@pytest.fixture(params=[True, False], ids=["compiled", "loops"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether Numba is there; the loops run where it is missing."""
    monkeypatch.setattr(lstm, "has_numba", lambda: request.param)
    return bool(request.param)


def states_and_gradients(
    lengths: list[int], units: int, mirrored: bool, seed: int = 0, distinct: int = 5
) -> list[np.ndarray]:
    """What one direction gives for random numbers: hidden states, and the gradients of a random sum of them."""
    rng = np.random.default_rng(seed)
    packing = pack(tf.constant(lengths), tf.constant(max(lengths) + 1))
    rows = sum(lengths)
    products, kernel, upstream = (
        tf.constant(rng.normal(size=shape), tf.float32)
        for shape in ((distinct, 4 * units), (units, 4 * units), (rows, units))
    )
    token = tf.constant(rng.integers(0, distinct, rows), tf.int32)
    order = packing.mirror if mirrored else tf.range(rows)
    with tf.GradientTape() as tape:
        tape.watch([products, kernel])
        hidden = recurrence(products, token, order, kernel, packing)
        loss = tf.reduce_sum(hidden * upstream)
    gradients = tape.gradient(loss, [products, kernel])
    return [tensor.numpy() for tensor in (hidden, *map(tf.convert_to_tensor, gradients))]


@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=6),
    st.integers(1, 40),
    st.booleans(),
    st.integers(0, 9),
)
@settings(max_examples=25, deadline=None)
def test_compiled_code_computes_what_the_loops_do(
    lengths: list[int], units: int, mirrored: bool, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        results = []
        for numba in (True, False):
            patch.setattr(lstm, "has_numba", lambda numba=numba: numba)
            results.append(states_and_gradients(lengths, units, mirrored, seed))
    for ours, theirs in zip(*results, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-5)


def test_compiled_code_gives_the_same_bits_twice_and_beside_itself() -> None:
    lengths = np.random.default_rng(0).integers(1, 15, 40).tolist()
    alone = [states_and_gradients(lengths, 24, mirrored) for mirrored in (False, True)]
    with ThreadPoolExecutor(2) as pool:
        together = list(
            pool.map(lambda k: states_and_gradients(lengths, 24, bool(k % 2)), range(6), timeout=60)
        )
    for k, values in enumerate(together):
        for ours, theirs in zip(values, alone[k % 2], strict=True):
            assert np.array_equal(ours, theirs)


def test_compiled_code_lets_other_threads_run() -> None:
    for kernel in (compiled_lstm.forward, compiled_lstm.backward):
        assert kernel.targetoptions["nogil"]
        # Kept on disk for the next process.
        assert kernel.stats.cache_path


def test_without_a_folder_to_keep_code_in_it_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    njit = numba.njit

    def homeless(*args: Any, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*args, **options)

    monkeypatch.setattr(numba, "njit", homeless)
    doubled = compiled_lstm.compiled(lambda values: values * 2)
    assert doubled(np.float32(3)) == 6 and doubled.targetoptions["nogil"]


def test_tanh_is_close_everywhere_and_nan_stays_nan() -> None:
    x = np.linspace(-12, 12, 200_001, dtype="float32")
    squash = numba.vectorize(compiled_lstm.tanh.py_func)
    np.testing.assert_allclose(squash(x), np.tanh(x.astype("float64")), rtol=5e-7)
    assert np.abs(squash(x)).max() <= 1 + 1.2e-7
    assert np.isnan(squash(np.float32("nan")))
    assert squash(np.array([-np.inf, np.inf], "float32")).tolist() == pytest.approx([-1, 1], abs=2e-7)


def test_one_traced_function_serves_every_shape(compiled: bool) -> None:
    weights = LSTMWeights(2)
    weights.build((None, 2))
    kernel = tf.convert_to_tensor(weights.recurrent_kernel)

    def run(rows: tf.Tensor, lengths: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        number = tf.range(tf.shape(rows)[0])
        return recurrence(weights(rows), number, number, kernel, pack(lengths, steps))

    traced = tf.function(
        run,
        input_signature=[
            tf.TensorSpec([None, 2]),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([], tf.int32),
        ],
    )
    for lengths in ([3, 1], [0, 0, 0], [2, 2, 5]):
        rows = tf.random.stateless_normal([sum(lengths), 2], seed=[0, 1])
        given = rows, tf.constant(lengths), tf.constant(max(lengths) + 1)
        np.testing.assert_allclose(traced(*given), run(*given), atol=1e-6)
    assert len(traced.get_concrete_function().inputs) and traced.experimental_get_tracing_count() == 1


def test_blas_computes_on_one_thread_while_it_is_told_to() -> None:
    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before = threads()
    with lstm.one_blas_thread():
        assert set(threads()) == {1}
    assert before == threads()[: len(before)]


def test_the_bias_opens_the_forget_gate() -> None:
    weights = LSTMWeights(2)
    weights.build((None, 3))
    assert weights.bias.numpy().tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    assert LSTMWeights.from_config(weights.get_config()).units == 2
