from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from tests.modeling.helpers import DIM, LENGTHS, copy_of, embedding, ids_of, randomize, token_batch
from textsim.config.settings import Part
from textsim.errors import ConfigError
from textsim.modeling.embedding import TokenBatch
from textsim.modeling.encoders.bilstm import BiLSTMEncoder
from textsim.modeling.encoders.cnn import CNNEncoder
from textsim.modeling.encoders.dense import DenseEncoder
from textsim.modeling.encoders.transformer import TransformerEncoder, sinusoids
from textsim.modeling.siamese import make_part
from textsim.registry import ENCODERS, POOLINGS

OPTIONS: dict[str, dict[str, Any]] = {
    "bilstm": {"units": [4, 3], "dropout": 0.5},
    "cnn": {"filters": 4, "widths": [1, 2, 3], "dropout": 0.5},
    "transformer": {"width": 8, "layers": 2, "heads": 2, "feed_forward": 12, "dropout": 0.5},
    "word-vectors": {},
    "dense": {"units": [7, 5], "activation": "tanh", "final_activation": "linear", "dropout": 0.5},
}
SEQUENCE_ENCODERS = [name for name in ENCODERS.names() if ENCODERS.get(name).reads == "tokens"]


def encoder(name: str) -> Any:
    layer = make_part(ENCODERS, Part(name=name, **OPTIONS[name]), layer_name="encoder")
    layer(inputs(name))
    randomize(layer)
    return layer


def inputs(name: str) -> Any:
    if ENCODERS.get(name).reads == "vectors":
        return tf.constant(np.random.default_rng(0).normal(size=(5, DIM)), tf.float32)
    return token_batch()


@pytest.fixture(scope="module")
def encoders() -> dict[str, Any]:
    return {name: encoder(name) for name in ENCODERS.names()}


@pytest.mark.parametrize("name", ENCODERS.names())
def test_shape_padding_and_settings(name: str, encoders: dict[str, Any]) -> None:
    layer, given = encoders[name], inputs(name)
    features = layer(given).numpy()
    assert features.dtype == np.float32 and np.isfinite(features).all()
    assert features.shape[-1] == layer.output_dim
    if layer.reads == "tokens":
        mask = given.mask.numpy()
        assert features.shape[:2] == mask.shape
        assert not features[~mask].any()
    assert layer.registered_name == name
    assert layer.get_config().keys() >= OPTIONS[name].keys()

    copy = copy_of(layer)
    copy(given)
    copy.set_weights(layer.get_weights())
    assert np.array_equal(copy(given), features)


@pytest.mark.parametrize("name", ENCODERS.names())
def test_every_weight_gets_a_finite_gradient(name: str, encoders: dict[str, Any]) -> None:
    layer, given = encoders[name], inputs(name)
    with tf.GradientTape() as tape:
        features = layer(given)
        loss = tf.reduce_sum(features * tf.random.stateless_normal(tf.shape(features), seed=[1, 2]))
    for variable, gradient in zip(
        layer.trainable_variables, tape.gradient(loss, layer.trainable_variables), strict=True
    ):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
        # A key's bias shifts all logits of a softmax alike.
        assert np.abs(gradient).max() > 1e-4 or "key/bias" in variable.path, variable.path


@pytest.mark.parametrize("name", [name for name in ENCODERS.names() if OPTIONS[name]])
def test_dropout_in_training_alone(name: str, encoders: dict[str, Any]) -> None:
    layer, given = encoders[name], inputs(name)
    assert np.array_equal(layer(given), layer(given))
    assert not np.array_equal(layer(given, training=True), layer(given, training=True))


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@pytest.mark.parametrize("name", ENCODERS.names())
def test_compiled_and_eager_agree(name: str, encoders: dict[str, Any]) -> None:
    layer = encoders[name]
    if layer.reads == "vectors":
        run = tf.function(layer, input_signature=[tf.TensorSpec([None, DIM])])
        np.testing.assert_allclose(run(inputs(name)), layer(inputs(name)), atol=1e-6)
        return
    table = embedding()
    specs = [tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)]
    run = tf.function(lambda ids, lengths: layer(table(ids, lengths)), input_signature=specs)
    for lengths in (LENGTHS, (0, 0), (2,)):
        ids, counts = (tf.constant(x) for x in ids_of(lengths))
        np.testing.assert_allclose(run(ids, counts), layer(table(ids, counts)), atol=2e-6)


