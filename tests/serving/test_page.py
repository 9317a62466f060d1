"""The page in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving.conftest import build_index, servers
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher


@pytest.fixture(scope="module")
def index(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index that no test here changes."""
    return build_index(model, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def url(model: Path, index: Path) -> Iterator[str]:
    with servers(model, index.parent) as start:
        yield start("--index", str(index)).url


@pytest.fixture
def page(browser: Any, url: str) -> Iterator[Any]:
    """The page at phone width, in Chinese; a request to another host fails the test."""
    context = browser.new_context(
        locale="zh-CN", viewport={"width": 390, "height": 800}, accept_downloads=True
    )
    opened = context.new_page()
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    errors: list[Any] = []
    opened.on("pageerror", lambda error: errors.append(error))
    opened.goto(url)
    yield opened
    assert not errors
    assert asked and all(address.startswith((url, "blob:")) for address in asked)
    context.close()


def test_two_texts_are_compared_and_explained(page: Any, model: Path) -> None:
    page.fill("#text-a", "花呗怎么还款")
    page.fill("#text-b", "怎样还<b>花呗")
    page.click("#pair-form button")
    page.wait_for_selector("#pair-result:not([hidden])")
    expected = TextMatcher.load(model).explain("花呗怎么还款", "怎样还<b>花呗")
    assert page.inner_text("#score") == f"{expected.score:.4f}"
    words = {"match": "匹配", "unsure": "不确定", "no match": "不匹配"}
    assert page.inner_text("#decision") == words[expected.decision]
    shown = [text.split("\n")[0] for text in page.locator("#tokens-b .token").all_inner_texts()]
    assert (
        shown == [token.token for token in expected.tokens_b] and page.locator("#pair-result b").count() == 0
    )
    page.click("summary")
    assert page.locator("#matrix td").count() == 1 + expected.matrix.size
    # Nothing is wider than a phone.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.click("#language")
    assert page.inner_text("#pair-form button") == "Compare" and page.get_attribute("html", "lang") == "en"


def test_search_answers_or_says_it_does_not_know(page: Any, model: Path, index: Path) -> None:
    # Tabs by the keyboard alone.
    page.focus("#tab-pair")
    page.keyboard.press("ArrowRight")
    page.fill("#query", "花呗怎么还款")
    page.keyboard.press("Enter")
    page.wait_for_selector("#hits li")
    assert "在账单页还款。" in page.inner_text("#hits li >> nth=0") and page.is_hidden("#unknown")
    with TextIndex.open(index, TextMatcher.load(model)) as opened:
        characters = "花呗怎么还款样今天气明你好吗不是我的了一二三"
        unknown = next(text for text in characters if opened.search(text, 1)[0].decision == "no match")
    page.fill("#query", unknown)
    page.keyboard.press("Enter")
    page.wait_for_selector("#unknown:not([hidden])")
    assert "不知道" in page.inner_text("#unknown")


def test_a_file_is_scored_with_a_threshold_and_downloaded(page: Any, model: Path, tmp_path: Path) -> None:
    page.click("#tab-table")
    pairs = [
        ("花呗怎么还款", "怎样还花呗", 1),
        ("今天天气", "你好吗", 0),
        ("我", "我", 1),
        ("一,二", "三", 0),
    ]
    source = tmp_path / "pairs.csv"
    lines = ["text_a,text_b,label", *(f'"{a}","{b}",{label}' for a, b, label in pairs), "空,,1"]
    source.write_bytes("\r\n".join(lines).encode("gb18030"))
    page.set_input_files("#file", source)
    page.wait_for_function("document.getElementById('rows').value.includes('花呗')")
    page.click("#score-rows")
    page.wait_for_selector("#download:not([hidden])")
    assert "4 行" in page.inner_text("#progress-text") and "略去 1 行" in page.inner_text("#progress-text")
    with page.expect_download() as download:
        page.click("#download")
    rows = [row.split("\t") for row in download.value.path().read_text(encoding="utf-8-sig").splitlines()]
    matcher = TextMatcher.load(model)
    assert rows[0] == ["text_a", "text_b", "score", "probability", "decision", "label"]
    scores = [matcher.score(a, b) for a, b, _ in pairs]
    assert [float(row[2]) for row in rows[1:]] == pytest.approx(scores, abs=1e-6)
    for threshold in (0.0, 0.5, 1.0):
        page.evaluate(
            "value => { const s = document.getElementById('threshold'); s.value = value;"
            " s.dispatchEvent(new Event('input')); }",
            threshold,
        )
        judged = [score >= threshold for score in scores]
        right = sum(was == bool(label) for was, (_, _, label) in zip(judged, pairs, strict=True))
        assert page.inner_text("#at-pairs") == f"{sum(judged)} / 4"
        assert page.inner_text("#at-accuracy") == f"{100 * right / 4:.1f} %"


def test_the_model_s_card_and_what_goes_wrong(page: Any) -> None:
    page.click("#tab-model")
    page.wait_for_function("document.getElementById('card').textContent.includes('#')")
    page.click("#tab-pair")
    page.fill("#text-a", "\u200b")
    page.click("#pair-form button")
    page.wait_for_selector("#problem:not([hidden])")
    assert "422" in page.inner_text("#problem")
