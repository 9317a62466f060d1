from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsim.text.vocabulary import UNK_ID
from textsim.training.augmentation import debias as overlap
from textsim.training.augmentation.debias import overlap_log_odds, shared_tokens

SENTENCES = st.lists(st.lists(st.integers(1, 6), max_size=5), min_size=1, max_size=8)


class Store:
    """Sentences by number."""

    def __init__(self, sentences: list[list[int]]) -> None:
        self.sentences = sentences

    @property
    def lengths(self) -> np.ndarray:
        return np.array([len(sentence) for sentence in self.sentences], "int32")

    def padded(self, indices: np.ndarray) -> np.ndarray:
        chosen = [self.sentences[index] for index in indices]
        ids = np.zeros((len(chosen), max(1, *(len(s) for s in chosen), 0)), "int32")
        for row, sentence in zip(ids, chosen, strict=True):
            row[: len(sentence)] = sentence
        return ids


@given(SENTENCES, st.data())
def test_shared_tokens_against_sets(sentences: list[list[int]], data: st.DataObject) -> None:
    numbers = st.lists(st.integers(0, len(sentences) - 1), min_size=5, max_size=5)
    left, right = np.array(data.draw(numbers)), np.array(data.draw(numbers))
    expected = []
    for a, b in zip(left, right, strict=True):
        one, other = set(sentences[a]) - {UNK_ID}, set(sentences[b]) - {UNK_ID}
        expected.append(len(one & other) / max(1, len(one | other)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "_CHUNK", 3)
        np.testing.assert_allclose(shared_tokens(Store(sentences), left, right), expected, rtol=1e-6)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("graded", [False, True])
def test_log_odds_are_those_of_the_labels_beyond_their_mean(graded: bool) -> None:
    rng = np.random.default_rng(0)
    shared = rng.random(20_000)
    chance = sigmoid(6 * shared - 4)
    labels = (chance if graded else rng.random(20_000) < chance).astype("float32")
    found = overlap_log_odds(shared, labels, np.ones(20_000))
    assert found.dtype == np.float32
    mean = labels.mean()
    np.testing.assert_allclose(sigmoid(found + np.log(mean / (1 - mean))), chance, atol=0.03)


def test_shared_tokens_that_say_nothing_move_nothing_however_rare_matches_are() -> None:
    rng = np.random.default_rng(0)
    shared, labels = rng.random(20_000), (rng.random(20_000) < 0.1).astype("float32")
    assert np.abs(overlap_log_odds(shared, labels, np.ones(20_000))).max() < 0.25
    # Weights that even out the classes leave it so.
    weights = np.where(labels == 1, 5.0, 5 / 9)
    assert np.abs(overlap_log_odds(shared, labels, weights)).max() < 0.25
