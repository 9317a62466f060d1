"""The page: its content, and what a browser makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textsim.evaluation.errors import decided_pairs
from textsim.evaluation.report import (
    pairs_of,
    report_page,
    score_content,
    text_content,
    write_report,
)
from textsim.matching.text_matcher import TextMatcher

LINES = [
    ("花呗怎么还款", "怎样还花呗", 1),
    ("怎样还花呗", "花呗怎么还款", 0),
    ("怎么退货", "怎么退货", 0),
    ("<b>怎么</b>退货", "退货的流程是什么", 1),
    ("今天天气怎么样", "明天几点开会", 0),
    ("手机怎么卖", "手机怎么买", 0),
    ("如何修改密码", "密码怎么改", 1),
    ("如何修改密码", "怎么注销账号", 0),
]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "对.tsv"
    lines = [f"{a}\t{b}\t{label}\n" for a, b, label in LINES]
    path.write_text("text_a\ttext_b\tlabel\n" + "".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page(rows: Path) -> Path:
    write_report("zh-general", rows, rows.with_name("report.html"))
    return rows.with_name("report.html")


def test_content(rows: Path) -> None:
    matcher = TextMatcher.load("zh-general")
    pairs = list(decided_pairs(matcher, rows))
    labels, scores = (np.array([getattr(pair, name) for pair in pairs]) for name in ("label", "score"))
    content = json.loads(json.dumps(score_content(matcher.saved, labels, scores)))
    assert sum(content["positive"]) == 3 and sum(content["negative"]) == 5
    assert content["roc"][0] == [0, 0] and content["roc"][-1] == [1, 1] and 0 <= content["auc"] <= 1
    assert content["history"] == []
    content = json.loads(json.dumps(text_content(matcher, pairs, pairs_of(rows))))
    for by in ("length", "overlap", "unknown"):
        assert sum(part["pairs"] for part in content["slices"] if part["by"] == by) == len(LINES)
    assert len(content["contrast"]) > 15
    assert content["faults"]["leaked"] == len(LINES) and content["faults"]["conflicts"] == 1
    for error in content["errors"]:
        assert (error["decision"] == "match") == (error["label"] == 0)
        assert "".join(token for token, _ in error["tokens_a"])


def test_a_text_cannot_end_the_script(page: Path) -> None:
    data = page.read_text(encoding="utf-8").split('id="data">')[1].split("</script>")[0]
    assert "<" not in data and json.loads(data)["file"] == "对.tsv"


def opened(browser: Any, page: Path) -> tuple[Any, list[str], list[Any]]:
    """A tab with a page, what it asks for and what goes wrong in it."""
    requests: list[str] = []
    errors: list[Any] = []
    tab = browser.new_page()
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("pageerror", lambda error: errors.append(error))
    tab.goto(page.as_uri())
    return tab, requests, errors


def test_in_a_browser(browser: Any, page: Path, rows: Path) -> None:
    tab, requests, errors = opened(browser, page)
    matcher = TextMatcher.load("zh-general")
    pairs = list(decided_pairs(matcher, rows))
    scores, labels = np.array([pair.score for pair in pairs]), np.array([pair.label for pair in pairs])
    for threshold in (0.0, 0.3, 0.75, 1.0):
        tab.eval_on_selector(
            "#slider",
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }",
            round(1000 * threshold),
        )
        cells = tab.locator("#numbers td").all_inner_texts()
        # A score of exactly 1 is counted in the last thousandth.
        match = scores >= threshold if threshold < 1 else np.zeros(len(scores), bool)
        expected = [
            np.sum(match & (labels == 1)),
            np.sum(match & (labels == 0)),
            np.sum(~match & (labels == 1)),
        ]
        assert [int(cell) for cell in cells[2:5]] == expected
    assert tab.locator("svg").count() == 4
    assert tab.locator("#title").inner_text() == "zh-general · 对.tsv"
    assert "1 对的标签自相矛盾" in tab.locator("#faults").inner_text()
    tab.click("#language")
    assert tab.locator("html").get_attribute("lang") == "en"
    assert "What training saw was not given" in tab.locator("#faults").inner_text()
    assert not errors and requests == [page.as_uri()]


def test_a_page_of_scores_alone_and_with_training_curves(browser: Any, tmp_path: Path) -> None:
    saved = TextMatcher.load("zh-general").saved
    labels, scores = np.array([0, 1, 1]), np.array([0.2, 0.4, 0.9])
    history = [{"epoch": epoch, "loss": 1 / epoch, "val_loss": 2 / epoch} for epoch in (1, 2, 3)]
    page = tmp_path / "report.html"
    page.write_text(report_page("型", "dev", score_content(saved, labels, scores, history)), encoding="utf-8")
    tab, _, errors = opened(browser, page)
    assert tab.locator("svg").count() == 5 and tab.locator("#texts").count() == 0
    assert [int(cell) for cell in tab.locator("#numbers td").all_inner_texts()[2:6]] == [1, 0, 1, 1]
    assert not errors
