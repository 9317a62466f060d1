"""The site builds, and its pages need nothing but the site."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from tests.docs.blocks import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site: what TEXTSIM_SITE names, or else built here."""
    if "TEXTSIM_SITE" in os.environ:
        return Path(os.environ["TEXTSIM_SITE"])
    out = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, ROOT / "docs" / "build.py", out], capture_output=True, encoding="utf-8", timeout=240
    )
    assert built.returncode == 0, built.stderr
    return out


class _References(HTMLParser):
    """What a page loads, what it links to, and the anchors in it."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values.get("id", "")}
        if tag == "a":
            self.links.append(values.get("href", ""))
            return
        for name in ("src", "srcset", "data", "poster", "action"):
            if name in values:
                self.loads.append(values[name])
        if tag == "link":
            self.loads.append(values["href"])


def _read(page: Path) -> _References:
    references = _References()
    references.feed(page.read_text(encoding="utf-8"))
    return references


def _pages(site: Path) -> Iterator[Path]:
    return site.rglob("*.html")


def test_both_languages_are_there(site: Path) -> None:
    for name in ("index.html", "zh/index.html", "en/index.html", "zh/search.html"):
        assert (site / name).stat().st_size > 300
    assert 'lang="zh-CN"' in (site / "zh" / "index.html").read_text(encoding="utf-8")


def test_chinese_pages_have_chinese_buttons(site: Path) -> None:
    page = (site / "zh" / "start.html").read_text(encoding="utf-8")
    assert "上一页" in page and "本页目录" in page
    assert not re.findall(r"\b(?:Previous|Next|On this page|Back to top)\b", page)


def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    for page in _pages(site):
        for load in _read(page).loads:
            parts = urlsplit(load)
            assert parts.scheme in ("", "data") and not parts.netloc, f"{page}: loads {load}"
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        loads = re.findall(r"(?:url\(|@import)\s*[\"']?(?!data:|#)([^\"')\s;]+)", text)
        assert not [load for load in loads if "//" in load], style
    for script in site.rglob("*.js"):
        text = script.read_text(encoding="utf-8")
        assert not re.findall(
            r"(?:fetch|importScripts|import|\.open|\.src\s*=)\s*\(?\s*[\"'`](?:https?:)?//", text
        ), script


def test_links_within_the_site_lead_somewhere(site: Path) -> None:
    known = {page: _read(page) for page in _pages(site)}
    for page, references in known.items():
        for link in [*references.links, *references.loads]:
            target, anchor = urldefrag(link)
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert file.exists(), f"{page}: {link}"
            if anchor and file in known:
                assert unquote(anchor) in known[file].anchors, f"{page}: {link}"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The address of the site, served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("zh/search.html?q=怎么定阈值", "阈值怎么定"),
        ("zh/search.html?q=Keras 脚本", "从 Keras 脚本迁移"),
        ("en/search.html?q=threshold", "How to choose a threshold"),
    ],
)
def test_search_finds_the_page(browser: Any, address: str, query: str, found: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    errors: list[Any] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(address + query)
    page.locator("#search-results li a", has_text=found).first.wait_for(state="attached", timeout=60_000)
    assert not errors
    assert all(url.startswith((address, "data:")) for url in asked)
    page.close()
