"""What is wrong with labelled pairs."""

from __future__ import annotations

import numpy as np

from textsim.evaluation.data_faults import DOUBTFUL, FEWEST, data_faults, label_probabilities
from textsim.evaluation.errors import DecidedPair


def pair(a: str, b: str, label: float, score: float = 0.5) -> DecidedPair:
    return DecidedPair(a, b, label, score, score, "match" if score >= 0.5 else "no match")


def separated(n: int) -> list[DecidedPair]:
    """Pairs whose scores tell their labels, each of texts of its own."""
    random = np.random.default_rng(0)
    texts = ["".join(map(chr, random.integers(0x4E00, 0x9000, 6))) for _ in range(2 * n)]
    return [
        pair(texts[2 * k], texts[2 * k + 1], k % 2, float(np.clip(k % 2 + random.normal(0, 0.15), 0, 1)))
        for k in range(n)
    ]


def test_counts() -> None:
    found = data_faults([pair("甲", "乙", 1), pair("乙", "甲", 0), pair("丙", "丙", 0), pair("丁", "戊", 0)])
    assert (found.matches, found.duplicates, found.equal_no_match) == (1, 1, 1)
    assert found.conflicts == 1 and {*found.conflicting[0]} == {"甲", "乙"}
    assert not found.one_sided and found.doubtful is None
    assert (found.leaked, found.leaked_texts, found.leaking) == (None, None, [])


def test_one_sided_classes() -> None:
    pairs = separated(100)
    assert not data_faults(pairs).one_sided
    assert data_faults([one._replace(label=0) for one in pairs[:-1]] + pairs[-1:]).one_sided
    assert data_faults(pairs[:1]).one_sided


def test_what_training_saw() -> None:
    pairs = [pair("甲", "乙", 1), pair("甲", "乙", 1), pair("丙", "丁", 0), pair("戊", "己", 0)]
    found = data_faults(pairs, iter([("乙", "甲"), ("丙", "庚"), ("甲", "乙")]))
    assert (found.leaked, found.leaked_texts) == (2, 3)
    assert [{*leak} for leak in found.leaking] == [{"甲", "乙"}]
    assert data_faults(pairs, []).leaked == 0


def test_labels_that_were_exchanged_are_doubted_and_hardly_any_other() -> None:
    pairs = separated(400)
    assert data_faults(pairs).doubtful == 0
    wrong = set(range(7, 400, 60))
    pairs = [one._replace(label=1 - one.label) if k in wrong else one for k, one in enumerate(pairs)]
    found = data_faults(pairs)
    doubted = {k for k, one in enumerate(pairs) if any(one.text_a == doubt[0] for doubt in found.doubted)}
    assert len(doubted & wrong) >= 5 and len(doubted - wrong) <= 1
    probabilities = [doubt[3] for doubt in found.doubted]
    assert probabilities == sorted(probabilities) and probabilities[-1] <= DOUBTFUL


def test_a_label_has_no_say_in_its_own_probability() -> None:
    """A pair that stands twice is in one fold, whichever side comes first."""
    pairs = separated(200)
    first = label_probabilities(pairs)
    again = label_probabilities(pairs)
    assert first is not None and again is not None and first.tolist() == again.tolist()
    # A hundred copies of one wrong label do not make it probable.
    wrong = pair("同一句话甲", "同一句话乙", 0, 1.0)
    copies = [wrong._replace(text_a=wrong[k % 2], text_b=wrong[1 - k % 2]) for k in range(20)]
    found = label_probabilities([*pairs, *copies])
    assert found is not None and found[-20:].max() <= DOUBTFUL


def test_copies_of_a_pair_are_one_pair_to_doubt() -> None:
    """They are in one fold, and what is fitted on the others has never seen their class."""
    others = [one for one in separated(200) if one.label == 0]
    copies = [pair("花呗怎么还款", "怎样还花呗", 1, 0.9)] * 60
    assert data_faults(others + copies).doubtful is None
    assert data_faults([*others, *[one._replace(label=1) for one in copies]] * 2).doubtful is None


def test_too_few_pairs_of_a_class_doubt_nothing() -> None:
    pairs = separated(200)
    few = [one for one in pairs if one.label == 0] + [one for one in pairs if one.label == 1][: FEWEST - 1]
    assert label_probabilities(few) is None and data_faults(few).doubtful is None
