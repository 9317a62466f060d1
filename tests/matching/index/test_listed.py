"""Vectors of which every one is compared, against comparing all of their numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_models import saved_model
from textsim.matching.index import graph, writer
from textsim.matching.index.graph import principal_directions
from textsim.matching.index.listed import Listed, unit
from textsim.matching.index.tables import Vectors
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 60),
    st.integers(1, 12),
    st.sampled_from([None, 1, 3]),
    st.booleans(),
    st.sampled_from([1, 8]),
)
def test_the_nearest_are_those_of_all_numbers(
    seed: int, count: int, wanted: int, width: int | None, some: bool, asked: int
) -> None:
    dice = np.random.default_rng(seed)
    # Most of a vector lies in few directions, and none at all in some.
    encoded = (dice.standard_normal((count, 8)) * [4, 3, 2, 1, 0.5, 0.5, 0.1, 0]).astype(np.float32)
    encoded[dice.random(count) < 0.05] = 0
    keys = np.sort(dice.choice(1000, count, replace=False))
    projection = None if width is None else np.eye(8, dtype=np.float32)[:, :width]
    half = count // 2
    listed = Listed.empty(8, projection).changed(np.empty(0, bool), [Vectors(keys[:half], encoded[:half])])
    # Some go, others come.
    gone = dice.random(half) < 0.2
    listed = listed.changed(~gone, [Vectors(keys[half:], encoded[half:])])
    left = np.concatenate([~gone, np.ones(count - half, bool)])
    keys, encoded = keys[left], encoded[left]
    allowed = keys[dice.random(len(keys)) < 0.7] if some else None
    queries = unit(dice.standard_normal((asked, 8)).astype(np.float32))
    for query, (found, cosines) in zip(queries, listed.nearest(queries, wanted, allowed), strict=True):
        inside = np.ones(len(keys), bool) if allowed is None else np.isin(keys, allowed)
        expected = unit(encoded[inside]) @ query
        assert len(found) == min(wanted, inside.sum()) and (np.diff(found) > 0).all()
        np.testing.assert_allclose(
            np.sort(cosines), np.sort(expected)[len(expected) - len(found) :], atol=1e-6
        )
        np.testing.assert_allclose(cosines, unit(encoded[np.searchsorted(keys, found)]) @ query, atol=1e-6)


@pytest.mark.parametrize("count", [30, 60])
def test_many_rows_are_searched_by_a_part_of_their_numbers(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(writer, "_PROJECTED", 50)
    monkeypatch.setattr(graph, "WIDTH", 4)
    matcher = TextMatcher(saved_model("bilstm-attention"))
    texts = ["".join(map(chr, range(0x4E00 + k, 0x4E05 + k))) + "好" * (k % 4) for k in range(count)]
    index = TextIndex.build(matcher, texts)
    assert (index._opened.snapshot.listed.basis is not None) == (count == 60)
    index.add(["花呗怎么还"])
    index.remove(["3"])
    exact = matcher.directions(matcher.read([*texts, "花呗怎么还"]).keys)
    exact[2] = 0
    for hits, query in zip(index.search_many(texts[:9], 5, rerank=False), exact[:9], strict=True):
        if query.any():
            np.testing.assert_allclose(
                [hit.cosine for hit in hits], -np.sort(-(exact @ query))[:5], atol=1e-5
            )


def test_a_projection_is_of_the_directions_that_matter() -> None:
    dice = np.random.default_rng(0)
    directions = unit((dice.standard_normal((500, 300)) * np.geomspace(10, 0.01, 300)).astype(np.float32))
    projection = principal_directions(directions)
    assert projection.shape == (300, 256)
    assert np.linalg.norm(directions @ projection, axis=1).min() > 0.999
