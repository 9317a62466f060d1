"""Scoring without Keras gives Keras's numbers, for every part and every recipe."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import threading
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny_models import DIM, keras_model, saved_model, small, vocabulary
from textsim import registry
from textsim.artifacts.saved_model import SavedModel
from textsim.config.recipes import RECIPES
from textsim.config.settings import Part, Recipe
from textsim.errors import ArtifactError
from textsim.matching import scorers as scoring
from textsim.matching.scorers import KerasScorer, OnnxScorer, make_scorer
from textsim.modeling.heads import Head
from textsim.modeling.siamese import check_recipe
from textsim.onnx.export import token_table
from textsim.onnx.graph import Graph, Unsupported

TOLERANCE = 1e-5
# Very different lengths, single tokens and sentences without any.
LENGTHS = np.array([3, 1, 16, 7, 0, 2, 9, 9, 1, 5, 0], np.int32)
WITH_ONNX_FORMS = (registry.ENCODERS, registry.POOLINGS, registry.HEADS)


def text_recipe(encoder: str, pooling: str, **parts: Any) -> Recipe:
    head = Part(name=parts.pop("head", "cosine"))
    loss = Part(name="none" if head.name == "cosine" else "binary-crossentropy")
    values = {"encoder": Part(name=encoder), "pooling": Part(name=pooling), "head": head, "loss": loss}
    return small(Recipe(**{**values, **parts}))


def fitting_recipes() -> dict[str, Recipe]:
    """Every recipe, every encoder with every pooling that fits it, and options that change the arithmetic."""
    recipes = {name: small(recipe) for name, recipe in RECIPES.items()}
    for encoder, pooling in itertools.product(registry.ENCODERS.names(), registry.POOLINGS.names()):
        needs_recurrent = registry.POOLINGS.get(pooling).needs_recurrent  # type: ignore[attr-defined]
        part: Any = registry.ENCODERS.get(encoder)
        if part.reads == "tokens" and (part.recurrent or not needs_recurrent):
            recipes[f"{encoder}+{pooling}"] = text_recipe(encoder, pooling)
    recipes["residual"] = text_recipe("bilstm", "mean").replace(
        ["encoder.units=[5,5,4]", "encoder.residual=true"]
    )
    recipes["even widths"] = text_recipe("cnn", "mean-max").replace(["encoder.widths=[4,1,6]"])
    dense = Part(name="dense", units=[6, 5], activation="gelu", final_activation="linear")
    recipes["projection"] = text_recipe("cnn", "max", projection=dense)
    return recipes


FITTING = fitting_recipes()


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    return np.random.default_rng(1).integers(1, len(vocabulary()), LENGTHS.sum()).astype(np.int32)


def encode(scorer: scoring.Scorer, ids: np.ndarray) -> np.ndarray:
    if scorer.__dict__.get("_table") == {} or ids.dtype != np.int32:
        return scorer.encode_vectors(ids)
    return scorer.encode_ids(ids, LENGTHS)


def rows_of(saved: SavedModel, ids: np.ndarray) -> np.ndarray:
    """Something to encode: token ids, or numeric vectors with a row of zeros."""
    if saved.kind == "text":
        return ids
    vectors = np.random.default_rng(2).normal(size=(len(LENGTHS), DIM)).astype(np.float32)
    vectors[3] = 0
    return vectors


@pytest.mark.parametrize("kind", WITH_ONNX_FORMS, ids=lambda kind: kind.kind)
def test_every_built_in_part_has_an_onnx_form_with_the_same_options(kind: registry.Registry) -> None:
    for name in kind.names():
        if name.startswith("test-"):
            continue
        form = kind.find_onnx_form(name)
        assert form is not None, name
        options = inspect.signature(kind.get(name).__init__).parameters
        for option in inspect.signature(form).parameters.values():
            if option.kind is option.KEYWORD_ONLY:
                assert option.default == options[option.name].default, f"{name}: {option.name}"


@pytest.mark.parametrize("name", FITTING)
def test_encoders_and_poolings_agree_with_keras(name: str, ids: np.ndarray) -> None:
    check_recipe(FITTING[name])
    saved = saved_model(FITTING[name])
    rows = rows_of(saved, ids)
    onnx, reference = OnnxScorer(saved), KerasScorer(saved)
    encoded, expected = encode(onnx, rows), encode(reference, rows)
    assert encoded.shape == (len(LENGTHS), saved.output_dim) and encoded.dtype == np.float32
    np.testing.assert_allclose(encoded, expected, rtol=TOLERANCE, atol=TOLERANCE)
    left, right = np.divmod(np.arange(len(LENGTHS) ** 2), len(LENGTHS))
    scores = onnx.compare(encoded, left, right)
    np.testing.assert_allclose(scores, reference.compare(expected, left, right), rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(scores, onnx.compare(encoded, right, left))
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("name", ["bilstm-manhattan", "bilstm-attention", "residual"])
def test_large_vocabularies_are_not_folded_and_give_the_same(
    name: str, ids: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = saved_model(FITTING[name])
    expected = OnnxScorer(saved).encode_ids(ids, LENGTHS)
    assert token_table(saved).shape[0] == 2 * len(vocabulary())
    monkeypatch.setattr("textsim.onnx.export._FOLD_BYTES", 0)
    assert token_table(saved) is saved.weights["embedding/table"]
    encoded = OnnxScorer(saved).encode_ids(ids, LENGTHS)
    np.testing.assert_allclose(encoded, expected, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["bilstm-manhattan", "bilstm-attention", "residual"])
def test_few_sentences_are_read_by_another_operator_and_give_the_same(
    name: str, ids: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = saved_model(FITTING[name])
    rows = {}
    for few in (0, 10_000):
        monkeypatch.setattr("textsim.onnx.lstm._FEW_TOKENS", few)
        rows[few] = OnnxScorer(saved).encode_ids(ids, LENGTHS)
    np.testing.assert_allclose(rows[0], rows[10_000], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, []) for name in registry.HEADS.names()), ("interaction", ["head.cosine=true"])],
)
def test_heads_agree_with_keras_at_the_edges(name: str, options: list[str]) -> None:
    saved = saved_model(text_recipe("word-vectors", "mean", head=name).replace(options))
    random = np.random.default_rng(3)
    row = random.normal(size=DIM)
    rows = np.array(
        [row, row, 2 * row, -row, 0 * row, 1e-4 * row, 1e-9 * row, 50 * row, row + 1e-6, row[::-1]]
    )
    rows = rows.astype(np.float32)
    left, right = np.divmod(np.arange(len(rows) ** 2), len(rows))
    onnx, reference = OnnxScorer(saved), KerasScorer(saved)
    scores = onnx.compare(rows, left, right)
    assert np.isfinite(scores).all() and scores.dtype == np.float32
    np.testing.assert_allclose(scores, reference.compare(rows, left, right), rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(scores, onnx.compare(rows, right, left))
    if not registry.HEADS.get(name).learned:  # type: ignore[attr-defined]
        assert (scores[left == right] == 1).all()


@pytest.mark.parametrize(
    "activation",
    ["elu", "gelu", "linear", "relu", "selu", "sigmoid", "silu", "softplus", "softsign", "swish", "tanh"],
)
def test_activations_agree_with_keras(activation: str) -> None:
    recipe = small(RECIPES["vector-contrastive"]).replace([f"encoder.activation={activation}"])
    saved = saved_model(recipe)
    rows = rows_of(saved, np.empty(0))
    expected = KerasScorer(saved).encode_vectors(rows)
    np.testing.assert_allclose(
        OnnxScorer(saved).encode_vectors(rows), expected, rtol=TOLERANCE, atol=TOLERANCE
    )


@pytest.mark.parametrize(
    "name", ["bilstm+last", "cnn+mean-max", "transformer+attention", "word-vectors+mean"]
)
def test_a_row_does_not_depend_on_its_neighbours(name: str, ids: np.ndarray) -> None:
    scorer = OnnxScorer(saved_model(FITTING[name]))
    together = scorer.encode_ids(ids, LENGTHS)
    ends = np.cumsum(LENGTHS)
    for row, (end, length) in enumerate(zip(ends, LENGTHS, strict=True)):
        alone = scorer.encode_ids(ids[end - length : end], LENGTHS[row : row + 1])
        np.testing.assert_allclose(together[row], alone[0], rtol=1e-6, atol=1e-6)


def test_small_batches_give_the_same_rows(ids: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = OnnxScorer(saved_model(FITTING["bilstm+attention"]), threads=3)
    together = scorer.encode_ids(ids, LENGTHS)
    left, right = np.arange(11), np.arange(11)[::-1]
    scores = scorer.compare(together, left, right)
    monkeypatch.setattr(scoring, "BATCH_TOKENS", 5)
    monkeypatch.setattr(scoring, "BATCH_NUMBERS", 3)
    np.testing.assert_allclose(scorer.encode_ids(ids, LENGTHS), together, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(scorer.compare(together, left, right), scores, rtol=0, atol=1e-6)


def test_no_rows() -> None:
    scorer = OnnxScorer(saved_model(FITTING["bilstm+attention"]))
    nothing = np.empty(0, np.int32)
    assert scorer.encode_ids(nothing, nothing).shape == (0, scorer.output_dim)
    assert scorer.compare(np.empty((0, scorer.output_dim), np.float32), nothing, nothing).shape == (0,)


@given(lengths=st.lists(st.integers(0, 60), min_size=1, max_size=40), limit=st.integers(1, 100))
def test_length_batches_hold_every_row_once_within_bounds(lengths: list[int], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "BATCH_TOKENS", limit)
        batches = scoring._length_batches(np.array(lengths, np.int32))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        longest = max(1, *(lengths[row] for row in batch))
        assert lengths[batch[-1]] == max(lengths[row] for row in batch)
        assert len(batch) == 1 or len(batch) * longest <= limit


@settings(max_examples=12)
@given(rows=st.lists(st.lists(st.integers(1, 20), max_size=8), min_size=1, max_size=6))
def test_random_batches_agree_with_keras(rows: list[list[int]]) -> None:
    ids = np.array([token for row in rows for token in row], np.int32)
    lengths = np.array([len(row) for row in rows], np.int32)
    onnx, reference = _scorers()
    np.testing.assert_allclose(
        onnx.encode_ids(ids, lengths), reference.encode_ids(ids, lengths), rtol=TOLERANCE, atol=TOLERANCE
    )


_kept: list[tuple[OnnxScorer, KerasScorer]] = []


def _scorers() -> tuple[OnnxScorer, KerasScorer]:
    if not _kept:
        saved = saved_model(FITTING["bilstm+last"])
        _kept.append((OnnxScorer(saved), KerasScorer(saved)))
    return _kept[0]


def test_lstm_agrees_with_stock_keras() -> None:
    recipe = text_recipe("bilstm", "last").replace(["encoder.units=[6]"])
    model = keras_model(recipe)
    saved = saved_model(recipe)
    stock = keras.layers.Bidirectional(keras.layers.LSTM(6))
    token_ids = np.array([[5, 6, 7, 8], [9, 4, 0, 0], [3, 0, 0, 0]], np.int32)
    vectors = tf.gather(saved.weights["embedding/table"], token_ids)
    stock(vectors)
    stock.set_weights(
        [
            saved.weights[f"encoder/{side}_0/{name}"]
            for side in ("forward", "backward")
            for name in ("kernel", "recurrent_kernel", "bias")
        ]
    )
    expected = stock(vectors, mask=token_ids > 0)
    encoded = OnnxScorer(saved).encode_ids(token_ids[token_ids > 0], np.array([4, 2, 1], np.int32))
    np.testing.assert_allclose(encoded, expected, rtol=TOLERANCE, atol=TOLERANCE)
    assert model.output_dim == encoded.shape[1]


def test_vectors_are_standardized_with_the_models_scaler() -> None:
    mean, scale = np.arange(DIM, dtype=np.float32), np.full(DIM, 2, np.float32)
    plain, scaled = saved_model("vector-l1"), saved_model("vector-l1", scaler=(mean, scale))
    vectors = np.random.default_rng(0).normal(size=(5, DIM)).astype(np.float32)
    np.testing.assert_array_equal(
        OnnxScorer(scaled).encode_vectors(vectors), OnnxScorer(plain).encode_vectors((vectors - mean) / scale)
    )


@pytest.fixture(scope="module", autouse=True)
def own_heads() -> Iterator[None]:
    """Heads of a user, registered as long as this module's tests run: others go through every registered name."""
    registry.HEADS.register("test-chebyshev")(ChebyshevHead)
    registry.HEADS.register("test-minkowski")(MinkowskiHead)
    registry.HEADS.onnx_form("test-minkowski")(minkowski)
    yield
    for name in ("test-chebyshev", "test-minkowski"):
        del registry.HEADS._classes[name]
    del registry.HEADS._onnx_forms["test-minkowski"]


