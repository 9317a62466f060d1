from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsim.training import overlap
from textsim.training.overlap import overlap_log_odds, shared_tokens

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
        one, other = set(sentences[a]), set(sentences[b])
        expected.append(len(one & other) / max(1, len(one | other)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "_CHUNK", 3)
        np.testing.assert_allclose(shared_tokens(Store(sentences), left, right), expected, rtol=1e-6)


def test_log_odds_are_those_of_the_labels() -> None:
    rng = np.random.default_rng(0)
    shared = rng.random(20_000)
    chance = 1 / (1 + np.exp(-(6 * shared - 2)))
    found = overlap_log_odds(shared, (rng.random(20_000) < chance).astype("float32"))
    assert found.dtype == np.float32
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), chance, atol=0.03)
