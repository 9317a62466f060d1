from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics.pairwise import (
    paired_cosine_distances,
    paired_euclidean_distances,
    paired_manhattan_distances,
)

from tests.modeling.helpers import copy_of, randomize
from textsim.config.settings import Part
from textsim.errors import ConfigError
from textsim.modeling.siamese import make_part
from textsim.registry import HEADS

WIDTH = 4
NUMBERS = st.floats(-1e4, 1e4, width=32)
ROWS = arrays(np.float32, (3, WIDTH), elements=NUMBERS)
UNWEIGHTED = [name for name in HEADS.names() if not HEADS.get(name).learned]


def head(name: str, **options: Any) -> Any:
    layer = make_part(HEADS, Part(name=name, **options), layer_name="head")
    zeros = tf.zeros([1, WIDTH])
    layer((zeros, zeros))
    randomize(layer)
    return layer


@pytest.fixture(scope="module")
def heads() -> dict[str, Any]:
    return {name: head(name) for name in HEADS.names()}


def normal(seed: int, rows: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, WIDTH)).astype("float32")


@pytest.mark.parametrize("name", HEADS.names())
def test_symmetry_to_the_bit_and_range(name: str, heads: dict[str, Any]) -> None:
    layer = heads[name]

    @given(ROWS, ROWS)
    @settings(max_examples=25)
    def check(u: np.ndarray, v: np.ndarray) -> None:
        scores = layer((u, v)).numpy()
        assert scores.shape == (3,) and scores.dtype == np.float32
        assert ((scores >= 0) & (scores <= 1)).all()
        assert np.array_equal(layer((v, u)), scores)

    check()


@pytest.mark.parametrize("name", UNWEIGHTED)
def test_equal_rows_score_one(name: str, heads: dict[str, Any]) -> None:
    layer = heads[name]

    @given(ROWS)
    @settings(max_examples=25)
    def check(u: np.ndarray) -> None:
        assert (layer((u, u.copy())).numpy() == 1).all()

    check()
    assert layer.weights == []


@pytest.mark.parametrize(
    ("name", "options", "score"),
    [
        ("manhattan", {}, lambda u, v: np.exp(-paired_manhattan_distances(u, v))),
        ("euclidean", {"half_distance": 0.25}, lambda u, v: 2 ** (-paired_euclidean_distances(u, v) / 0.25)),
        ("cosine", {}, lambda u, v: 1 - paired_cosine_distances(u, v) / 2),
    ],
)
def test_scores_against_paired_distances(name: str, options: dict[str, Any], score: Any) -> None:
    u, v = normal(1), normal(2)
    np.testing.assert_allclose(head(name, **options)((u, v)), score(u, v), atol=1e-6)


def test_learned_scores_against_their_formulas(heads: dict[str, Any]) -> None:
    u, v = normal(1), normal(2)

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    weight, bias = heads["cosine-sigmoid"].get_weights()
    expected = sigmoid(weight * np.exp(-paired_cosine_distances(u, v)) + bias)
    np.testing.assert_allclose(heads["cosine-sigmoid"]((u, v)), expected, atol=1e-6)

    kernel, bias = heads["l1"].get_weights()
    np.testing.assert_allclose(heads["l1"]((u, v)), sigmoid(np.abs(u - v) @ kernel + bias)[:, 0], atol=1e-6)

    x = np.concatenate([np.abs(u - v), u * v], axis=1)
    k0, b0, k1, b1 = heads["interaction"].get_weights()
    expected = sigmoid(np.maximum(x @ k0 + b0, 0) @ k1 + b1)[:, 0]
    np.testing.assert_allclose(heads["interaction"]((u, v)), expected, atol=1e-5)


@pytest.mark.parametrize("name", HEADS.names())
def test_measures_and_log_probabilities(name: str, heads: dict[str, Any]) -> None:
    layer = heads[name]
    u, v = tf.constant(normal(1)), tf.constant(normal(2))
    measure = layer.measure(u, v)
    scores = layer.score(measure).numpy()
    assert np.array_equal(scores, layer((u, v)))
    if layer.measures == "distance":
        assert (measure.numpy() >= 0).all()
    if layer.measures == "cosine":
        assert (np.abs(measure) <= 1).all()
    else:
        same, different = layer.log_probabilities(measure)
        np.testing.assert_allclose(np.exp(same), scores, rtol=1e-5)
        np.testing.assert_allclose(np.exp(different), 1 - scores, atol=2e-3)


