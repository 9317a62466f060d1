"""The models at hand: those that come with textsim, and what a folder holds."""

from __future__ import annotations

import click

from textsim.cli.options import model_argument, option
from textsim.cli.terminal import command


@command()
@option("--names", is_flag=True, help="The names alone, one a line.")
def models(names: bool) -> None:
    """List the models that come with textsim.

    Their names may stand wherever MODEL does."""
    from textsim.artifacts.pretrained import bundled_models
    from textsim.artifacts.saved_model import CARD

    for name, folder in bundled_models().items():
        if names:
            click.echo(name)
            continue
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        card = (folder / CARD).read_text(encoding="utf-8").splitlines()
        about = next((line for line in card if line and not line.startswith("#")), "")
        click.echo(f"{name}  {size / 1e6:.1f} MB  {about}")


@command()
@model_argument
def info(model: str) -> None:
    """Check a model's files and print its card.

    \b
    Example:
      textsim info zh-general
    """
    from textsim.artifacts.pretrained import find_model
    from textsim.artifacts.saved_model import CARD, load_model
    from textsim.io.paths import as_text

    folder = find_model(model)
    load_model(folder)
    click.echo((folder / CARD).read_text(encoding="utf-8"))
    click.echo(f"{as_text(folder)}: every file is there and unaltered.")
