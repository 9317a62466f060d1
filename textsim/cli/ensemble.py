"""Several models to one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from textsim.cli.options import (
    complete_model,
    folder_options,
    given,
    labelled_row_options,
    option,
    quiet_option,
)
from textsim.cli.terminal import command, echo_notes


@command()
@click.argument("members", metavar="MODEL...", nargs=-1, required=True, shell_complete=complete_model)
@option(
    "--dev",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE",
    help="Labelled rows on which the threshold is chosen, a data file or a dataset folder: those of validation.",
)
@folder_options("MODEL")
@quiet_option
@labelled_row_options
def ensemble(
    members: tuple[str, ...], dev: Path, out: Path, overwrite: bool, quiet: bool, **options: Any
) -> None:
    """Join trained models into one that scores by their mean.

    Trained alike but for their seeds, several models are together more accurate than each, and take as long as all of
    them. The joined model stands wherever a model does, `mine --teacher` among others.

    \b
    Example:
      textsim train dataset --out first --seed 1
      textsim train dataset --out second --seed 2
      textsim train dataset --out third --seed 3
      textsim ensemble first second third --dev dataset --out model
    """
    from textsim.training.ensemble import ensemble as join

    result = join(members, dev, out, overwrite=overwrite, **given(**options))
    if not quiet:
        click.echo(result.summary())
    echo_notes(result.report)