def test_rank_distances_of_a_triplet_loss(heads: dict[str, Any]) -> None:
    u, v = normal(1), normal(2)
    for name, distance in [
        ("manhattan", paired_manhattan_distances(u, v)),
        ("euclidean", paired_euclidean_distances(u, v) ** 2),
        ("cosine", paired_cosine_distances(u, v)),
    ]:
        np.testing.assert_allclose(heads[name].rank_distance(u, v), distance, rtol=1e-5)


@pytest.mark.parametrize("name", HEADS.names())
def test_settings_come_back(name: str) -> None:
    options = {"euclidean": {"half_distance": 2.0}, "interaction": {"units": [3, 2], "dropout": 0.5}}
    layer = head(name, **options.get(name, {}))
    copy = copy_of(layer)
    u, v = normal(1), normal(2)
    copy((u, v))
    copy.set_weights(layer.get_weights())
    assert np.array_equal(copy((u, v)), layer((u, v)))
    assert layer.get_config().items() >= options.get(name, {}).items()


def test_a_row_of_zeros_is_neither_like_nor_unlike(heads: dict[str, Any]) -> None:
    zeros, u = np.zeros((2, WIDTH), "float32"), normal(1, 2)
    assert heads["cosine"]((zeros, u)).numpy().tolist() == [0.5, 0.5]
    assert heads["cosine"]((zeros, zeros)).numpy().tolist() == [1, 1]


def test_half_distance_scores_one_half() -> None:
    u, v = np.zeros((1, WIDTH), "float32"), np.array([[3, 0, 0, 0]], "float32")
    assert head("euclidean", half_distance=3.0)((u, v)).numpy() == pytest.approx([0.5])


def test_dropout_in_training_alone() -> None:
    layer = head("interaction", dropout=0.5)
    u, v = normal(1), normal(2)
    assert np.array_equal(layer((u, v)), layer((u, v)))
    assert not np.array_equal(layer((u, v), training=True), layer((u, v), training=True))


def test_an_interaction_head_may_count_the_cosine_too() -> None:
    layer, u, v = head("interaction", units=[3], cosine=True), normal(1), normal(2)
    (k0, b0), (k1, b1) = layer.hidden[0].get_weights(), layer.linear.get_weights()
    both = np.concatenate([np.abs(u - v), u * v], axis=1)
    cosines = 1 - paired_cosine_distances(u, v)
    expected = (np.maximum(both @ k0 + b0, 0) @ k1 + b1)[:, 0] + np.asarray(layer.cosine) * cosines
    np.testing.assert_allclose(layer.measure(u, v), expected, atol=1e-5)
    assert layer.get_config()["cosine"] is True


def test_an_interaction_head_without_hidden_layers_is_linear() -> None:
    layer = head("interaction", units=[])
    assert [weight.shape for weight in layer.get_weights()] == [(2 * WIDTH, 1), (1,)]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "euclidean",
            {"half_distance": 0},
            r"euclidean half_distance: expected a number above 0\. Received 0\.",
        ),
        ("euclidean", {"half_distance": "far"}, r"euclidean half_distance: expected a number above 0.*'far'"),
        ("interaction", {"units": [0]}, r"interaction units: expected whole numbers from 1 to"),
        ("interaction", {"cosine": 1}, r"interaction cosine: expected true or false\. Received 1\."),
        ("interaction", {"dropout": 1}, r"interaction dropout: expected a fraction in \[0, 1\)"),
        ("cosine", {"scale": 2}, r"head 'cosine': unknown option 'scale'\. It has none\."),
        ("manhatan", {}, r"unknown head 'manhatan'.*Did you mean 'manhattan'\?"),
    ],
)
def test_options_that_do_not_fit(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_part(HEADS, Part(name=name, **options))
