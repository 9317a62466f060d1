"""Two models on the same pairs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from tests.tiny_models import CHARACTERS, saved_model
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


def test_mcnemar() -> None:
    assert mcnemar(0, 0) == 1 and mcnemar(5, 5) == 1
    assert mcnemar(9, 1) == pytest.approx(binomtest(1, 10).pvalue)


def test_two_models(rows: Path) -> None:
    a, b = (TextMatcher(saved_model("word-vectors", seed)) for seed in (0, 3))
    found = compare(a, b, rows)
    pairs_a, pairs_b = (list(decided_pairs(matcher, rows)) for matcher in (a, b))
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
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)


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
    pairs = list(decided_pairs(matcher, rows))
    assert count == sum(pair.decision == ("no match" if pair.label else "match") for pair in pairs)
