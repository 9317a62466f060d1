"""Every code block that a reader may copy runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, RUN, SHOWN, code, languages, run_page

CHINESE = sorted((ROOT / "docs" / "zh").rglob("*.md"))
ENGLISH = sorted((ROOT / "docs" / "en").rglob("*.md"))
OTHERS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md") if (ROOT / name).exists()]


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [*OTHERS, *CHINESE], ids=_name)
def test_blocks_run(
    page: Path,
    stage: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own_registries: None,
    one_epoch: None,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    run_page(page, stage, sys.path)


@pytest.mark.parametrize("page", ENGLISH, ids=_name)
def test_both_languages_show_the_same_code(page: Path) -> None:
    # So that it is enough to run the Chinese pages.
    assert code(page) == code(ROOT / "docs" / "zh" / page.relative_to(ROOT / "docs" / "en"))


def test_both_languages_have_the_same_pages() -> None:
    names = [
        [page.relative_to(ROOT / "docs" / language) for page in pages]
        for language, pages in (("zh", CHINESE), ("en", ENGLISH))
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize("page", [*OTHERS, *CHINESE, *ENGLISH], ids=_name)
def test_every_block_says_its_language(page: Path) -> None:
    assert not [
        (line, language)
        for line, language in languages(page)
        if language not in (*RUN, *SHOWN) and not language.startswith("{")
    ]
