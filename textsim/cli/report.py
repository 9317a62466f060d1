"""A model on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from textsim.cli.options import FILE, OUTPUT, given, label_options, model_argument, option, reading_options
from textsim.cli.terminal import command, echo_notes


@command()
@model_argument
@click.argument("file", metavar="FILE", type=FILE)
@option("--out", type=OUTPUT, metavar="PAGE", default="report.html", help="The page to write.")
@option(
    "--trained-on",
    type=FILE,
    metavar="FILE",
    help="What MODEL was trained on: which of FILE has it seen?",
)
@label_options
@reading_options
def report(model: str, file: Path, out: Path, trained_on: Path | None, **options: Any) -> None:
    """Write a page about a model on the labelled pairs of FILE.

    ROC, precision and recall, reliability, a slider that shows what each threshold costs, the most confident errors
    with their explanations, results by length, overlap and kind, and the faults of the data. In Chinese and English;
    it needs nothing from elsewhere.

    \b
    Examples:
      textsim report zh-general dev.tsv --out report.html
      textsim report model dev.tsv --trained-on train.tsv
    """
    from textsim.evaluation.report import report as write
    from textsim.io.paths import as_text

    found = write(model, file, out, trained_on=trained_on, **given(**options))
    click.echo(f"page: {as_text(out)}")
    echo_notes(found)