class ChebyshevHead(Head):
    measures = "distance"

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        return tf.reduce_max(tf.abs(u - v), axis=-1)

    def score(self, measure: tf.Tensor) -> tf.Tensor:
        return tf.exp(-measure)


def test_parts_of_ones_own_are_scored_by_keras(ids: np.ndarray) -> None:
    saved = saved_model(text_recipe("bilstm", "max", head="test-chebyshev"))
    with pytest.raises(Unsupported, match="head 'test-chebyshev'"):
        OnnxScorer(saved)
    with pytest.warns(RuntimeWarning, match=r"^head 'test-chebyshev' has no ONNX form: .* through Keras"):
        scorer = make_scorer(saved)
    assert isinstance(scorer, KerasScorer)
    encoded = scorer.encode_ids(ids, LENGTHS)
    expected = np.exp(-np.abs(encoded[0] - encoded[2]).max())
    np.testing.assert_allclose(scorer.compare(encoded, np.array([0]), np.array([2])), [expected], rtol=1e-6)


def test_other_activations_are_scored_by_keras() -> None:
    recipe = small(RECIPES["vector-l1"]).replace(["encoder.activation=mish"])
    with pytest.warns(RuntimeWarning, match="activation 'mish' has no ONNX form"):
        assert isinstance(make_scorer(saved_model(recipe)), KerasScorer)
    assert isinstance(make_scorer(saved_model("vector-l1")), OnnxScorer)


