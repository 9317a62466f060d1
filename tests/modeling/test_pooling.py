from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.modeling.helpers import LENGTHS, copy_of, randomize
from textsim.config.settings import Part
from textsim.errors import ConfigError
from textsim.modeling.siamese import make_part
from textsim.registry import POOLINGS

WIDTH = 6


def features(seed: int = 0) -> tf.Tensor:
    """Features with anything at padding, float (6, 5, WIDTH)."""
    return tf.constant(np.random.default_rng(seed).normal(size=(len(LENGTHS), 5, WIDTH)), tf.float32)


def pooling(name: str, **options: Any) -> Any:
    layer = make_part(POOLINGS, Part(name=name, **options), layer_name="pooling")
    layer(features(), tf.constant(LENGTHS))
    randomize(layer)
    return layer


def reference(layer: Any, tokens: np.ndarray) -> np.ndarray:
    """One sentence, unpadded (length, WIDTH), by NumPy."""
    mean, highest = tokens.mean(axis=0), tokens.max(axis=0)
    if layer.registered_name == "attention":
        kernel, bias, weigh = layer.get_weights()
        logits = np.tanh(tokens @ kernel + bias) @ weigh
        shares = np.exp(logits) / np.exp(logits).sum(axis=0)
        return np.concatenate([shares[:, head] @ tokens for head in range(layer.heads)])
    half = WIDTH // 2
    return {
        "last": np.concatenate([tokens[-1, :half], tokens[0, half:]]),
        "mean": mean,
        "max": highest,
        "mean-max": np.concatenate([mean, highest]),
    }[layer.registered_name]


@pytest.mark.parametrize("name", POOLINGS.names())
def test_against_numpy_on_unpadded_rows(name: str) -> None:
    layer = pooling(name, **({"heads": 3, "hidden": 4} if name == "attention" else {}))
    pooled = layer(features(), tf.constant(LENGTHS)).numpy()
    assert pooled.dtype == np.float32
    for row, length in enumerate(LENGTHS):
        if length:
            expected = reference(layer, features()[row, :length].numpy())
            np.testing.assert_allclose(pooled[row], expected, atol=1e-6)
        else:
            assert not pooled[row].any()


@pytest.mark.parametrize("name", POOLINGS.names())
def test_settings_come_back(name: str) -> None:
    layer = pooling(name)
    copy = copy_of(layer)
    copy(features(), tf.constant(LENGTHS))
    copy.set_weights(layer.get_weights())
    assert np.array_equal(copy(features(), tf.constant(LENGTHS)), layer(features(), tf.constant(LENGTHS)))


@pytest.mark.parametrize("name", POOLINGS.names())
def test_no_gradient_reaches_padding(name: str) -> None:
    layer, given = pooling(name), features()
    # The smallest and the largest numbers that a layer before could leave at padding.
    mask = np.arange(5) < np.array(LENGTHS)[:, None]
    given = tf.where(mask[..., None], given, 1e30 * tf.sign(given))
    with tf.GradientTape() as tape:
        tape.watch(given)
        pooled = layer(given, tf.constant(LENGTHS))
        loss = tf.reduce_sum(pooled * tf.random.stateless_normal(tf.shape(pooled), seed=[1, 2]))
    gradient = tf.convert_to_tensor(tape.gradient(loss, given)).numpy()
    assert np.isfinite(gradient).all() and np.isfinite(pooled).all()
    assert not gradient[~mask].any()
    assert gradient[mask].any()


def test_the_last_state_needs_a_recurrent_encoder() -> None:
    assert [name for name in POOLINGS.names() if POOLINGS.get(name).needs_recurrent] == ["last"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("attention", {"heads": 0}, r"attention heads, hidden: expected whole numbers from 1 to 1,048,576"),
        ("attention", {"head": 2}, r"pooling 'attention': unknown option 'head'.*Did you mean 'heads'\?"),
        ("mean", {"heads": 2}, r"pooling 'mean': unknown option 'heads'\. It has none\."),
        ("maxx", {}, r"unknown pooling 'maxx'.*Did you mean 'max'\?"),
    ],
)
def test_options_that_do_not_fit(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_part(POOLINGS, Part(name=name, **options))
