from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.modeling.helpers import DIM, SIZE, ids_of
from textsim.config.recipes import RECIPES
from textsim.config.settings import Part, Recipe
from textsim.errors import ConfigError, UnknownNameError
from textsim.modeling.embedding import TokenBatch
from textsim.modeling.encoders.base import Encoder
from textsim.modeling.siamese import SiameseModel, check_recipe, clipping_scale
from textsim.registry import ENCODERS, HEADS, LOSSES, POOLINGS

SMALL: dict[str, Part] = {
    "bilstm": Part(name="bilstm", units=[3]),
    "cnn": Part(name="cnn", filters=3, widths=[2, 3]),
    "transformer": Part(name="transformer", width=4, heads=2, layers=1, feed_forward=5, dropout=0.0),
    "word-vectors": Part(name="word-vectors"),
    "dense": Part(name="dense", units=[5, 4]),
}
ROWS = 6


def small(encoder: str = "bilstm", pooling: str = "mean", head: str = "manhattan", **changes: Any) -> Recipe:
    """A small recipe that fits together."""
    vectors = ENCODERS.get(encoder).reads == "vectors"
    values: dict[str, Any] = {
        "encoder": SMALL[encoder],
        "pooling": None if vectors else Part(name=pooling),
        "head": Part(name=head),
        "loss": Part(name="contrastive" if head == "cosine" else "binary-crossentropy"),
    }
    if vectors:
        values["embedding"] = None
    recipe = Recipe.model_validate({**values, **changes})
    check_recipe(recipe)
    return recipe


def build(recipe: Recipe, seed: int = 0) -> SiameseModel:
    keras.utils.set_random_seed(seed)
    model = SiameseModel(recipe, None if recipe.embedding is None else SIZE, DIM, name="siamese")
    if model.embedding is not None:
        table = np.random.default_rng(seed).normal(size=(SIZE, DIM))
        table[0] = 0
        model.embedding.set_table(table)
    return model


def batch_for(model: SiameseModel, seed: int = 0) -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(seed)
    count = model.sides * ROWS
    batch = {
        "labels": np.arange(ROWS) % 2,
        "weights": np.ones(ROWS),
    }
    batch = {key: value.astype("float32") for key, value in batch.items()}
    batch["sentences"] = np.arange(count, dtype="int32")
    if model.embedding is None:
        batch["vectors"] = rng.normal(size=(count, DIM)).astype("float32")
    else:
        lengths = rng.integers(0, 6, count)
        lengths[0] = 0
        batch["token_ids"], batch["lengths"] = ids_of(lengths.tolist(), seed)
    return {key: tf.constant(value) for key, value in batch.items()}


def loss_on(model: SiameseModel, batch: dict[str, tf.Tensor]) -> float:
    return float(model.batch_loss(batch, model.encode_sides(batch)))


def train(model: SiameseModel, batch: dict[str, tf.Tensor], optimizer: Any, steps: int) -> None:
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer, jit_compile=False)
    step = tf.function(model.train_step)
    for _ in range(steps):
        step(batch)


def arrays_equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


COMBINATIONS = [
    *(small(encoder) for encoder in ENCODERS.names()),
    *(
        small("bilstm" if POOLINGS.get(pooling).needs_recurrent else "word-vectors", pooling)
        for pooling in POOLINGS.names()
        if pooling != "mean"
    ),
    *(small("dense", head=head) for head in HEADS.names()),
    *(
        small("dense", head="cosine", loss=Part(name=loss))
        for loss in ("contrastive", "triplet", "cosent", "in-batch-negatives")
    ),
    small("word-vectors", projection=Part(name="dense", units=[4])),
]


def title(recipe: Recipe) -> str:
    parts = [recipe.encoder, recipe.pooling, recipe.projection, recipe.head, recipe.loss]
    return "+".join(part.name for part in parts if part is not None)