class MinkowskiHead(ChebyshevHead):
    def __init__(self, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def measure(self, u: tf.Tensor, v: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.scale * tf.reduce_max(tf.abs(u - v), axis=-1)


def minkowski(graph: Graph, path: str, u: str, v: str, *, scale: float = 1.0) -> str:
    distance = graph.op("ReduceMax", graph.op("Abs", graph.op("Sub", u, v)), graph.ints(-1), keepdims=0)
    return graph.op("Exp", graph.op("Mul", distance, graph.const(-scale)))


def test_a_part_of_ones_own_with_an_onnx_form_is_scored_by_onnxruntime(ids: np.ndarray) -> None:
    recipe = text_recipe("bilstm", "max", head="test-minkowski").replace(["head.scale=0.5"])
    saved = saved_model(recipe)
    scorer = make_scorer(saved)
    assert isinstance(scorer, OnnxScorer)
    encoded = scorer.encode_ids(ids, LENGTHS)
    left, right = np.arange(len(LENGTHS) - 1), np.arange(1, len(LENGTHS))
    expected = np.exp(-0.5 * np.abs(encoded[left] - encoded[right]).max(axis=1))
    np.testing.assert_allclose(scorer.compare(encoded, left, right), expected, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("recipe", "path"),
    [("bilstm-manhattan", "encoder/forward_0/kernel"), ("vector-l1", "head/linear/kernel")],
)
def test_missing_weight_is_named(recipe: str, path: str) -> None:
    saved = saved_model(recipe)
    del saved.weights[path]
    with pytest.raises(ArtifactError, match=f"the model holds no weight '{path}'"):
        OnnxScorer(saved)


def test_threads_share_a_scorer(ids: np.ndarray) -> None:
    scorer = OnnxScorer(saved_model("bilstm-attention"), threads=2)
    expected = scorer.encode_ids(ids, LENGTHS)
    results: list[np.ndarray] = []

    def work() -> None:
        results.extend(scorer.encode_ids(ids, LENGTHS) for _ in range(10))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 40
    for result in results:
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("recipe", "change"),
    [
        ("vector-contrastive", "head.half_distance=0"),
        ("vector-contrastive", "head.half_distance=far"),
        ("bilstm-triplet", "projection.activation=[1]"),
    ],
)
def test_options_that_no_graph_is_made_of(recipe: str, change: str) -> None:
    saved = saved_model(recipe)
    altered = dataclasses.replace(saved, recipe=saved.recipe.replace([change]))
    with pytest.raises(ArtifactError, match="cannot read its options or its inputs"):
        make_scorer(altered)


@pytest.mark.parametrize("kind", ["texts", "vectors"])
def test_what_is_no_number_is_no_score(kind: str) -> None:
    saved = saved_model(text_recipe("transformer", "attention") if kind == "texts" else "vector-l1")
    for path, array in saved.weights.items():
        if path.startswith("encoder"):
            array.flat[:] = np.resize([3e38, -3e38], array.size)
    scorer = make_scorer(saved, threads=1)
    with pytest.raises(ArtifactError, match="computes NaN or infinity: its weights"):
        if kind == "texts":
            scorer.encode_ids(np.array([2, 3, 4], np.int32), np.array([2, 1], np.int32))
        else:
            both = scorer.encode_vectors(np.ones((2, saved.dim), np.float32))
            scorer.compare(both, np.array([0]), np.array([1]))
