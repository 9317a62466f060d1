"""The page: its content, and what a browser makes of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textsim.evaluation.errors import DecidedPair, decided_pairs
from textsim.evaluation.report import data_faults, report_content, write_report
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
    content = json.loads(json.dumps(report_content("zh-general", rows)))
    assert sum(content["positive"]) == 3 and sum(content["negative"]) == 5
    assert content["roc"][0] == [0, 0] and content["roc"][-1] == [1, 1] and 0 <= content["auc"] <= 1
    assert sum(part["pairs"] for part in content["slices"] if part["by"] == "length") == len(LINES)
    assert len(content["contrast"]) > 15 and content["history"] == []
    for error in content["errors"]:
        assert (error["decision"] == "match") == (error["label"] == 0)
        assert "".join(token for token, _ in error["tokens_a"])


def test_faults_of_the_data() -> None:
    def pair(a: str, b: str, label: float, probability: float = 0.5) -> DecidedPair:
        return DecidedPair(a, b, label, 0.5, probability, "match" if probability >= 0.5 else "no match")

    found = data_faults(
        [pair("甲", "乙", 1), pair("乙", "甲", 0), pair("丙", "丙", 0), pair("丁", "戊", 0, 0.99)]
    )
    assert found["duplicates"] == 1 and [set(key) for key in found["conflicts"]] == [{"甲", "乙"}]
    assert found["equal_texts_no_match"] == 1 and not found["one_class"]
    assert found["suspicious"] == [["丁", "戊", 0, 0.99]]
    assert data_faults([pair("甲", "乙", 1)])["one_class"]


def test_a_text_cannot_end_the_script(page: Path) -> None:
    data = page.read_text(encoding="utf-8").split('id="data">')[1].split("</script>")[0]
    assert "<" not in data and json.loads(data)["file"] == "对.tsv"


def test_in_a_browser(page: Path, rows: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no Chromium")
    requests: list[str] = []
    errors: list[Any] = []
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("pageerror", lambda error: errors.append(error))
        tab.goto(page.as_uri())
        numbers = "#numbers td"
        matcher = TextMatcher.load("zh-general")
        pairs = list(decided_pairs(matcher, rows))
        scores, labels = np.array([pair.score for pair in pairs]), np.array([pair.label for pair in pairs])
        for threshold in (0.0, 0.3, 0.75, 1.0):
            tab.eval_on_selector(
                "#slider",
                "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }",
                round(1000 * threshold),
            )
            cells = tab.locator(numbers).all_inner_texts()
            # A score of exactly 1 is counted in the last thousandth.
            match = scores >= threshold if threshold < 1 else np.zeros(len(scores), bool)
            expected = [
                np.sum(match & (labels == 1)),
                np.sum(match & (labels == 0)),
                np.sum(~match & (labels == 1)),
            ]
            assert [int(cell) for cell in cells[2:5]] == expected
        assert tab.locator("svg").count() == 4
        shown = tab.locator("#title").inner_text()
        tab.click("#language")
        assert tab.locator("html").get_attribute("lang") == "en"
        browser.close()
    assert shown == "zh-general · 对.tsv"
    assert not errors and requests == [page.as_uri()]
