"""Calibration of first hits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.cli.command_line import ok, run
from textsim.artifacts.saved_model import load_model
from textsim.errors import InputError
from textsim.evaluation.calibrate_search import calibrate_search, fit_search
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


ENTRIES = [("怎么退货", "a"), ("花呗怎么还款", "b"), ("怎么改密码", "c")]
QUERIES = [
    ("如何退货", "a"),
    ("怎样还花呗", "b"),
    ("如何修改密码", "c"),
    ("今天天气怎么样", None),
    ("明天几点开会", None),
    ("你是谁", None),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("index") / "faq.index"
    rows = [{"id": id, "text": text} for text, id in ENTRIES]
    with TextIndex.build(TextMatcher.load("zh-general"), rows, path):
        return path


@pytest.mark.parametrize("kind", ["frame", "columns", "records", "iterator"])
def test_queries_in_memory(index: Path, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "queries.tsv"
    file.write_text("text\tid\n" + "".join(f"{text}\t{id or ''}\n" for text, id in QUERIES), encoding="utf-8")
    records = [{"text": text, "id": id} for text, id in QUERIES]
    source: Any = {
        "frame": pd.DataFrame(records),
        "columns": {"text": [text for text, _ in QUERIES], "id": [id for _, id in QUERIES]},
        "records": records,
        "iterator": iter(records),
    }[kind]
    found = calibrate_search("zh-general", index, source, tmp_path / "model")
    assert found.to_dict() == calibrate_search("zh-general", index, file).to_dict()
    assert load_model(tmp_path / "model").calibration.search == found.curve


def test_queries_in_memory_that_are_of_one_kind(index: Path) -> None:
    with pytest.raises(InputError, match=r"^the data frame: expected queries whose first hit is right"):
        calibrate_search("zh-general", index, pd.DataFrame({"text": ["你是谁"], "id": [None]}))


@pytest.mark.parametrize("header", ["text\tid", "问题\t编号"])
def test_the_command(tmp_path: Path, header: str) -> None:
    rows = [{"id": id, "text": text} for text, id in ENTRIES]
    with TextIndex.build(TextMatcher.load("zh-general"), rows, tmp_path / "faq.index"):
        pass
    queries = tmp_path / "queries.tsv"
    lines = [f"{text}\t{id or ''}\n" for text, id in QUERIES]
    queries.write_text(f"{header}\n" + "".join(lines), encoding="utf-8")
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
