"""How a model breaks."""

from __future__ import annotations

import json

import pytest

from tests.cli.command_line import run
from textsim.errors import InputError
from textsim.evaluation.check import CheckedPair, check, contrast_set
from textsim.matching.text_matcher import TextMatcher


@pytest.fixture(scope="module")
def matcher() -> TextMatcher:
    return TextMatcher.load("zh-general")


def test_kinds_by_hand(matcher: TextMatcher) -> None:
    pairs = [
        CheckedPair("same", "花呗怎么还款", "花呗怎么还款？", 1),
        CheckedPair("same", "花呗怎么还款", "今天天气怎么样", 1),
        CheckedPair("other", "花呗怎么还款", "今天天气怎么样", 0),
    ]
    result = check(matcher, pairs)
    assert result.symmetry and result.self_score and result.batch
    assert (result.kinds["same"].pairs, result.kinds["same"].wrong, result.kinds["same"].moved) == (
        2,
        0.5,
        0.5,
    )
    assert result.kinds["same"].examples[0][:4] == ("花呗怎么还款", "今天天气怎么样", 1, "no match")
    assert (result.kinds["other"].wrong, result.kinds["other"].moved) == (0, 1)
    assert result.right == pytest.approx(2 / 3)


def test_the_contrast_set(matcher: TextMatcher) -> None:
    pairs = contrast_set()
    result = check(matcher, pairs)
    assert sum(kind.pairs for kind in result.kinds.values()) == len(pairs) > 800
    assert "negation" in result.kinds and 0.5 < result.right < 1
    assert "not natural ones" in result.format()


def test_a_model_by_its_name_and_no_pairs(matcher: TextMatcher) -> None:
    assert check("zh-general") == check(matcher)
    with pytest.raises(InputError, match="pairs: expected pairs to test on"):
        check(matcher, [])


def test_the_command() -> None:
    result = run("check", "zh-general", "--json", "--fail-under", "0.99")
    assert result.exit_code == 1 and "less than 0.99" in result.stderr
    values = json.loads(result.stdout)
    assert set(values) == {"kinds", "symmetry", "self_score", "batch"}
    assert set(values["kinds"]["number"]) == {"pairs", "wrong", "moved", "examples"}
