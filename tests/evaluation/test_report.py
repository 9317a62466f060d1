"""The page: its content, and what a browser makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textsim.errors import InputError
from textsim.evaluation.calibration import calibration_metrics, cross_fit
from textsim.evaluation.errors import decided_pairs
from textsim.evaluation.report import pairs_of, report, report_page, score_content, text_content
from textsim.matching.decisions import decide
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
    found = report("zh-general", rows, rows.with_name("report.html"))
    assert (found.rows, found.encoding) == (len(LINES), "utf-8")
    return rows.with_name("report.html")


def test_content(rows: Path) -> None:
    matcher = TextMatcher.load("zh-general")
    pairs = decided_pairs(matcher, rows).pairs
    labels = np.array([pair.label for pair in pairs])
    content = json.loads(json.dumps(score_content(matcher.saved, labels, pairs)))
    assert sum(content["positive"]) == 3 and sum(content["negative"]) == 5
    counts = {name: (number, matches) for name, number, matches in content["decisions"]}
    for name in ("match", "unsure", "no match"):
        decided = [pair for pair in pairs if pair.decision == name]
        assert counts[name] == (len(decided), sum(pair.label for pair in decided))
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


def test_the_slider_counts_a_score_that_is_a_threshold() -> None:
    saved = TextMatcher.load("zh-general").saved
    scores = np.array([0, 0.0004, 0.29, 0.9996, 1, 1])
    content = score_content(saved, np.array([0, 0, 0, 0, 1, 1]), decide(saved, scores))
    for place in range(1001):
        assert sum(content["positive"][place:] + content["negative"][place:]) == np.sum(
            scores >= place / 1000
        )


def test_the_rejects_of_the_pairs_are_kept_beside_what_was_trained_on(rows: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.tsv"
    bad.write_text(rows.read_text(encoding="utf-8") + "只有一句\t\t1\n", encoding="utf-8")
    reading = {"on_bad_row": "skip", "rejects": tmp_path / "rejects.tsv"}
    found = report("zh-general", bad, tmp_path / "page.html", trained_on=rows, **reading)
    assert (found.rows, found.rejected) == (len(LINES), 1)
    assert "只有一句" in (tmp_path / "rejects.tsv").read_text(encoding="utf-8")


def test_what_is_read_is_not_replaced_and_rows_in_memory_are_read(rows: Path, tmp_path: Path) -> None:
    before = rows.read_bytes()
    for trained_on in (rows, None):
        with pytest.raises(InputError, match="would take the place of"):
            report("zh-general", rows if trained_on is None else LINES, rows, trained_on=trained_on)
    assert rows.read_bytes() == before
    assert report("zh-general", iter(LINES), tmp_path / "page.html", trained_on=LINES).rows == len(LINES)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '"file": "the rows"' in text and f'"leaked": {len(LINES)}' in text


def test_a_text_that_no_file_can_hold(tmp_path: Path) -> None:
    half = "\ud83d"
    report("zh-general", [*LINES, (f"怎么{half}退货", "怎么退货", 0)], tmp_path / "page.html")
    data = (tmp_path / "page.html").read_text(encoding="utf-8").split('id="data">')[1].split("</script>")[0]
    assert any(half in error["text_a"] for error in json.loads(data)["errors"])


def test_probabilities_of_pairs_that_chose_the_curve_are_those_of_curves_that_did_not_see_them() -> None:
    """As on the page beside a trained model."""
    rng = np.random.default_rng(0)
    labels, scores = rng.random(60) < 0.5, rng.random(60)
    saved = TextMatcher.load("zh-general").saved
    fitted = cross_fit(labels, scores)
    decisions = decide(saved, scores)
    held_out = [
        decision._replace(probability=float(probability))
        for decision, probability in zip(decisions, fitted.probabilities, strict=True)
    ]
    content = score_content(saved, labels, held_out)
    expected = calibration_metrics(labels, fitted.probabilities)
    assert (content["ece"], content["brier"]) == (expected.ece, expected.brier)
    assert content["brier"] > calibration_metrics(labels, fitted.calibration.probabilities(scores)).brier


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
    pairs = decided_pairs(matcher, rows).pairs
    scores, labels = np.array([pair.score for pair in pairs]), np.array([pair.label for pair in pairs])
    for threshold in (0.0, 0.3, 0.75, 1.0):
        tab.eval_on_selector(
            "#slider",
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }",
            round(1000 * threshold),
        )
        cells = tab.locator("#numbers td").all_inner_texts()
        match = scores >= threshold
        assert match.any()
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
    history[1]["val_auc"] = float("nan")
    decisions = decide(saved, scores)
    page = tmp_path / "report.html"
    page.write_text(
        report_page("型", "dev", score_content(saved, labels, decisions, history)), encoding="utf-8"
    )
    tab, _, errors = opened(browser, page)
    assert tab.locator("svg").count() == 5 and tab.locator("#texts").count() == 0
    assert [int(cell) for cell in tab.locator("#numbers td").all_inner_texts()[2:6]] == [1, 0, 1, 1]
    assert not errors
