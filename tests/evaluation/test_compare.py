"""Two models on the same pairs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from tests.tiny_models import CHARACTERS, saved_model
from textsim.errors import DataFormatError, InputError
from textsim.evaluation.compare import compare, mcnemar, paired_interval
from textsim.evaluation.errors import decided_pairs, write_errors
from textsim.matching.text_matcher import TextMatcher


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    texts = [["".join(rng.choice(list(CHARACTERS), rng.integers(2, 8))) for _ in range(2)] for _ in range(80)]
    lines = [f"{a}\t{b}\t{rng.integers(2)}\n" for a, b in texts]
    path = tmp_path / "对.tsv"
    path.write_text("text_a\ttext_b\tlabel\n" + "".join(lines), encoding="utf-8")
    return path


def test_the_interval_is_that_of_resampled_pairs() -> None:
    rng = np.random.default_rng(1)
    right_a, right_b = rng.random(300) < 0.8, rng.random(300) < 0.7
    low, high = paired_interval(right_a, right_b)
    places = rng.integers(0, 300, (3000, 300))
    differences = right_a[places].mean(axis=1) - right_b[places].mean(axis=1)
    assert (low, high) == pytest.approx(tuple(np.percentile(differences, [2.5, 97.5])), abs=0.01)


@pytest.mark.parametrize(("pairs", "alone"), [(20, (0, 0)), (100, (4, 0)), (400, (0, 3)), (60, (2, 1))])
def test_few_pairs_that_differ_show_no_difference(pairs: int, alone: tuple[int, int]) -> None:
    """The interval and the test do not contradict each other."""
    right_a, right_b = np.ones((2, pairs), bool)
    right_b[: alone[0]] = False
    right_a[alone[0] : sum(alone)] = False
    low, high = paired_interval(right_a, right_b)
    assert mcnemar(*alone) > 0.1 and low <= 0 <= high and low < high
    assert low <= (alone[0] - alone[1]) / pairs <= high


def test_the_interval_holds_what_it_is_of() -> None:
    """Of a hundred pairs on which models rarely differ: at least 93 of 100 intervals hold the true difference."""
    rng = np.random.default_rng(0)
    held = []
    for seed in range(300):
        kind = rng.choice(3, 100, p=[0.02, 0.01, 0.97])
        low, high = paired_interval(kind != 1, kind != 0, seed)
        held.append(low <= 0.01 <= high)
    assert np.mean(held) >= 0.93


def test_mcnemar() -> None:
    assert mcnemar(0, 0) == 1 and mcnemar(5, 5) == 1
    assert mcnemar(9, 1) == pytest.approx(binomtest(1, 10).pvalue)


def test_two_models(rows: Path) -> None:
    a, b = (TextMatcher(saved_model("word-vectors", seed)) for seed in (0, 3))
    found = compare(a, b, rows)
    pairs_a, pairs_b = (decided_pairs(matcher, rows).pairs for matcher in (a, b))
    right = [
        [(pair.score >= matcher.threshold) == (pair.label >= 0.5) for pair in pairs]
        for matcher, pairs in ((a, pairs_a), (b, pairs_b))
    ]
    assert found.difference == pytest.approx(np.mean(right[0]) - np.mean(right[1]))
    assert found.only_a == sum(x and not y for x, y in zip(*right, strict=True))
    assert found.low <= found.difference <= found.high
    values = json.loads(json.dumps(found.to_dict()))
    assert values["a"]["accuracy"] == pytest.approx(np.mean(right[0]))
    assert {"a", "b", "difference", "low", "high", "p_value"} <= set(values)
    assert all(pair in pairs_b for pair in found.examples["only_a"])
    same = compare(a, a, rows)
    # That two models agree on all of 80 pairs does not show that they always do.
    assert (same.difference, same.p_value) == (0, 1) and -0.1 < same.low < 0 < same.high < 0.1


def test_rows_in_memory_are_read_by_both_models(rows: Path) -> None:
    matcher = TextMatcher(saved_model("word-vectors"))
    cells = [line.split("\t") for line in rows.read_text(encoding="utf-8").splitlines()[1:]]
    found = compare(matcher, matcher, ((a, b, int(label)) for a, b, label in cells))
    assert found.to_dict() == compare(matcher, matcher, rows).to_dict()
    assert found.report.rows == len(cells)
    with pytest.raises(InputError, match="-: each model reads the labelled pairs"):
        compare(matcher, matcher, "-")


def test_no_pairs_are_left(tmp_path: Path) -> None:
    """What is empty once it is normalized is refused by the model, after the reader has counted it."""
    path = tmp_path / "empty.tsv"
    path.write_text("text_a\ttext_b\tlabel\n\u200b\t\u200b\t1\n", encoding="utf-8")
    matcher = TextMatcher(saved_model("word-vectors"))
    with pytest.raises(DataFormatError, match=r"empty\.tsv: expected labelled pairs\. Found none"):
        compare(matcher, matcher, path, on_bad_row="skip")


def test_errors_are_written_with_the_most_confident_first(rows: Path, tmp_path: Path) -> None:
    saved = saved_model("word-vectors")
    calibration = saved.calibration.model_copy(update={"no_match_below": 0.2})
    matcher = TextMatcher(dataclasses.replace(saved, threshold=0.4, calibration=calibration))
    count = write_errors(matcher, rows, tmp_path / "errors.tsv")
    header, *lines = (tmp_path / "errors.tsv").read_text(encoding="utf-8").splitlines()
    assert header == "text_a\ttext_b\tlabel\tscore\tprobability\tdecision"
    cells = [line.split("\t") for line in lines]
    assert len(cells) == count > 0
    assert all((cell[5] == "match") == (float(cell[2]) < 0.5) and cell[5] != "unsure" for cell in cells)
    confidence = [float(cell[4]) if cell[5] == "match" else 1 - float(cell[4]) for cell in cells]
    assert confidence == sorted(confidence, reverse=True)
    pairs = decided_pairs(matcher, rows).pairs
    assert count == sum(pair.decision == ("no match" if pair.label else "match") for pair in pairs)