@pytest.mark.parametrize("recipe", COMBINATIONS, ids=title)
def test_every_part_learns_and_its_weights_carry_over(recipe: Recipe) -> None:
    model = build(recipe)
    batch = batch_for(model)
    before, weights = loss_on(model, batch), model.weight_arrays()
    train(model, batch, keras.optimizers.Adam(0.01), 8)
    assert loss_on(model, batch) < before
    after = model.weight_arrays()
    assert all(np.isfinite(array).all() for array in after.values())
    assert not arrays_equal(after, weights)

    fresh = build(recipe, seed=9)
    fresh.set_weight_arrays(after)
    assert arrays_equal(fresh.weight_arrays(), after)
    assert np.array_equal(fresh(batch), model(batch))
    assert np.array_equal(fresh.encode(batch), model.encode(batch))


@pytest.mark.parametrize("name", RECIPES)
def test_every_named_recipe_builds_and_scores(name: str) -> None:
    model = build(RECIPES[name])
    batch = batch_for(model)
    scores = model(batch).numpy()
    assert scores.shape == (ROWS,) and ((scores >= 0) & (scores <= 1)).all()
    assert model.encode(batch).shape == (model.sides * ROWS, model.output_dim)
    assert np.isfinite(loss_on(model, batch))
    counted = sum(int(np.prod(array.shape)) for array in model.weight_arrays().values())
    assert counted == sum(int(np.prod(w.shape)) for w in model.weights if "seed_generator" not in w.path)


@pytest.mark.parametrize("encoder", ["bilstm", "cnn", "transformer", "word-vectors"])
def test_scores_are_symmetric_and_one_for_the_same_text(encoder: str) -> None:
    model = build(small(encoder))
    batch = batch_for(model)
    swapped = {key: tf.concat(tf.split(value, 2)[::-1], 0) for key, value in batch.items()}
    np.testing.assert_allclose(model(swapped), model(batch), atol=1e-6)
    left = {key: tf.split(value, 2)[0] for key, value in batch.items()}
    np.testing.assert_allclose(model({key: tf.concat([x, x], 0) for key, x in left.items()}), 1, atol=1e-5)


OPTIMIZERS = [
    ("Nadam", {}),
    ("AdamW", {"weight_decay": 0.1}),
    ("RMSprop", {"weight_decay": 0.1}),
]


@pytest.mark.parametrize(
    ("encoder", "name", "options"),
    [
        *(("word-vectors", *optimizer) for optimizer in OPTIMIZERS),
        *((encoder, *OPTIMIZERS[1]) for encoder in ("bilstm", "cnn", "transformer")),
    ],
)
def test_the_row_of_padding_stays_zero(encoder: str, name: str, options: dict[str, Any]) -> None:
    model = build(small(encoder))
    table = model.embedding.table.numpy()
    train(model, batch_for(model), getattr(keras.optimizers, name)(0.01, **options), 3)
    after = model.embedding.table.numpy()
    assert not after[0].any()
    assert (after[1:] != table[1:]).any(axis=1).any()


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_a_frozen_embedding_does_not_move(name: str, options: dict[str, Any]) -> None:
    projection = Part(name="dense", units=[3])
    model = build(small("word-vectors", embedding={"trainable": False}, projection=projection))
    table, kernel = model.embedding.table.numpy(), model.weight_arrays()["projection/dense_0/kernel"]
    train(model, batch_for(model), getattr(keras.optimizers, name)(0.01, **options), 3)
    assert np.array_equal(model.embedding.table, table)
    assert not np.array_equal(model.weight_arrays()["projection/dense_0/kernel"], kernel)


