"""`textsim recipes`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import ok
from textsim.config.recipes import RECIPES


def test_recipes_lists_all() -> None:
    lines = ok("recipes").splitlines()
    assert [line.split()[0] for line in lines] == list(RECIPES)
    defaults = {line.split()[0]: line.split("[default for ")[1] for line in lines if "[default for " in line}
    assert defaults == {
        "bilstm-attention": "20,000 pairs and more]",
        "bilstm-few-pairs": "fewer than 20,000 pairs]",
        "bilstm-triplet": "triplets]",
        "vector-contrastive": "numeric vectors]",
    }


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_printed_recipe_can_be_given_back(name: str, tmp_path: Path) -> None:
    from textsim.config.recipes import build_recipe

    path = tmp_path / "recipe.json"
    path.write_text(ok("recipes", name), encoding="utf-8")
    assert build_recipe(config_file=path) == RECIPES[name]
