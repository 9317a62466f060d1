"""A threshold chosen on pairs of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from textsim.cli.options import (
    OUTPUT,
    ROWS,
    given,
    labelled_row_options,
    model_argument,
    option,
    simplify_option,
)
from textsim.cli.terminal import command, echo_notes, format_json


@command()
@model_argument
@click.argument("file", metavar="FILE", type=ROWS)
@option("--out", type=OUTPUT, metavar="MODEL", help="Write the model with the chosen threshold here.")
@option("--overwrite", is_flag=True, help="Replace that model if it is there.")
@option(
    "--min-precision",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="P",
    help="Choose the lowest threshold at which at least this share of the pairs judged the same are, in place of the "
    "most accurate one.",
)
@simplify_option()
@option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@labelled_row_options
def threshold(
    model: str, file: Path, out: Path | None, overwrite: bool, as_json: bool, **options: Any
) -> None:
    """Choose a model's threshold anew, on labelled pairs of your own.

    Nothing is trained. A model that meets another domain often ranks its pairs well and cuts them badly: a few hundred
    labelled pairs are enough to tell. Beside the figures on those pairs stands what to expect of pairs that had no say
    in the choice.

    \b
    Examples:
      textsim threshold zh-general mine.tsv
      textsim threshold zh-general mine.tsv --out model
      textsim threshold zh-general mine.tsv --min-precision 0.95 --out model
    """
    from textsim.evaluation.thresholds import fit_threshold
    from textsim.io.paths import as_text

    fit = fit_threshold(model, file, out, overwrite=overwrite, **given(**options))
    click.echo(format_json(fit.to_dict()) if as_json else fit.format())
    if out is not None and not as_json:
        click.echo(f"model: {as_text(out)}")
    echo_notes(fit.report)
