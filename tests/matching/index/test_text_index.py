"""The index of stored texts, against all of them compared one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.tiny_models import saved_model
from textsim.errors import InputError
from textsim.matching.index import text_index as index_module
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher

STORED = [
    "花呗怎么还款",
    "怎样还花呗",
    "今天天气怎样",
    "你好",
    "你好吗",
    "怎么还",
    "不是我的",
    "好",
    "你好",
    "😀",
]
ASKED = ["怎么还花呗", "你好", "天气好吗", "🎉", "好好好"]


@pytest.fixture(scope="module", params=["bilstm-attention", "bilstm-manhattan"])
def index(request: pytest.FixtureRequest) -> TextIndex:
    return TextIndex(TextMatcher(saved_model(request.param)), STORED)


def all_hits(index: TextIndex, text: str) -> list[tuple[float, int]]:
    """(what hits are ordered by, place) of each stored text, the best first."""
    matcher = index.matcher
    if matcher.saved.recipe.loss.options.get("negatives"):
        query, *stored = matcher.encode([text, *STORED]).astype(np.float64)
        values = [query @ v / np.linalg.norm(query) / np.linalg.norm(v) for v in stored]
    else:
        values = [matcher.score(text, other) for other in STORED]
    return sorted(
        ((value, place) for place, value in enumerate(values)), key=lambda pair: (-pair[0], pair[1])
    )


@pytest.mark.parametrize("k", [1, 3, len(STORED), 50])
def test_the_best_come_first(index: TextIndex, k: int) -> None:
    for text, hits in zip(ASKED, index.search_many(ASKED, k), strict=True):
        expected = all_hits(index, text)[:k]
        ordered = [
            hit.cosine if "negatives" in index.matcher.saved.recipe.loss.options else hit.score
            for hit in hits
        ]
        np.testing.assert_allclose(ordered, [value for value, _ in expected], atol=1e-5)
        assert len({hit.place for hit in hits}) == len(hits) == min(k, len(STORED))
        for hit in hits:
            assert hit.text == STORED[hit.place] and -1.0001 <= hit.cosine <= 1.0001
            assert hit.score == pytest.approx(index.matcher.score(text, hit.text), abs=1e-6)
            assert hit.match is (hit.score >= index.matcher.threshold)


def test_a_stored_text_finds_itself_and_its_like_in_their_order(index: TextIndex) -> None:
    hits = index.search("你好", 2)
    assert [(hit.place, hit.score) for hit in hits] == [(3, 1), (8, 1)]
    assert index.search("花呗怎么还款", 1)[0].place == 0
    # To the model the two are alike, which is no match.
    assert {hit.score for hit in index.search("🎉", len(STORED)) if hit.text == "😀"} == {0}


def test_searched_in_blocks(index: TextIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = index.search_many(ASKED, 3)
    monkeypatch.setattr(index_module, "_BLOCK_COSINES", 1)
    monkeypatch.setattr(index_module, "_CHUNK_TEXTS", 3)
    parts = TextIndex(index.matcher, STORED).search_many(ASKED, 3)
    for one, other in zip(whole, parts, strict=True):
        assert [hit.text for hit in one] == [hit.text for hit in other]
        np.testing.assert_allclose([hit[2:] for hit in one], [hit[2:] for hit in other], atol=1e-5)


def test_fewer_candidates_than_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_CANDIDATES", 4)
    index = TextIndex(TextMatcher(saved_model("bilstm-manhattan")), STORED)
    hits = index.search("怎么还花呗", 3)
    nearest = np.argsort(-np.array([hit.cosine for hit in index.search("怎么还花呗", len(STORED))]))[:4]
    every = index.search("怎么还花呗", len(STORED))
    assert {hit.place for hit in hits} <= {every[k].place for k in nearest}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_no_texts_to_search_for(index: TextIndex) -> None:
    assert index.search_many([]) == [] and len(index) == len(STORED)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], r"texts: expected at least one text to store. Received none."),
        ("你好", r"texts: expected a list of texts. Received one text. Pass \[text\]."),
        (["你好", None], r"texts\[1\]: expected a text \(str\)"),
        (["你好", " "], r"texts\[1\]: expected a text. Received ' ', which is empty"),
    ],
)
def test_what_cannot_be_stored(index: TextIndex, texts: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TextIndex(index.matcher, texts)


def test_what_cannot_be_searched_for(index: TextIndex) -> None:
    with pytest.raises(InputError, match=r"text: expected a text \(str\)\. Received int: 3"):
        index.search(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"texts\[0\]: expected a text\. Received ''"):
        index.search_many([""])
    with pytest.raises(InputError, match=r"Received one text. Call search\(text\)\."):
        index.search_many("你好")
    for k in (0, 2.5):
        with pytest.raises(InputError, match=rf"k: expected a whole number, at least 1\. Received {k}\."):
            index.search("你好", k)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"matcher: expected a loaded TextMatcher\. Received str\."):
        TextIndex("zh-general", ["你好"])  # type: ignore[arg-type]
