from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from textsim.config.recipes import RECIPES
from textsim.data.dataset import PairDataset
from textsim.errors import ConfigError
from textsim.evaluation.evaluate import evaluate_scores
from textsim.evaluation.thresholds import choose_threshold
from textsim.modeling.batches import PairBatches
from textsim.modeling.siamese import SiameseModel
from textsim.training.callbacks import ShowProgress, ValidateEachEpoch, Validator

ROWS, WIDTH = 11, 3


def vector_model(*changes: str) -> SiameseModel:
    keras.utils.set_random_seed(0)
    recipe = RECIPES["vector-l1"].replace(["encoder.units=[4]", *changes])
    return SiameseModel(recipe, None, WIDTH, name="siamese")


def vector_batches(sides: int = 2, batch_size: int = 4) -> PairBatches:
    rng = np.random.default_rng(0)
    arrays = tuple(rng.normal(size=(ROWS, WIDTH)).astype("float32") for _ in range(sides))
    return PairBatches(arrays, np.arange(ROWS) % 2 if sides == 2 else None, None, batch_size)


def test_scores_come_in_row_order_whatever_the_batches() -> None:
    model = vector_model()
    whole = vector_batches(batch_size=ROWS)
    (batch,) = whole
    expected, loss = model(batch).numpy(), float(model.batch_loss(batch, model.encode_sides(batch)))
    for size in (2, 4, ROWS):
        scores, others, found = Validator(model, vector_batches(batch_size=size)).scores()
        np.testing.assert_allclose(scores, expected, atol=1e-6)
        assert np.array_equal(others, scores)
        assert found == pytest.approx(loss, rel=1e-5)


def test_sentences_of_any_length_are_scored_by_one_compiled_function(pairs: PairDataset) -> None:
    assert pairs.vocabulary is not None
    split = pairs.splits["dev"]
    keras.utils.set_random_seed(0)
    recipe = RECIPES["bilstm-manhattan"].replace(["encoder.units=[3]"])
    model = SiameseModel(recipe, len(pairs.vocabulary), 5, name="siamese")
    validator = Validator(model, PairBatches(split.sides, split.labels, pairs.sentences, 16))
    scores, _, _ = validator.scores()
    assert validator._run.experimental_get_tracing_count() == 1
    rows = np.arange(len(split))
    whole = PairBatches(split.sides, split.labels, pairs.sentences, len(split)).batch(rows)
    np.testing.assert_allclose(scores, model(whole), atol=1e-6)


def test_figures_are_those_of_the_scores() -> None:
    validator = Validator(vector_model(), vector_batches())
    scores, _, loss = validator.scores()
    threshold = choose_threshold(validator.labels, scores)
    expected = evaluate_scores(validator.labels, scores, threshold)
    assert validator.figures() == {
        "loss": loss,
        "accuracy": expected.accuracy,
        "accuracy_at_threshold": expected.accuracy_at_threshold,
        "threshold": threshold,
        "auc": expected.auc,
        "spearman": expected.spearman,
    }


def test_figures_of_triplets() -> None:
    model = vector_model("head=cosine", "loss=triplet")
    batches = vector_batches(sides=3)
    validator = Validator(model, batches)
    scores, others, _ = validator.scores()
    anchor, positive, negative = (model.encode({"vectors": side}) for side in batches.sides)
    np.testing.assert_allclose(scores, model.head((anchor, positive)), atol=1e-6)
    np.testing.assert_allclose(others, model.head((anchor, negative)), atol=1e-6)
    figures = validator.figures()
    assert figures.keys() == {"loss", "accuracy"}
    assert figures["accuracy"] == pytest.approx(np.mean(scores > others))


def test_scores_that_are_no_numbers() -> None:
    model = vector_model()
    model.head.linear.bias.assign([np.nan])
    message = r"training has diverged.*Lower training\.learning_rate or training\.clip_norm"
    with pytest.raises(ConfigError, match=message):
        Validator(model, vector_batches()).figures()


def test_each_epoch_is_validated_and_timed() -> None:
    model, batches = vector_model(), vector_batches()
    model.compile(optimizer=keras.optimizers.Adam(0.25))
    callback = ValidateEachEpoch(Validator(model, vector_batches()), batches)
    callback.set_model(model)
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        assert batches.epoch == epoch
        logs: dict[str, Any] = {"loss": 0.5, "accuracy": 0.75}
        callback.on_epoch_end(epoch, logs)
        assert logs["val_loss"] > 0
        row = callback.history[epoch]
        assert list(row)[:5] == ["epoch", "seconds", "learning_rate", "loss", "accuracy"]
        assert row["epoch"] == epoch + 1 and row["learning_rate"] == 0.25 and row["seconds"] >= 0
        assert row["val_auc"] == logs["val_auc"]


@pytest.mark.parametrize("ends", [(7, 10), (0, 8), (15,)])
def test_every_batch_is_counted_once_however_many_steps_a_call_ends(ends: tuple[int, ...]) -> None:
    counted: list[float] = []
    bar: Any = SimpleNamespace(update=counted.append)
    show = ShowProgress(bar, SimpleNamespace(history=[{"loss": 0.5, "seconds": 1.0}]))  # type: ignore[arg-type]
    show.set_params({"steps": 11, "epochs": 2})
    for epoch in (0, 1):
        for batch in ends:
            show.on_train_batch_end(batch)
        show.on_epoch_end(epoch)
        assert sum(counted) == 11 * (epoch + 1) and min(counted) >= 0
