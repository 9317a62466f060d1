"""README.md and CONTRIBUTING.md: short, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT


def test_readme_is_short_and_begins_in_chinese() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text) <= 9000
    assert re.match(r"\[[^\]]*中文[^\]]*\]\(docs/zh/index\.md\)\n", text)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    assert links
    for link in links:
        assert (ROOT / Path(link)).exists(), link
