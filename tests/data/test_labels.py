"""Label cells to numbers."""

from __future__ import annotations

import pytest

from textsim.data.labels import LabelRule
from textsim.errors import ConfigError


@pytest.mark.parametrize(
    ("cell", "label"),
    [("0", 0), ("1", 1), (" 1 ", 1), ("1.0", 1), ("True", 1), ("FALSE", 0), (True, 1), (0, 0), (1.0, 1)],
)
def test_exact_labels(cell, label):
    assert LabelRule()(cell) == label


@pytest.mark.parametrize(
    ("same", "different"),
    [
        ("是", "否"),
        ("相同", "不同"),
        ("相似", "不相似"),
        ("匹配", "不匹配"),
        ("一致", "不一致"),
        ("重复", "不重复"),
        ("yes", "no"),
        ("Y", "N"),
        (" Yes ", "NO"),
    ],
)
def test_words(same, different):
    for rule in (LabelRule(), LabelRule(threshold=3), LabelRule(maximum=5)):
        assert [rule(same), rule(different)] == [1, 0]


@pytest.mark.parametrize(
    "cell", ["", "2", "0.5", "好", "是否相同", "nan", "inf", "1_0", None, "-1", float("nan")]
)
def test_what_is_no_label(cell):
    with pytest.raises(ValueError, match=r"expected label 0 or 1 \(or true/false, .*是/否, .*\)\. Received"):
        LabelRule()(cell)


def test_a_graded_label_says_how_to_use_it():
    with pytest.raises(ValueError, match=r"Received '3'\. Pass label_threshold=\.\.\. .* or label_max="):
        LabelRule()("3")
    with pytest.raises(ValueError) as error:
        LabelRule()("much")
    assert "label_threshold" not in str(error.value)


def test_a_threshold_cuts_graded_labels_in_two():
    rule = LabelRule(threshold=3)
    assert [rule(cell) for cell in ("0", "2.99", "3", "5", "true", "false")] == [0, 0, 1, 1, 1, 0]
    with pytest.raises(ValueError, match=r"expected a number as label\. Received 'much'"):
        rule("much")
    with pytest.raises(ValueError, match=r"expected a number as label\. Received 'nan'"):
        rule("nan")


def test_graded_labels_are_kept_as_shares_of_their_maximum():
    rule = LabelRule(maximum=5)
    assert [rule(cell) for cell in ("0", "1", "3.5", 5, "true", "false")] == [0, 0.2, 0.7, 1, 1, 0]
    assert [LabelRule(maximum=1)(cell) for cell in ("0", "0.25", 1)] == [0, 0.25, 1]
    with pytest.raises(ValueError, match=r"expected a number from 0 to 5 as label\. Received '5\.1'\.$"):
        rule("5.1")
    with pytest.raises(ValueError, match="expected a number from 0 to 5 as label"):
        rule("-1")
    with pytest.raises(ValueError, match=r"expected a number from 0 to 5 as label\. Received 'nan'\.$"):
        rule("nan")


def test_options_that_cannot_be():
    with pytest.raises(ConfigError, match="exclude each other"):
        LabelRule(0.5, 5)
    with pytest.raises(ConfigError, match="expected a finite number"):
        LabelRule(float("nan"))
    with pytest.raises(ConfigError, match="label_max: expected a number above 0"):
        LabelRule(maximum=0)