# Keras warns of a softmax over a single token.
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@pytest.mark.parametrize("name", SEQUENCE_ENCODERS)
def test_padding_and_neighbors_change_nothing(name: str, encoders: dict[str, Any]) -> None:
    layer, table = encoders[name], embedding()
    poolings = [POOLINGS.get(pooling)() for pooling in POOLINGS.names()]

    def encode(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Every pooling's vectors side by side."""
        counts = tf.constant(lengths)
        features = layer(table(tf.constant(ids), counts))
        return np.concatenate([pool(features, counts) for pool in poolings], axis=-1)

    @given(st.lists(st.integers(0, 6), min_size=2, max_size=4), st.integers(1, 3), st.integers(0, 100))
    @settings(max_examples=5)
    def check(lengths: list[int], extra: int, seed: int) -> None:
        ids, counts = ids_of(lengths, seed)
        together = encode(ids, counts)
        assert np.isfinite(together).all()
        assert not together[counts == 0].any()
        padded = np.pad(ids, ((0, 0), (0, extra)))
        np.testing.assert_allclose(encode(padded, counts), together, atol=1e-6)
        alone = encode(ids[:1, : max(lengths[0], 1)], counts[:1])
        np.testing.assert_allclose(alone, together[:1], atol=1e-6)
        np.testing.assert_allclose(encode(ids[::-1].copy(), counts[::-1].copy()), together[::-1], atol=1e-6)

    check()


def stock_bilstm(ours: BiLSTMEncoder, dim: int) -> list[keras.layers.Layer]:
    """Stock layers with the encoder's weights."""
    layers = []
    for k, units in enumerate(ours.units):
        layer = keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True, use_cudnn=False))
        layer.build((None, None, dim))
        directions = (ours.forwards[k], ours.backwards[k])
        layer.set_weights([w for d in directions for w in (d.kernel, d.recurrent_kernel, d.bias)])
        layers.append(layer)
        dim = 2 * units
    return layers


@pytest.mark.parametrize("units", [[4], [4, 3], [3, 3, 2]])
def test_bilstm_is_the_stock_masked_bilstm(units: list[int]) -> None:
    ids, lengths = ids_of(LENGTHS, steps=7)
    table = embedding()
    ours = BiLSTMEncoder(units)
    ours(table(tf.constant(ids), tf.constant(lengths)))
    randomize(ours)
    stock = stock_bilstm(ours, DIM)
    mask = ids > 0
    upstream = np.random.default_rng(1).normal(size=(*ids.shape, 2 * units[-1])).astype("float32")
    upstream[~mask] = 0

    with tf.GradientTape(persistent=True) as tape:
        features = ours(table(tf.constant(ids), tf.constant(lengths)))
        expected = tf.gather(tf.convert_to_tensor(table.table), ids)
        for layer in stock:
            expected = layer(expected, mask=tf.constant(mask))
        losses = [tf.reduce_sum(x * upstream) for x in (features, expected)]
    np.testing.assert_allclose(features[mask], expected[mask], atol=1e-5)

    variables = [w for d in zip(ours.forwards, ours.backwards, strict=True) for x in d for w in x.variables]
    references = [w for layer in stock for w in layer.trainable_variables]
    found = tape.gradient(losses[0], [table.table, *variables])
    wanted = tape.gradient(losses[1], [table.table, *references])
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(mine), tf.convert_to_tensor(theirs), atol=1e-5)


def test_a_stock_backward_lstm_without_a_mask_reads_the_padding_first() -> None:
    """What the encoder must not do: the sentence's vector changes with the padding after it."""
    ids, lengths = ids_of((3,), steps=3)
    padded = np.pad(ids, ((0, 0), (0, 4)))
    table = embedding()
    ours = BiLSTMEncoder([4])
    ours(table(tf.constant(ids), tf.constant(lengths)))
    randomize(ours)
    (stock,) = stock_bilstm(ours, DIM)
    vectors = table.table.numpy()
    backward = slice(4, None)
    trapped = np.abs(stock(vectors[padded])[:, 0, backward] - stock(vectors[ids])[:, 0, backward]).max()
    assert trapped > 1e-3
    short, long = (ours(table(tf.constant(x), tf.constant(lengths)))[:, :3] for x in (ids, padded))
    np.testing.assert_allclose(long, short, atol=1e-6)


