"""Groups of texts, against slow and obvious ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_models import CHARACTERS, saved_model
from textsim.data.row_kinds import TEXTS
from textsim.data.rows import read_rows
from textsim.errors import ArtifactError, InputError
from textsim.matching import dedup
from textsim.matching.dedup import ScoredPairs, find_duplicates, group, score_neighbors
from textsim.matching.files.dedup import dedup_file
from textsim.matching.index import neighbors as neighbors_module
from textsim.matching.index.neighbors import Neighbors, nearest_others
from textsim.matching.text_matcher import TextMatcher


@pytest.fixture(scope="module")
def matcher() -> TextMatcher:
    return TextMatcher(saved_model("bilstm-attention"))


def scored(texts: int, scores: dict[tuple[int, int], float]) -> ScoredPairs:
    left, right = (np.array([pair[side] for pair in scores], np.int64) for side in (0, 1))
    values = np.array(list(scores.values()), np.float32)
    return ScoredPairs(texts, left, right, values, np.zeros(len(values), bool), "")


def slow_groups(pairs: ScoredPairs, threshold: float) -> list[int]:
    """Star clustering, word for word."""
    score = {}
    for left, right, value in zip(pairs.left, pairs.right, pairs.scores.astype(float), strict=True):
        if value >= threshold:
            score[left, right] = score[right, left] = value
    texts = range(pairs.texts)
    sums = [round(sum(score.get((text, other), 0) for other in texts), 6) for text in texts]
    stands_for = [-1] * pairs.texts
    while -1 in stands_for:
        best = max((text for text in texts if stands_for[text] < 0), key=lambda text: (sums[text], -text))
        for text in texts:
            if stands_for[text] < 0 and (text == best or (best, text) in score):
                stands_for[text] = best
    return stands_for


@given(
    st.integers(1, 9).flatmap(
        lambda texts: st.tuples(
            st.just(texts),
            st.dictionaries(
                st.tuples(st.integers(0, texts - 1), st.integers(0, texts - 1)).filter(lambda p: p[0] < p[1]),
                st.sampled_from([0.25, 0.5, 0.625, 0.75, 1.0]),
            ),
        )
    ),
    st.sampled_from([0.3, 0.5, 0.7, 1.0]),
)
def test_groups_are_stars(drawn: tuple[int, dict[tuple[int, int], float]], threshold: float) -> None:
    texts, scores = drawn
    groups = group(scored(texts, scores), threshold)
    assert groups.representatives.tolist() == slow_groups(scored(texts, scores), threshold)
    for text, (representative, score) in enumerate(
        zip(groups.representatives.tolist(), groups.scores.tolist(), strict=True)
    ):
        # Each member matches its representative, which stands for itself.
        pair = (min(text, representative), max(text, representative))
        assert score == 1 if text == representative else score == scores[pair] >= threshold
        assert groups.representatives[representative] == representative


def test_a_chain_is_not_one_group() -> None:
    chain = scored(4, {(0, 1): 0.9, (1, 2): 0.9, (2, 3): 0.9})
    assert group(chain, 0.5).representatives.tolist() == [1, 1, 1, 3]


def test_texts_that_are_equal_need_no_model(matcher: TextMatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    read = TextMatcher.read

    def noted(self: TextMatcher, texts: Any, *args: Any) -> Any:
        asked.extend(texts)
        return read(self, texts, *args)

    monkeypatch.setattr(TextMatcher, "read", noted)
    groups = find_duplicates(matcher, ["你好", "今天", " 你好", "今天", "Ｈi", "hI"], threshold=1.0)
    assert asked == ["你好", "今天", "Ｈi"]
    assert groups.representatives.tolist() == [0, 1, 0, 1, 4, 4] and groups.scores.tolist() == [1] * 6


def texts_of(count: int) -> list[str]:
    dice = np.random.default_rng(1)
    letters = sorted(set(CHARACTERS))
    return list({"".join(dice.choice(letters, dice.integers(2, 8))): None for _ in range(count)})


@pytest.mark.parametrize("recipe", ["bilstm-attention", "bilstm-manhattan"])
def test_neighbours_are_scored_as_any_pair(recipe: str) -> None:
    matcher = TextMatcher(saved_model(recipe))
    texts = texts_of(60)
    pairs = score_neighbors(matcher, texts, neighbors=len(texts), min_cosine=0.2)
    directions = matcher.directions(matcher.read(texts).keys)
    expected = {
        (left, right)
        for left in range(len(texts))
        for right in range(left + 1, len(texts))
        if recipe == "bilstm-manhattan" or directions[left] @ directions[right] >= 0.2
    }
    assert (
        set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == expected and len(expected) > 100
    )
    sides = ([texts[place] for place in side] for side in (pairs.left, pairs.right))
    np.testing.assert_allclose(pairs.scores, matcher.score_pairs(list(zip(*sides, strict=True))), atol=1e-6)


@pytest.mark.parametrize("least", [-np.inf, 0.5])
@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_each_pair_of_neighbours_comes_once(
    count: int, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dedup, "CHUNK_ROWS", 7)
    rng = np.random.default_rng(count)
    places = np.full((count, 4), -1, np.int32)
    cosines = np.full((count, 4), -np.inf, np.float32)
    for own in range(count):
        others = rng.permutation(count)[: rng.integers(5)]
        others = others[others != own]
        places[own, : len(others)] = others
        cosines[own, : len(others)] = rng.uniform(-1, 1, len(others))
    expected = {
        (min(own, int(other)), max(own, int(other)))
        for own in range(count)
        for other, cosine in zip(places[own], cosines[own], strict=True)
        if other >= 0 and cosine >= least
    }
    left, right = dedup._pairs_of(Neighbors(places, cosines), least)
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == sorted(expected)
    assert left.dtype == right.dtype == np.int64


def test_vectors_at_half_the_precision(matcher: TextMatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = texts_of(60)
    whole = score_neighbors(matcher, texts)
    monkeypatch.setattr(dedup, "_VECTOR_BYTES", 0)
    half = score_neighbors(matcher, texts)
    same = set(zip(whole.left, whole.right, strict=True)) & set(zip(half.left, half.right, strict=True))
    assert len(same) > 0.98 * len(whole.left)
    if len(same) == len(whole.left) == len(half.left):
        np.testing.assert_allclose(half.scores, whole.scores, atol=1e-3)


def test_a_graph_finds_the_neighbours_that_comparing_all_does(
    matcher: TextMatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("usearch", reason="a graph needs usearch")
    encoded = matcher.encode(texts_of(700))
    exact = nearest_others(encoded, 5)
    directions = encoded / np.linalg.norm(encoded, axis=1, keepdims=True)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -2)
    np.testing.assert_allclose(exact.cosines, -np.sort(-cosines, axis=1)[:, :5], atol=1e-5)
    monkeypatch.setattr(neighbors_module, "MOST_LISTED", 100)
    # Threads side by side link vectors in another order each time.
    monkeypatch.setattr(neighbors_module, "available_cores", lambda: 1)
    found = nearest_others(encoded, 5)
    assert not (found.places == np.arange(len(encoded))[:, None]).any()
    common = [
        len(set(one) & set(other))
        for one, other in zip(exact.places.tolist(), found.places.tolist(), strict=True)
    ]
    assert np.mean(common) > 0.9 * 5
    np.testing.assert_allclose(found.cosines[:, 0], exact.cosines[:, 0], atol=0.02)
    assert nearest_others(encoded[:1], 5).places.shape == (1, 0)


def rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text("utf-8").splitlines()]


def test_a_file_of_groups(matcher: TextMatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, pairs = (tmp_path / name for name in ("faq.csv", "groups.tsv", "pairs.npz"))
    texts = [*texts_of(40), "你好", "你好", "今天 天气"]
    lines = [f"q{number},{text}" for number, text in enumerate(texts)]
    source.write_text("id,问题\n" + "\n".join(lines) + "\n", "utf-8")
    threshold = float(np.quantile(score_neighbors(matcher, texts_of(40)).scores, 0.95))
    report = dedup_file(matcher, source, target, pairs=pairs, threshold=threshold)
    header, *found = rows(target)
    assert header == ["group", "representative", "id", "text", "score", "decision"]
    assert report.rows == len(texts) and report.groups == len({row[0] for row in found}) > 1
    assert report.duplicates == len(found) - report.groups
    groups = find_duplicates(matcher, texts, threshold=threshold)
    assert {row[2]: row[1] for row in found} == {
        f"q{place}": f"q{stands}"
        for place, stands in enumerate(groups.representatives.tolist())
        if (groups.representatives == stands).sum() > 1
    }
    # The least sure group first; each begins with its representative.
    lowest = [
        min(float(row[4]) for row in found if row[0] == number)
        for number in dict.fromkeys(r[0] for r in found)
    ]
    assert lowest == sorted(lowest) and [int(row[0]) for row in found] == sorted(int(row[0]) for row in found)
    firsts = {row[0]: row for row in reversed(found)}
    assert all(row[1] == row[2] and row[4:] == ["1.000000", "match"] for row in firsts.values())
    # Another threshold encodes nothing.
    monkeypatch.setattr(TextMatcher, "encode_keys", None)
    dedup_file(matcher, source, target, pairs=pairs, threshold=1.0)
    assert ["1", "q40", "q41", "你好", "1.000000", "match"] in rows(target)
    dedup_file(matcher, source, target, pairs=pairs, threshold=threshold, representatives_only=True)
    kept = rows(target)[1:]
    assert [row[2] for row in kept] == [f"q{place}" for place in sorted(set(groups.representatives.tolist()))]
    assert [row[0] for row in kept] == [str(number) for number in range(1, len(kept) + 1)]
    (chunk,) = read_rows(target, TEXTS, keep=["id"])
    assert len(set(chunk.texts[0])) == len(kept)
    with pytest.raises(
        ArtifactError, match=r"keeps pairs of other texts, of another model or of other settings"
    ):
        dedup_file(matcher, source, target, pairs=pairs, neighbors=3)
    with pytest.raises(ArtifactError, match="is not a file of scored pairs"):
        pairs.write_bytes(b"PK")
        dedup_file(matcher, source, target, pairs=pairs)


def test_arguments_that_cannot_be(matcher: TextMatcher, tmp_path: Path) -> None:
    source = tmp_path / "t.txt"
    source.write_text("你好\n今天\n", "utf-8")
    with pytest.raises(InputError, match=r"threshold: expected a number from 0 to 1. Received int: 2"):
        dedup_file(matcher, source, tmp_path / "g.tsv", threshold=2)
    with pytest.raises(InputError, match=r"neighbors: expected at least 1. Received int: 0"):
        dedup_file(matcher, source, tmp_path / "g.tsv", neighbors=0)
    for threshold in (80, -0.1, float("nan"), "0.5"):
        with pytest.raises(InputError, match=r"threshold: expected a number from 0 to 1. Received"):
            find_duplicates(matcher, ["你好"], threshold=threshold)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"min_cosine: expected a number from -1 to 1. Received float: nan"):
        score_neighbors(matcher, ["你好"], min_cosine=float("nan"))
    with pytest.raises(InputError, match=r"texts: expected a list of texts. Received str: '你好'"):
        find_duplicates(matcher, "你好")
    with pytest.raises(InputError, match="would take the place of"):
        dedup_file(matcher, source, source)
    with pytest.raises(InputError, match=r"texts\[1\]: expected a text \(str\). Received None"):
        find_duplicates(matcher, ["你好", None])  # type: ignore[list-item]
    for texts, place in ((["你好", "你好", None], 2), (["1", None], 1), (["你好", "你好", "\u200b"], 2)):
        with pytest.raises(InputError, match=rf"texts\[{place}\]: expected a text"):
            find_duplicates(matcher, texts)  # type: ignore[arg-type]
    assert find_duplicates(matcher, iter([])).representatives.shape == (0,)


def test_the_number_of_a_row_without_an_id_is_no_other_s_id(matcher: TextMatcher, tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text("id,text\n2,你好\n,今天\n,你好\n1,今天\n", "utf-8")
    dedup_file(matcher, source, tmp_path / "g.tsv", threshold=1)
    assert {row[2]: row[1] for row in rows(tmp_path / "g.tsv")[1:]} == {
        "2": "2",
        "4": "2",
        "3": "3",
        "1": "3",
    }


@pytest.mark.parametrize(
    "damage",
    [
        {"left": np.array([0.5])},
        {"scores": np.array([2], np.float32)},
        {"right": np.array([9])},
        {"indistinct": np.zeros(2, bool)},
        {"texts": np.array([2, 2])},
        {"texts": np.inf},
        None,
    ],
)
def test_a_file_that_is_none_of_pairs(tmp_path: Path, damage: dict[str, Any] | None) -> None:
    path = tmp_path / "pairs.npz"
    good = ScoredPairs(2, np.array([0]), np.array([1]), np.array([0.5], np.float32), np.zeros(1, bool), "x")
    good.save(path)
    assert ScoredPairs.load(path).right.tolist() == [1]
    if damage is None:
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        replace(good, **damage).save(path)
    with pytest.raises(ArtifactError, match="not a file of scored pairs"):
        ScoredPairs.load(path)
