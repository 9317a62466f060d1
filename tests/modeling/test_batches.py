from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsim.data.dataset import Sentences
from textsim.modeling.batches import PairBatches


def store(lengths: list[int]) -> Sentences:
    """Sentence i holds the id i + 1, `lengths[i]` times."""
    ids = np.repeat(np.arange(1, len(lengths) + 1), lengths).astype("int32")
    return Sentences(ids, np.concatenate([[0], np.cumsum(lengths)]).astype("int64"))


def batches(rows: int = 25, sides: int = 2, batch_size: int = 4, **options: Any) -> PairBatches:
    rng = np.random.default_rng(0)
    sentences = store(rng.integers(0, 9, 12).tolist())
    numbers = tuple(rng.integers(0, 12, rows).astype("int32") for _ in range(sides))
    labels = (rng.random(rows) < 0.3).astype("float32") if sides == 2 else None
    return PairBatches(numbers, labels, sentences, batch_size, **options)


@given(st.integers(1, 40), st.integers(2, 9), st.none() | st.integers(0, 3), st.integers(0, 3))
def test_every_row_once_an_epoch(rows: int, batch_size: int, seed: int | None, epoch: int) -> None:
    made = batches(rows, batch_size=batch_size, seed=seed)
    made.POOL = 2
    made.epoch = epoch
    order = made.order()
    assert len(order) == len(made) == -(-rows // batch_size)
    assert sorted(np.concatenate(order)) == list(range(rows))
    assert sorted(map(len, order))[1:] == [batch_size] * (len(order) - 1)
    assert np.array_equal(made.positions(), np.concatenate(order))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        made = batches(seed=seed)
        made.epoch = epoch
        return made.positions().tolist()

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    unseeded = batches()
    first = unseeded.positions().tolist()
    unseeded.epoch = 5
    assert unseeded.positions().tolist() == first


def test_a_batch_holds_sentences_of_about_one_length() -> None:
    made = batches(400, seed=0, batch_size=20)
    spread = np.mean([np.ptp(made.lengths[rows]) for rows in made.order()])
    assert spread < 1.5 < np.mean([np.ptp(made.lengths[k : k + 20]) for k in range(0, 400, 20)])


def test_batches_of_sentences() -> None:
    made = batches(seed=3)
    assert made.sentences is not None
    for rows, batch in zip(made.order(), made, strict=True):
        numbers = np.concatenate([side[rows] for side in made.sides])
        assert np.array_equal(batch["sentences"], numbers)
        assert np.array_equal(batch["lengths"], made.sentences.lengths[numbers])
        assert batch["token_ids"].shape == (2 * len(rows), max(batch["lengths"].max(), 1))
        for ids, number, length in zip(batch["token_ids"], numbers, batch["lengths"], strict=True):
            assert ids.tolist() == [number + 1] * length + [0] * (len(ids) - length)
        assert np.array_equal(batch["labels"], made.labels[rows])
        assert {key: str(value.dtype) for key, value in batch.items()} == {
            "labels": "float32",
            "weights": "float32",
            "token_ids": "int32",
            "lengths": "int32",
            "sentences": "int32",
        }


def test_batches_of_triplets_hold_three_sides_and_labels_of_one() -> None:
    made = batches(sides=3, seed=0)
    for rows, batch in zip(made.order(), made, strict=True):
        assert np.array_equal(batch["sentences"], np.concatenate([side[rows] for side in made.sides]))
        assert (batch["labels"] == 1).all() and (batch["weights"] == 1).all()


def test_batches_of_vectors() -> None:
    rng = np.random.default_rng(0)
    sides = tuple(rng.normal(size=(7, 3)) for _ in range(2))
    made = PairBatches(sides, np.ones(7), None, 4)
    assert np.array_equal(made.positions(), np.arange(7))
    first, second = made
    np.testing.assert_allclose(first["vectors"], np.concatenate([side[:4] for side in sides]), rtol=1e-6)
    assert first["vectors"].dtype == np.float32 and second["vectors"].shape == (6, 3)
    assert len(set(first["sentences"])) == 8


def test_equal_vectors_are_one_item_on_whichever_side() -> None:
    a, b, c = np.eye(3, dtype="float32")
    made = PairBatches((np.stack([a, a, b]), np.stack([b, c, b])), np.ones(3), None, 3)
    left, right = np.split(next(iter(made))["sentences"], 2)
    assert left[0] == left[1] and left[2] == right[0] == right[2]
    assert len({left[0], left[2], right[1]}) == 3


@pytest.mark.parametrize("label", [0.0, 0.49, 0.5, 1.0])
def test_class_weights_go_by_label(label: float) -> None:
    vectors = np.zeros((2, 3), "float32")
    made = PairBatches((vectors, vectors), np.array([label, 1]), None, 2, class_weights=(3.0, 0.5))
    assert made.weights.tolist() == [3.0 if label < 0.5 else 0.5, 0.5]


def test_offsets_go_with_their_rows() -> None:
    vectors = np.zeros((5, 3), "float32")
    made = PairBatches((vectors, vectors), np.arange(5) / 5, None, 2, seed=0)
    assert "offsets" not in made.batch(np.arange(2))
    made.offsets = made.labels + 1
    for batch in made:
        assert np.array_equal(batch["offsets"], batch["labels"] + 1)
