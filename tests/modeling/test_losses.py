from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.modeling.helpers import randomize
from textsim.config.settings import Part
from textsim.errors import ConfigError
from textsim.modeling.siamese import make_part
from textsim.registry import HEADS, LOSSES

ROWS, WIDTH = 6, 4
LABELS = np.array([1, 0, 1, 0, 0, 1], "float32")
SENTENCES = (np.arange(ROWS, dtype="int32"), np.arange(ROWS, 2 * ROWS, dtype="int32"))


def fits(head: str, loss: str) -> bool:
    cls, other = HEADS.get(head), LOSSES.get(loss)
    return cls.measures in other.measures and (other.learned_heads or not cls.learned)


FITTING = [(h, x) for h, x in itertools.product(HEADS.names(), LOSSES.names()) if fits(h, x)]


def head(name: str, **options: Any) -> Any:
    layer = make_part(HEADS, Part(name=name, **options), layer_name="head")
    zeros = tf.zeros([1, WIDTH])
    layer((zeros, zeros))
    randomize(layer)
    return layer


@pytest.fixture(scope="module")
def heads() -> dict[str, Any]:
    return {name: head(name) for name in HEADS.names()}


def loss_of(name: str, **options: Any) -> Any:
    return make_part(LOSSES, Part(name=name, **options))


def sides(count: int = 2, scale: float = 1.0) -> tuple[tf.Tensor, ...]:
    rng = np.random.default_rng(0)
    return tuple(tf.constant(scale * rng.normal(size=(ROWS, WIDTH)), tf.float32) for _ in range(count))


def same_rows(count: int) -> tuple[tf.Tensor, ...]:
    return (sides(1)[0],) * count


def zero_rows(count: int) -> tuple[tf.Tensor, ...]:
    return (tf.zeros([ROWS, WIDTH]),) * count


def far_rows(count: int) -> tuple[tf.Tensor, ...]:
    return tuple((-1) ** k * 1e4 * (tf.abs(side) + 1) for k, side in enumerate(sides(count)))


def near_rows(count: int) -> tuple[tf.Tensor, ...]:
    return tuple(side * 1e-20 for side in sides(count))


def partly_zero_rows(count: int) -> tuple[tf.Tensor, ...]:
    return (tf.zeros([ROWS, WIDTH]), *sides(count)[1:])


@pytest.mark.parametrize("make", [sides, same_rows, zero_rows, partly_zero_rows, far_rows, near_rows])
@pytest.mark.parametrize(("head_name", "loss_name"), FITTING)
def test_finite_loss_and_gradient(head_name: str, loss_name: str, make: Any, heads: dict[str, Any]) -> None:
    layer, loss = heads[head_name], loss_of(loss_name)
    count = 3 if loss.rows == "triplets" else 2
    for labels in (LABELS, np.zeros(ROWS, "float32"), np.ones(ROWS, "float32")):
        given = make(count)
        with tf.GradientTape() as tape:
            tape.watch(given)
            value = loss(layer, given, tf.constant(labels), SENTENCES, training=True)
        gradients = tape.gradient(value, [*set_of(given), *layer.trainable_variables])
        assert value.shape == ((ROWS,) if loss.weighted or loss.rows == "triplets" or not loss.trains else ())
        assert np.isfinite(value).all() and (value.numpy() >= 0).all()
        for gradient in gradients:
            assert gradient is None or np.isfinite(gradient).all()
        if loss.trains and make is sides:
            assert all(gradient is not None for gradient in gradients)


def set_of(tensors: tuple[tf.Tensor, ...]) -> list[tf.Tensor]:
    """The tensors, each once."""
    return list({id(tensor): tensor for tensor in tensors}.values())


@pytest.mark.parametrize("name", [name for name in LOSSES.names() if LOSSES.get(name).rows == "pairs"])
def test_a_step_down_the_gradient_lowers_the_loss(name: str, heads: dict[str, Any]) -> None:
    loss = loss_of(name)
    for head_name in (h for h, x in FITTING if x == name and loss.trains):
        given = [tf.Variable(side) for side in sides()]
        with tf.GradientTape() as tape:
            before = tf.reduce_mean(loss(heads[head_name], tuple(given), tf.constant(LABELS), SENTENCES))
        for side, gradient in zip(given, tape.gradient(before, given), strict=True):
            side.assign_sub(1e-3 * gradient)
        after = tf.reduce_mean(loss(heads[head_name], tuple(given), tf.constant(LABELS), SENTENCES))
        assert float(after) < float(before)