def test_a_nested_model_drops_the_mask_and_the_encoder_needs_none() -> None:
    """A Keras mask rides on a tensor and is lost with it inside a nested model; lengths travel in the batch."""
    ids, lengths = ids_of((3, 5))
    table = embedding()
    ours = BiLSTMEncoder([4])
    ours(table(tf.constant(ids), tf.constant(lengths)))
    randomize(ours)
    (stock,) = stock_bilstm(ours, DIM)
    lookup = keras.layers.Embedding(*table.table.shape, mask_zero=True)
    lookup.build(None)
    lookup.embeddings.assign(table.table)
    real = ids > 0
    masked = stock(lookup(ids)).numpy()[real]

    number = keras.Input((None,), dtype="int32")
    inner = keras.Model(number, keras.ops.multiply(lookup(number), 1.0))
    nested = keras.Model(number, stock(inner(number)))
    assert np.abs(nested(ids).numpy()[real] - masked).max() > 1e-3

    class Encode(keras.layers.Layer):
        def call(self, ids: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
            return ours(table(ids, lengths))

    count = keras.Input((), dtype="int32")
    inner = keras.Model([number, count], keras.ops.multiply(Encode()(number, count), 1.0))
    nested = keras.Model([number, count], inner([number, count]))
    np.testing.assert_allclose(nested([ids, lengths]).numpy()[real], masked, atol=1e-5)


@pytest.mark.parametrize("lengths", [LENGTHS, (0, 0), (4, 4)])
def test_with_a_gpu_stock_layers_run_the_same_weights(
    lengths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = token_batch(lengths)
    monkeypatch.setattr("textsim.modeling.encoders.bilstm.has_gpu", lambda: False)
    ours = BiLSTMEncoder([4, 3, 3], residual=True)
    ours(batch)
    randomize(ours)
    monkeypatch.setattr("textsim.modeling.encoders.bilstm.has_gpu", lambda: True)
    stock = BiLSTMEncoder([4, 3, 3], residual=True)
    stock(batch)
    assert stock.stock and not ours.stock
    for mine, theirs in zip(ours.trainable_variables, stock.trainable_variables, strict=True):
        assert mine.path.split("/")[1:] == theirs.path.split("/")[1:]
        theirs.assign(mine)
    results, gradients = [], []
    upstream = tf.random.stateless_normal([len(lengths), max(*lengths, 1), 6], seed=[1, 2])
    for encoder in (ours, stock):
        with tf.GradientTape() as tape:
            tape.watch(batch.rows)
            results.append(tf.function(encoder)(batch, training=True))
            loss = tf.reduce_sum(results[-1] * upstream)
        sources = [batch.rows, *(variable.value for variable in encoder.trainable_variables)]
        gradients.append(tape.gradient(loss, sources, unconnected_gradients="zero"))
    np.testing.assert_allclose(results[1], results[0], atol=1e-5)
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(theirs), tf.convert_to_tensor(ours), atol=1e-5)


def test_a_residual_layer_adds_its_input_where_widths_agree() -> None:
    batch = token_batch()
    whole = BiLSTMEncoder([3, 3, 2], residual=True)
    whole(batch)
    randomize(whole)

    def layer(k: int, features: tf.Tensor) -> tf.Tensor:
        """The whole encoder's layer k, as an encoder of its own over features a token."""
        rows = tf.reshape(features, [-1, features.shape[-1]])
        index = tf.reshape(tf.range(len(rows)), batch.index.shape)
        alone = BiLSTMEncoder([whole.units[k]])
        alone(TokenBatch(rows, index, batch.lengths))
        alone.forwards[0].set_weights(whole.forwards[k].get_weights())
        alone.backwards[0].set_weights(whole.backwards[k].get_weights())
        return alone(TokenBatch(rows, index, batch.lengths))

    first = layer(0, batch.dense())
    expected = layer(2, first + layer(1, first))
    np.testing.assert_allclose(whole(batch), expected, atol=1e-5)
    np.testing.assert_allclose(tf.function(whole.call)(batch), expected, atol=1e-5)


def test_cnn_is_stock_convolutions_of_each_sentence_alone() -> None:
    batch = token_batch()
    layer = encoder("cnn")
    features, dense = layer(batch).numpy(), batch.dense().numpy()
    for row, length in enumerate(LENGTHS):
        if not length:
            continue
        alone = dense[row : row + 1, :length]
        parts = []
        for width, ours in zip(layer.widths, layer.convolutions, strict=True):
            stock = keras.layers.Conv1D(4, width, padding="same", activation="relu")
            stock.build(alone.shape)
            stock.set_weights(ours.get_weights())
            parts.append(stock(alone))
        np.testing.assert_allclose(features[row, :length], np.concatenate(parts, axis=-1)[0], atol=1e-5)


def reference_transformer(layer: TransformerEncoder, tokens: np.ndarray) -> np.ndarray:
    """One sentence, (length, dim) -> (length, width), by loops over heads."""

    def dense(part: Any, x: np.ndarray) -> np.ndarray:
        kernel, bias = part.get_weights()
        return x @ kernel + bias

    def norm(part: Any, x: np.ndarray) -> np.ndarray:
        gamma, beta = part.get_weights()
        centered = x - x.mean(axis=-1, keepdims=True)
        return centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + 1e-5) * gamma + beta

    half = layer.width // 2
    rates = 10000.0 ** (-2 * np.arange(half) / layer.width)
    angles = np.arange(len(tokens))[:, None] * rates
    x = dense(layer.enter, tokens) + np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    for k, attention in enumerate(layer.attentions):
        wq, bq, wk, bk, wv, bv, wo, bo = attention.get_weights()
        normed, total = norm(layer.norms[2 * k], x), bo
        for h in range(layer.heads):
            q, key, value = normed @ wq[:, h] + bq[h], normed @ wk[:, h] + bk[h], normed @ wv[:, h] + bv[h]
            logits = q @ key.T / np.sqrt(layer.width // layer.heads)
            weights = np.exp(logits - logits.max(axis=1, keepdims=True))
            total = total + (weights / weights.sum(axis=1, keepdims=True)) @ value @ wo[h]
        x = x + total
        hidden = dense(layer.widen[k], norm(layer.norms[2 * k + 1], x))
        x = x + dense(layer.narrow[k], hidden * 0.5 * (1 + erf(hidden / np.sqrt(2))))
    return norm(layer.norms[-1], x)


def test_transformer_is_the_textbook_one() -> None:
    batch, layer = token_batch(), encoder("transformer")
    features, dense = layer(batch).numpy(), batch.dense().numpy()
    for row, length in enumerate(LENGTHS):
        expected = reference_transformer(layer, dense[row, :length].astype("float64")) if length else 0
        np.testing.assert_allclose(features[row, :length], expected, atol=1e-4)


def test_sinusoids_tell_positions_apart() -> None:
    table = sinusoids(tf.constant(50), 8).numpy()
    assert table.shape == (50, 8)
    np.testing.assert_allclose(table[:, 0], np.sin(np.arange(50)), atol=1e-5)
    np.testing.assert_allclose(table[:, 4], np.cos(np.arange(50)), atol=1e-5)
    assert len(np.unique(table.round(4), axis=0)) == 50


def test_word_vectors_pass_through() -> None:
    batch = token_batch()
    assert np.array_equal(ENCODERS.get("word-vectors")()(batch), batch.dense())


def test_dense_layers_are_stock_ones() -> None:
    x = inputs("dense")
    layer = encoder("dense")
    (k0, b0), (k1, b1) = (part.get_weights() for part in layer.layers_)
    np.testing.assert_allclose(layer(x), np.tanh(x @ k0 + b0) @ k1 + b1, atol=1e-5)
    assert (
        DenseEncoder(5).units == [5] and BiLSTMEncoder(5).units == [5] and CNNEncoder(widths=2).widths == [2]
    )


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("bilstm", {"units": []}, r"bilstm units: expected at least one number\. Received \[\]"),
        (
            "bilstm",
            {"units": [4, 0]},
            r"bilstm units: expected whole numbers from 1 to 1,048,576\. Received 0",
        ),
        ("bilstm", {"units": True}, r"bilstm units: expected whole numbers"),
        (
            "bilstm",
            {"units": 2.5},
            r"bilstm units: expected whole numbers from 1 to 1,048,576\. Received 2\.5",
        ),
        (
            "bilstm",
            {"units": "64"},
            r"bilstm units: expected whole numbers from 1 to 1,048,576\. Received '64'",
        ),
        ("bilstm", {"dropout": 1.0}, r"bilstm dropout: expected a fraction in \[0, 1\)\. Received 1\.0"),
        ("bilstm", {"dropout": "no"}, r"bilstm dropout: expected a fraction"),
        ("bilstm", {"residual": "False"}, r"bilstm residual: expected true or false\. Received 'False'"),
        (
            "bilstm",
            {"unit": 3},
            r"encoder 'bilstm': unknown option 'unit'.*dropout, residual, units\. Did you mean 'units'",
        ),
        ("cnn", {"filters": 2.5}, r"cnn filters: expected whole numbers from 1 to 1,048,576\. Received 2\.5"),
        ("cnn", {"widths": None}, r"cnn widths: expected whole numbers from 1 to 1,048,576\. Received None"),
        ("cnn", {"widths": [2, 2]}, r"cnn widths: expected different numbers\. Received \[2, 2\]"),
        ("transformer", {"heads": 0}, r"transformer width, layers, heads, feed_forward: expected"),
        (
            "transformer",
            {"width": 9, "heads": 3},
            r"transformer width: expected an even multiple of heads=3\. Received 9",
        ),
        (
            "transformer",
            {"width": 10, "heads": 4},
            r"transformer width: expected an even multiple of heads=4",
        ),
        ("dense", {"activation": "rellu"}, r"encoder 'dense': .*rellu"),
        ("dense", {"units": []}, r"dense units: expected"),
        ("dens", {}, r"unknown encoder 'dens'.*Did you mean 'dense'"),
        ("word-vectors", {"units": 3}, r"encoder 'word-vectors': unknown option 'units'\. It has none\."),
        ("bilstm", {"dtype": "float16"}, r"encoder 'bilstm': unknown option 'dtype'"),
        ("word-vectors", {"dtype": "float16"}, r"encoder 'word-vectors': unknown option 'dtype'"),
    ],
)
def test_options_that_do_not_fit(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_part(ENCODERS, Part(name=name, **options))