def test_a_repeated_token_takes_adam_s_step_of_its_summed_gradient() -> None:
    """Keras's own step of a sparse gradient squares repeated rows one by one."""
    model = build(small("word-vectors"))
    ids = np.array([[2, 2, 3, 2], [4, 2, 0, 0], [2, 5, 5, 0], [3, 0, 0, 0]], "int32")
    lengths = np.array([4, 2, 3, 1], "int32")
    batch = {
        "token_ids": ids,
        "lengths": lengths,
        "labels": np.array([1, 0], "float32"),
        "weights": np.ones(2, "float32"),
        "sentences": np.arange(4, dtype="int32"),
    }
    batch = {key: tf.constant(value) for key, value in batch.items()}
    onehot = tf.one_hot(ids, SIZE) * tf.cast(ids > 0, tf.float32)[..., None]

    def dense_gradient(table: np.ndarray) -> np.ndarray:
        variable = tf.Variable(table)
        with tf.GradientTape() as tape:
            means = tf.reduce_sum(onehot @ variable, axis=1) / lengths[:, None]
            loss = model.batch_loss(batch, tuple(tf.split(means, 2)))
        return tape.gradient(loss, variable).numpy().astype("float64")

    table = model.embedding.table.numpy()
    expected, first, second = table.astype("float64"), 0.0, 0.0
    for step in (1, 2, 3):
        gradient = dense_gradient(expected.astype("float32"))
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        rate = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        expected -= rate * first / (np.sqrt(second) + 1e-7)
    train(model, batch, keras.optimizers.Adam(0.01), 3)
    moved = model.embedding.table.numpy()
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    assert np.abs(moved - table)[2:6].min() > 1e-3


def test_the_gradients_of_all_weights_are_clipped_together() -> None:
    changes = {"head": "interaction", "embedding": {"trainable": True}}
    steps = []
    for norm in (None, 1e-3, 1e3):
        model = build(small(**changes, training={"clip_norm": norm}))
        before = model.weight_arrays()
        train(model, batch_for(model), keras.optimizers.SGD(1.0), 1)
        after = model.weight_arrays()
        steps.append(np.concatenate([(after[path] - before[path]).ravel() for path in before]))
    free, clipped, below = steps
    assert np.linalg.norm(clipped) == pytest.approx(1e-3, rel=1e-2)
    np.testing.assert_allclose(clipped / 1e-3, free / np.linalg.norm(free), atol=1e-3)
    assert np.array_equal(below, free)


def test_clipping_does_not_hide_what_is_no_number() -> None:
    assert float(clipping_scale([tf.constant([3.0]), tf.constant([4.0])], 2.5)) == pytest.approx(0.5)
    assert float(clipping_scale([tf.zeros(2)], 2.5)) == 1
    for wrong in (np.nan, np.inf, 1e30):
        assert np.isnan(clipping_scale([tf.constant([wrong]), tf.constant([1.0])], 2.5))


@pytest.mark.parametrize("trainable", [True, False])
def test_adversarial_training_takes_the_mean_gradient_of_two_readings(trainable: bool) -> None:
    training = {"adversarial": 0.2, "clip_norm": None}
    recipe = small(head="interaction", embedding={"trainable": trainable}, training=training)
    model, plain = build(recipe), build(recipe)
    batch = batch_for(model)
    table = plain.embedding.table.numpy()

    def gradients() -> list[np.ndarray]:
        with tf.GradientTape() as tape:
            tape.watch(plain.embedding.table.value)
            loss = plain.batch_loss(batch, plain.encode_sides(batch, training=True), training=True)
        sources = [variable.value for variable in (*plain.trainable_variables, plain.embedding.table)]
        return [tf.convert_to_tensor(g).numpy() for g in tape.gradient(loss, sources)]

    *here, against = gradients()
    used = np.unique(batch["token_ids"])
    moved = table + 0.2 * np.linalg.norm(table[used]) * against / np.linalg.norm(against)
    plain.embedding.set_table(moved)
    *there, _ = gradients()
    plain.embedding.set_table(table)
    for variable, first, second in zip(plain.trainable_variables, here, there, strict=True):
        variable.assign_sub(0.5 * (first + second) / 2)
        assert np.abs(first - second).max() > 1e-3 * np.abs(first).max()
    train(model, batch, keras.optimizers.SGD(0.5), 1)
    expected = plain.weight_arrays()
    for path, array in model.weight_arrays().items():
        np.testing.assert_allclose(array, expected[path], atol=1e-5, err_msg=path)
    assert np.array_equal(model.embedding.table, table) is not trainable
    assert not model.embedding.table.numpy()[0].any()