def distances(name: str, heads: dict[str, Any]) -> np.ndarray:
    u, v = (side.numpy().astype("float64") for side in sides())
    cosines = (u * v).sum(1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
    return {
        "manhattan": np.abs(u - v).sum(1),
        "euclidean": np.linalg.norm(u - v, axis=1),
        "cosine": 1 - cosines,
    }[name]


@pytest.mark.parametrize("name", ["manhattan", "euclidean", "cosine"])
def test_contrastive(name: str, heads: dict[str, Any]) -> None:
    d = distances(name, heads)
    expected = LABELS * d**2 + (1 - LABELS) * np.maximum(1.5 - d, 0) ** 2
    value = loss_of("contrastive", margin=1.5)(heads[name], sides(), tf.constant(LABELS), SENTENCES)
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["manhattan", "euclidean", "cosine"])
def test_triplet(name: str, heads: dict[str, Any]) -> None:
    triple = sides(3)
    a, p, n = (side.numpy().astype("float64") for side in triple)

    def distance(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        if name == "cosine":
            return 1 - (u * v).sum(1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
        return ((u - v) ** 2).sum(1) if name == "euclidean" else np.abs(u - v).sum(1)

    expected = np.maximum(distance(a, p) - distance(a, n) + 0.4, 0)
    value = loss_of("triplet")(heads[name], triple, tf.constant(LABELS), SENTENCES)
    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["manhattan", "euclidean", "cosine-sigmoid", "l1", "interaction"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_binary_crossentropy(name: str, smoothing: float, heads: dict[str, Any]) -> None:
    close = tuple(side * 0.3 for side in sides())
    scores = heads[name](close).numpy().astype("float64")
    labels = np.array([1, 0, 1, 0, 0.25, 0.75], "float32")
    smooth = labels * (1 - smoothing) + smoothing / 2
    expected = -(smooth * np.log(scores) + (1 - smooth) * np.log(1 - scores))
    loss = loss_of("binary-crossentropy", label_smoothing=smoothing)
    value = loss(heads[name], close, tf.constant(labels), SENTENCES, training=True)
    # The shift that keeps distances finite at zero shows in the third digit.
    np.testing.assert_allclose(value, expected, atol=5e-3 if name in ("manhattan", "euclidean") else 1e-5)
    plain = loss_of("binary-crossentropy")(heads[name], close, tf.constant(labels), SENTENCES)
    assert np.array_equal(loss(heads[name], close, tf.constant(labels), SENTENCES), plain)


@pytest.mark.parametrize("name", ["manhattan", "interaction"])
def test_binary_crossentropy_adds_in_batch_negatives_in_training(name: str, heads: dict[str, Any]) -> None:
    labels = tf.constant(LABELS)
    plain = loss_of("binary-crossentropy", label_smoothing=0.1)
    both = loss_of("binary-crossentropy", label_smoothing=0.1, negatives=0.25, temperature=0.2)
    smooth = labels * 0.9 + 0.05
    added = loss_of("in-batch-negatives", temperature=0.2)(heads[name], sides(), smooth, SENTENCES)
    assert added > 0
    first, second = (loss(heads[name], sides(), labels, SENTENCES, training=True) for loss in (plain, both))
    np.testing.assert_allclose(second, first + 0.25 * added, rtol=1e-5)
    first, second = (loss(heads[name], sides(), labels, SENTENCES) for loss in (plain, both))
    assert np.array_equal(first, second)


def test_binary_crossentropy_of_logits_with_offsets(heads: dict[str, Any]) -> None:
    labels, offsets = np.array([1, 0, 1, 0, 0.25, 0.75]), np.array([2.0, -2, 0, 30, -30, 0.5])
    logits = heads["l1"].measure(*sides()).numpy().astype("float64") + offsets
    expected = np.log1p(np.exp(-logits)) * labels + np.log1p(np.exp(logits)) * (1 - labels)
    value = loss_of("binary-crossentropy")(
        heads["l1"],
        sides(),
        tf.constant(labels, tf.float32),
        SENTENCES,
        offsets=tf.constant(offsets, tf.float32),
    )
    np.testing.assert_allclose(value, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["cosine", "l1", "interaction"])
def test_cosent_against_a_double_loop(name: str, heads: dict[str, Any]) -> None:
    labels = np.array([1, 0, 0.5, 0, 0.5, 1], "float32")
    m = heads[name].measure(*sides()).numpy().astype("float64")
    total = 1.0
    for i in range(ROWS):
        for j in range(ROWS):
            if labels[i] < labels[j]:
                total += np.exp(3 * (m[i] - m[j]))
    value = loss_of("cosent", scale=3.0)(heads[name], sides(), tf.constant(labels), SENTENCES)
    assert float(value) == pytest.approx(np.log(total), rel=1e-5)


def in_batch_reference(
    u: np.ndarray, v: np.ndarray, labels: np.ndarray, left: list[int], right: list[int], temperature: float
) -> float:
    cosines = (u @ v.T) / np.linalg.norm(u, axis=1)[:, None] / np.linalg.norm(v, axis=1)
    positives = [i for i in range(len(labels)) if labels[i] >= 0.5]
    weights = {i: 2 * float(labels[i]) - 1 for i in positives}
    total = 0.0
    for table, own, partner in ((cosines, left, right), (cosines.T, right, left)):
        same = {pair for i in positives for pair in ((own[i], partner[i]), (partner[i], own[i]))}
        for i in positives:
            kept = [table[i, i]]
            for j in range(len(labels)):
                candidate = partner[j]
                if j == i or candidate == own[i] or (own[i], candidate) in same:
                    continue
                kept.append(table[i, j])
            loss = np.log(np.exp(np.array(kept) / temperature).sum()) - table[i, i] / temperature
            total += weights[i] * loss
    return total / (2 * sum(weights.values()) or 1)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]),
        ([0, 1, 2, 3, 4, 0], [6, 7, 6, 0, 10, 11]),  # sentences that come back on either side
        ([0, 0, 2, 0, 4, 0], [0, 6, 6, 2, 10, 2]),  # a row that pairs a sentence with itself
        ([0, 1, 0, 3, 4, 2], [6, 7, 8, 8, 6, 8]),  # partners of another positive row of the same sentence
        ([0, 1, 7, 3, 4, 0], [6, 8, 0, 7, 2, 9]),  # of one that has the same sentence on its other side
    ],
)
@pytest.mark.parametrize("labels", [LABELS, np.zeros(ROWS, "float32")])
def test_in_batch_negatives_against_a_double_loop(
    left: list[int], right: list[int], labels: np.ndarray, heads: dict[str, Any]
) -> None:
    table = np.random.default_rng(3).normal(size=(12, WIDTH)).astype("float32")
    u, v = table[left], table[right]
    expected = in_batch_reference(u.astype("float64"), v.astype("float64"), labels, left, right, 0.2)
    numbers = (tf.constant(left), tf.constant(right))
    loss = loss_of("in-batch-negatives", temperature=0.2)
    value = loss(heads["cosine"], (tf.constant(u), tf.constant(v)), tf.constant(labels), numbers)
    assert float(value) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_none_trains_nothing(heads: dict[str, Any]) -> None:
    loss = loss_of("none")
    assert not loss.trains
    assert not loss(heads["cosine"], sides(), tf.constant(LABELS), SENTENCES).numpy().any()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("contrastive", {"margin": 0}, r"margin: expected a number above 0\. Received 0\."),
        ("triplet", {"margin": -1}, r"margin: expected a number above 0\. Received -1\."),
        ("triplet", {"margin": "wide"}, r"margin: expected a number above 0\. Received 'wide'\."),
        ("triplet", {"margins": 1}, r"loss 'triplet': unknown option 'margins'.*Did you mean 'margin'\?"),
        ("cosent", {"scale": 0}, r"cosent scale: expected a number above 0\. Received 0\."),
        (
            "in-batch-negatives",
            {"temperature": 0},
            r"in-batch-negatives temperature: expected a number above 0",
        ),
        ("binary-crossentropy", {"label_smoothing": 1}, r"label_smoothing: expected a fraction in \[0, 1\)"),
        (
            "binary-crossentropy",
            {"negatives": -1},
            r"negatives: expected a number of at least 0\. Received -1",
        ),
        ("none", {"margin": 1}, r"loss 'none': unknown option 'margin'\. It has none\."),
        ("tripplet", {}, r"unknown loss 'tripplet'.*Did you mean 'triplet'\?"),
    ],
)
def test_options_that_do_not_fit(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loss_of(name, **options)
