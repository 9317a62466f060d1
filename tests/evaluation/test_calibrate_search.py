"""Calibration of first hits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command_line import ok, run
from textsim.artifacts.saved_model import load_model
from textsim.errors import InputError
from textsim.evaluation.calibrate_search import fit_search
from textsim.evaluation.calibration import calibration_metrics
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher


def test_the_probabilities_that_hits_were_drawn_by_are_found() -> None:
    random = np.random.default_rng(0)
    scores, margins, cosines = random.random(6000), random.random(6000), random.uniform(-1, 1, 6000)
    log_odds = np.log(scores / (1 - scores)) + 3 * margins + 2 * cosines - 1
    right = random.random(6000) < 1 / (1 + np.exp(-log_odds))
    fit = fit_search(right, scores, margins, cosines)
    curve = fit.curve
    found = (curve.score, curve.margin, curve.cosine, curve.intercept)
    assert found == pytest.approx((1, 3, 2, -1), abs=0.25)
    assert fit.metrics.ece < 0.03 and fit.curve.min_probability == 0.5
    sure = fit_search(right, scores, margins, cosines, precision=0.95)
    assert sure.reachable and sure.precision is not None and sure.precision > 0.95
    assert sure.curve.min_probability > 0.5 and sure.accepted < fit.accepted
    assert not fit_search(right[:50], scores[:50], margins[:50], cosines[:50], precision=0.99).reachable


def test_no_query_has_a_say_in_its_own_metrics() -> None:
    """Scores that tell nothing: fitted on so few queries, a curve is sure of them, and of no other."""
    random = np.random.default_rng(1)
    right = random.random(40) < 0.5
    hits = random.random(40), random.random(40), random.uniform(-1, 1, 40)
    fit = fit_search(right, *hits)
    seen = calibration_metrics(right, fit.curve(*hits))
    assert fit.metrics.brier > seen.brier and fit.metrics.log_loss > seen.log_loss


@pytest.mark.parametrize("wrong", [{"precision": 1.0}, {"precision": float("nan")}, {"confidence": 0.0}])
def test_targets_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=rf"{next(iter(wrong))}: expected a fraction in \(0, 1\)"):
        fit_search(np.array([True, False]), *np.full((3, 2), 0.5), **wrong)


@pytest.mark.parametrize("header", ["text\tid", "问题\t编号"])
def test_the_command(tmp_path: Path, header: str) -> None:
    rows = [
        {"id": "a", "text": "怎么退货"},
        {"id": "b", "text": "花呗怎么还款"},
        {"id": "c", "text": "怎么改密码"},
    ]
    with TextIndex.build(TextMatcher.load("zh-general"), rows, tmp_path / "faq.index"):
        pass
    queries = tmp_path / "queries.tsv"
    lines = [
        "如何退货\ta",
        "怎样还花呗\tb",
        "如何修改密码\tc",
        "今天天气怎么样\t",
        "明天几点开会\t",
        "你是谁\t",
    ]
    queries.write_text(f"{header}\n" + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    arguments = ("calibrate", "zh-general", queries, "--search", tmp_path / "faq.index")
    values = json.loads(ok(*arguments, "--out", tmp_path / "model", "--json"))
    assert values["queries"] == 6 and values["right"] == 0.5
    search = load_model(tmp_path / "model").calibration.search
    assert search is not None and search.queries == 6
    assert run(*arguments, "--match-precision", "0.99").exit_code == 3
    # The index lies in what would be replaced.
    refused = run(*arguments, "--out", tmp_path, "--overwrite")
    assert refused.exit_code == 2 and "would take the place of" in refused.stderr
    with queries.open("a", encoding="utf-8") as file:
        file.write("\td\n")
    skipped = run(*arguments, "--on-bad-row", "skip")
    assert skipped.exit_code == 0 and "1 bad rows left out (line 8)" in skipped.stderr
    assert run(*arguments, "--best-f1").exit_code == 2