def test_of_every_two_batches_the_second_alone_is_read_adversarially() -> None:
    def weights(steps: int, **training: float) -> dict[str, np.ndarray]:
        training = {"clip_norm": None, **training}
        model = build(small("word-vectors", head="interaction", training=training))
        train(model, batch_for(model), keras.optimizers.SGD(0.5), steps)
        return model.weight_arrays()

    def differ(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
        return any(np.abs(one[path] - other[path]).max() > 1e-4 for path in one)

    plain, sometimes, always = {}, {"adversarial": 0.2, "adversarial_every": 2}, {"adversarial": 0.2}
    assert differ(weights(1), weights(1, **always))
    assert not differ(weights(1, **plain), weights(1, **sometimes))
    assert differ(weights(2, **plain), weights(2, **sometimes))
    assert differ(weights(2, **always), weights(2, **sometimes))


def test_a_batch_of_empty_texts_trains() -> None:
    pooling = {"pooling": "attention", "head": "interaction"}
    recipe = small(**pooling, projection=Part(name="dense", units=[3]), training={"adversarial": 0.1})
    model = build(recipe)
    batch = batch_for(model)
    count = 2 * ROWS
    batch |= {"token_ids": tf.zeros([count, 1], tf.int32), "lengths": tf.zeros([count], tf.int32)}
    train(model, batch, keras.optimizers.Nadam(0.01), 2)
    assert all(np.isfinite(array).all() for array in model.weight_arrays().values())
    assert np.isfinite(model(batch)).all()


def test_dropout_is_off_when_scoring() -> None:
    model = build(RECIPES["bilstm-attention"])
    batch = batch_for(model)
    assert np.array_equal(model(batch), model(batch))
    assert not np.array_equal(model(batch, training=True), model(batch, training=True))


def test_rows_count_by_their_weight() -> None:
    model = build(small("dense"))
    batch = batch_for(model)
    sides = model.encode_sides(batch)
    each = model.row_loss(model.head, sides, batch["labels"], (batch["sentences"],) * 2).numpy()
    weights = np.array([1, 2, 3, 0.5, 0, 1], "float32")
    weighted = model.batch_loss({**batch, "weights": tf.constant(weights)}, sides)
    assert float(weighted) == pytest.approx(np.average(each, weights=weights), rel=1e-5)


def test_decisions() -> None:
    pairs = build(small("dense"))
    batch = batch_for(pairs)
    expected = (pairs(batch).numpy() >= 0.5) == (batch["labels"].numpy() >= 0.5)
    assert np.array_equal(pairs.decisions(batch, pairs.encode_sides(batch)), expected)
    triplets = build(small("dense", head="cosine", loss=Part(name="triplet")))
    anchor, positive = tf.ones([2, 3]), tf.ones([2, 3])
    negative = tf.constant([[1.0, 1, 1], [1, 1, 2]])
    assert triplets.decisions({}, (anchor, positive, negative)).numpy().tolist() == [0, 1]


def test_weights_that_do_not_fit() -> None:
    model = build(small("dense", head="l1"))
    arrays = model.weight_arrays()
    assert "encoder/dense_0/kernel" in arrays and "head/linear/bias" in arrays
    lacking = {path: array for path, array in arrays.items() if path != "head/linear/bias"}
    with pytest.raises(ValueError, match=r"weight 'head/linear/bias' is missing\."):
        model.set_weight_arrays(lacking)
    with pytest.raises(ValueError, match=r"weight 'more' is not one of this model\."):
        model.set_weight_arrays({**arrays, "more": np.zeros(1)})
    with pytest.raises(
        ValueError, match=r"weight 'head/linear/bias': expected shape \(1,\)\. Received \(2,\)\."
    ):
        model.set_weight_arrays({**arrays, "head/linear/bias": np.zeros(2)})


FITTING_HEADS = {
    "binary-crossentropy": {"manhattan", "euclidean", "cosine-sigmoid", "l1", "interaction"},
    "contrastive": {"manhattan", "euclidean", "cosine"},
    "cosent": {"cosine", "cosine-sigmoid", "l1", "interaction"},
    "in-batch-negatives": {"cosine"},
    "none": {"manhattan", "euclidean", "cosine"},
    "triplet": {"manhattan", "euclidean", "cosine"},
}


def test_the_table_of_fitting_heads_is_whole() -> None:
    assert tuple(sorted(FITTING_HEADS)) == LOSSES.names()


# Other tests register heads of their own.
OWN_HEADS = [name for name in HEADS.names() if not name.startswith("test-")]


@pytest.mark.parametrize(("head", "loss"), list(itertools.product(OWN_HEADS, LOSSES.names())))
def test_heads_and_losses_that_do_not_fit_are_refused_by_name(head: str, loss: str) -> None:
    recipe = Recipe(head=Part(name=head), loss=Part(name=loss))
    if head in FITTING_HEADS[loss]:
        check_recipe(recipe)
        return
    with pytest.raises(ConfigError, match=f"head '{head}' and loss '{loss}' do not fit each other") as error:
        check_recipe(recipe)
    for name, heads in FITTING_HEADS.items():
        if head in heads:
            assert f"'{name}'" in str(error.value)
    for name in FITTING_HEADS[loss]:
        assert f"'{name}'" in str(error.value)


@pytest.mark.parametrize("name", RECIPES)
def test_every_named_recipe_fits_its_data(name: str) -> None:
    kind = "vectors" if name.startswith("vector") else "triplets" if name == "bilstm-triplet" else "pairs"
    check_recipe(RECIPES[name], kind)


@pytest.mark.parametrize(
    ("recipe", "changes", "message"),
    [
        ("bilstm-attention", ["encoder=lstm"], r"unknown encoder 'lstm'.*Did you mean 'bilstm'\?"),
        ("bilstm-attention", ["pooling=first"], r"unknown pooling 'first'"),
        ("bilstm-attention", ["pooling=null"], r"encoder 'bilstm' reads tokens and needs pooling settings\."),
        (
            "bilstm-attention",
            ["embedding=null"],
            r"encoder 'bilstm' reads tokens and needs embedding settings\.",
        ),
        (
            "cnn",
            ["pooling=last"],
            r"pooling 'last' needs a recurrent encoder\. Received encoder 'cnn'; take another",
        ),
        (
            "vector-l1",
            ["pooling=mean"],
            r"encoder 'dense' reads numeric vectors: set embedding and pooling to null",
        ),
        ("cnn", ["projection=cnn"], r"projection 'cnn': expected an encoder of vectors, such as 'dense'\."),
        (
            "bilstm-triplet",
            ["training.class_weights=balanced"],
            r"training\.class_weights does not fit loss 'triplet', which has no classes to weigh\.",
        ),
        (
            "bilstm-manhattan",
            ["training.debias=0.5"],
            r"training\.debias needs .* Received encoder 'bilstm', head 'manhattan', loss 'binary-crossentropy'\.",
        ),
        ("vector-l1", ["training.debias=0.5"], r"training\.debias needs an encoder of tokens"),
        (
            "vector-l1",
            ["training.adversarial=0.1"],
            r"training\.adversarial needs .* Received encoder 'dense'",
        ),
        ("word-vectors", ["training.adversarial=0.1"], r"training\.adversarial needs .* loss 'none'\."),
        (
            "vector-l1",
            ["training.transitive=true"],
            r"training\.transitive needs .* Received encoder 'dense'",
        ),
        ("word-vectors", ["training.transitive=true"], r"training\.transitive needs .* loss 'none'\."),
        ("bilstm-triplet", ["training.transitive=true"], r"training\.transitive needs .* loss 'triplet'\."),
        (
            "bilstm-attention",
            ["training.debias=0.5", "loss=cosent"],
            r"training\.debias needs .* loss 'cosent'",
        ),
        (
            "bilstm-attention",
            ["loss=cosent", "training.class_weights=balanced"],
            r"training\.class_weights does not fit loss 'cosent', which has no classes to weigh\.",
        ),
    ],
)
def test_parts_that_do_not_fit(recipe: str, changes: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_recipe(RECIPES[recipe].replace(changes))


def test_an_unknown_name_has_an_error_of_its_own() -> None:
    with pytest.raises(UnknownNameError):
        check_recipe(RECIPES["cnn"].replace(["head=cosinus"]))


@pytest.mark.parametrize(
    ("recipe", "kind", "message"),
    [
        (
            "bilstm-attention",
            "triplets",
            r"holds sentence triplets, but .*takes pairs.*try recipe='bilstm-triplet'\.",
        ),
        (
            "bilstm-attention",
            "vectors",
            r"holds numeric vector pairs, but encoder 'bilstm' reads tokens.*vector-contr",
        ),
        (
            "bilstm-triplet",
            "pairs",
            r"holds labelled sentence pairs, but .*loss 'triplet' takes triplets.*attention'\.",
        ),
        ("vector-l1", "pairs", r"holds labelled sentence pairs, but encoder 'dense' reads vectors"),
        ("vector-l1", "triplets", r"holds sentence triplets, but encoder 'dense' reads vectors"),
    ],
)
def test_recipes_that_do_not_fit_the_data(recipe: str, kind: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_recipe(RECIPES[recipe], kind)


def test_keras_on_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(ConfigError, match=r"Keras runs on 'jax'.*KERAS_BACKEND"):
        SiameseModel(RECIPES["vector-l1"], None, 3)


def test_weights_of_unnamed_layers_have_the_same_paths_in_every_instance() -> None:
    class GRUEncoder(Encoder):
        recurrent = True

        def __init__(self, units: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.first = keras.layers.Bidirectional(keras.layers.GRU(units, return_sequences=True))
            self.second = keras.layers.Bidirectional(keras.layers.GRU(units, return_sequences=True))
            self.narrow = [keras.layers.Dense(units), keras.layers.Dense(units, name="last")]
            self.output_dim = units

        def build(self, batch: Any) -> None:
            self.first.build((None, None, DIM))
            self.second.build((None, None, 2 * self.output_dim))
            self.narrow[0].build((None, None, 2 * self.output_dim))
            self.narrow[1].build((None, None, self.output_dim))

        def call(self, batch: TokenBatch, training: bool = False) -> tf.Tensor:
            mask = batch.mask
            x = self.second(self.first(batch.dense(), mask=mask), mask=mask)
            for layer in self.narrow:
                x = layer(x)
            return tf.where(mask[..., None], x, 0.0)

    name = "test-gru-unnamed"
    ENCODERS.register(name)(GRUEncoder)
    try:
        recipe = Recipe.model_validate(
            {"encoder": {"name": name}, "pooling": {"name": "mean"}, "head": {"name": "manhattan"}}
        )
        first, second = build(recipe), build(recipe, seed=1)
    finally:
        del ENCODERS._classes[name]
    arrays = first.weight_arrays()
    assert {path.rsplit("/", 1)[0] for path in arrays if path.startswith("encoder")} == {
        "encoder/bidirectional/forward_gru/gru_cell",
        "encoder/bidirectional/backward_gru/gru_cell",
        "encoder/bidirectional_1/forward_gru/gru_cell",
        "encoder/bidirectional_1/backward_gru/gru_cell",
        "encoder/dense",
        "encoder/last",
    }
    second.set_weight_arrays(arrays)
    for path, array in second.weight_arrays().items():
        np.testing.assert_array_equal(array, arrays[path])
