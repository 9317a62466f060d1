"""The API pages hold every public name, the page of commands every command."""

from __future__ import annotations

import re

import pytest

import textsim
from tests.docs.blocks import ROOT
from textsim.cli.main import Commands


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_public_name_is_there(language: str) -> None:
    text = (ROOT / "docs" / language / "api.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^\.\. \w+:: textsim\.(\w+)$", text, re.MULTILINE))
    assert shown == set(textsim.__all__) - {"__version__"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_command_is_there(language: str) -> None:
    text = (ROOT / "docs" / language / "guide" / "commands.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\|[^|]*\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted(shown) == Commands().list_commands(None)  # type: ignore[arg-type]
