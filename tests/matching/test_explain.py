from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tests.tiny_models import MAX_LENGTH, saved_model
from textsim.errors import InputError
from textsim.matching import explain as module
from textsim.matching.explain import Change, Explanation, TokenContribution, explain
from textsim.matching.text_matcher import TextMatcher
from textsim.text.vocabulary import UNK_ID


@pytest.fixture(scope="module")
def matcher() -> TextMatcher:
    return TextMatcher(saved_model("bilstm-attention"))


def slow_shapley(matcher: TextMatcher, text_a: str, text_b: str) -> list[float]:
    """Shapley values by their definition: what each token adds, averaged over all orders of all tokens."""
    sides = [matcher.tokenize(text) for text in (text_a, text_b)]
    players = [(side, place) for side in (0, 1) for place in range(len(sides[side]))]

    def value(known: frozenset[tuple[int, int]]) -> float:
        keys = [
            np.array(
                [
                    i if (side, place) in known else UNK_ID
                    for place, token in enumerate(tokens)
                    for i in token.ids
                ],
                np.int32,
            ).tobytes()
            for side, tokens in enumerate(sides)
        ]
        return float(matcher.compare_keys(keys[:1], keys[1:], lambda _: text_a != text_b, None)[0][0])

    values = dict.fromkeys(players, 0.0)
    for order in itertools.permutations(players):
        known: frozenset[tuple[int, int]] = frozenset()
        for player in order:
            values[player] += value(known | {player}) - value(known)
            known = known | {player}
    return [values[player] / math.factorial(len(players)) for player in players]


def contributions(found: Explanation) -> list[float]:
    return [token.contribution for token in (*found.tokens_a, *found.tokens_b)]


@pytest.mark.parametrize(
    ("text_a", "text_b"), [("花呗", "还款"), ("你好", "好"), ("你", "你"), ("天气", "花龘")]
)
def test_values_of_short_texts_are_those_of_the_definition(
    matcher: TextMatcher, text_a: str, text_b: str
) -> None:
    found = explain(matcher, text_a, text_b)
    np.testing.assert_allclose(contributions(found), slow_shapley(matcher, text_a, text_b), atol=1e-6)
    assert all(token.error == 0 for token in (*found.tokens_a, *found.tokens_b))


@pytest.mark.parametrize(
    ("text_a", "text_b"),
    [
        ("花呗怎么还款", "怎样还花呗"),
        ("花呗怎么还款怎样今天", "今天天气你好吗不是我"),
        ("一", "花呗怎么还款怎样今天气明"),
    ],
)
def test_base_and_contributions_sum_to_the_score(matcher: TextMatcher, text_a: str, text_b: str) -> None:
    found = matcher.explain(text_a, text_b)
    decision = matcher.decide(text_a, text_b)
    assert (found.score, found.probability, found.decision) == (
        decision.score,
        decision.probability,
        decision.decision,
    )
    assert found.base + sum(contributions(found)) == pytest.approx(found.score, abs=1e-5)
    assert [token.token for token in found.tokens_a] == list(text_a[:MAX_LENGTH])
    assert found.matrix.shape == (len(found.tokens_a), len(found.tokens_b))


def test_estimates_lie_near_the_exact_values(matcher: TextMatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = explain(matcher, "花呗怎么还款", "怎样还花呗")
    monkeypatch.setattr(module, "EXACT_TOKENS", 0)
    monkeypatch.setattr(module, "PERMUTATIONS", 60)
    estimated = explain(matcher, "花呗怎么还款", "怎样还花呗")
    errors = [token.error for token in (*estimated.tokens_a, *estimated.tokens_b)]
    assert all(error > 0 for error in errors)
    distances = np.abs(np.subtract(contributions(estimated), contributions(exact)))
    assert np.all(distances < 4 * np.array(errors) + 1e-6)
    again = explain(matcher, "花呗怎么还款", "怎样还花呗")
    assert contributions(again) == contributions(estimated)


def test_the_matrix_holds_second_differences(matcher: TextMatcher) -> None:
    found = explain(matcher, "花呗", "还款")

    def score(a: list[int], b: list[int]) -> float:
        keys = [np.array(ids, np.int32).tobytes() for ids in (a, b)]
        return float(matcher.compare_keys(keys[:1], keys[1:], lambda _: True, None)[0][0])

    a, b = ([token.ids[0] for token in matcher.tokenize(text)] for text in ("花呗", "还款"))
    expected = (
        score(a, b)
        - score([UNK_ID, a[1]], b)
        - score(a, [b[0], UNK_ID])
        + score([UNK_ID, a[1]], [b[0], UNK_ID])
    )
    assert found.matrix[0, 1] == pytest.approx(expected, abs=1e-6)


def test_changes_change_the_decision(matcher: TextMatcher) -> None:
    found = explain(matcher, "花呗怎么还款", "怎样还花呗")
    for change in found.changes:
        assert change.decision != found.decision
        if change.change == "removed":
            texts = ["花呗怎么还款", "怎样还花呗"]
            side = ("text_a", "text_b").index(change.text)
            texts[side] = texts[side][: change.place] + texts[side][change.place + 1 :]
            assert change.score == pytest.approx(matcher.score(*texts), abs=1e-6)
    assert found.to_dict()["changes"] == [change._asdict() for change in found.changes]


def test_of_a_token_that_comes_twice_the_place_tells_which_is_changed() -> None:
    tokens = [TokenContribution(token, 0.1, 0.0) for token in "能不能"]
    changes = [
        Change(text, place, tokens[place].token, "removed", 0.9, "match")
        for text, place in (("text_a", 0), ("text_a", 1), ("text_a", 2), ("text_b", 0))
    ]
    found = Explanation(0.3, 0.3, "no match", 0.0, tokens, tokens[:2], np.zeros((3, 2)), changes)
    assert found.format().splitlines()[-4:] == [
        "text_a: with '能' (token 1) removed, match at 0.9000",
        "text_a: with '不' removed, match at 0.9000",
        "text_a: with '能' (token 3) removed, match at 0.9000",
        "text_b: with '能' removed, match at 0.9000",
    ]


def test_a_text_with_itself_and_bad_texts(matcher: TextMatcher) -> None:
    same = explain(matcher, "你好", "你好")
    assert same.score == 1 and same.base + sum(contributions(same)) == pytest.approx(1)
    with pytest.raises(InputError, match="text_b: expected a text"):
        explain(matcher, "你好", " ")
