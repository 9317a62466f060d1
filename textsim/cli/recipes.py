"""The named recipes."""

from __future__ import annotations

import click

from textsim.cli.options import complete_recipe
from textsim.cli.terminal import command


@command()
@click.argument("name", required=False, shell_complete=complete_recipe)
def recipes(name: str | None) -> None:
    """List the named recipes, or print one as JSON.

    Edited, it can be given to `textsim train --config`.

    \b
    Examples:
      textsim recipes
      textsim recipes bilstm-manhattan > mine.json
    """
    from textsim.config.recipes import FEW_PAIRS, RECIPES, build_recipe, default_recipe

    if name is not None:
        click.echo(build_recipe(name).to_json())
        return
    width = max(map(len, RECIPES))
    default_for = {
        default_recipe("pairs", FEW_PAIRS): f"{FEW_PAIRS:,} pairs and more",
        default_recipe("pairs", 0): f"fewer than {FEW_PAIRS:,} pairs",
        default_recipe("triplets", 0): "triplets",
        default_recipe("vectors", 0): "numeric vectors",
    }
    for key, recipe in RECIPES.items():
        note = f" [default for {default_for[key]}]" if key in default_for else ""
        click.echo(f"{key:<{width}}  {recipe.description}{note}")
