"""A model judged on labelled rows."""

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
@option(
    "--errors",
    type=OUTPUT,
    metavar="FILE",
    help="Write the pairs that are decided wrongly here, the most confident first.",
)
@simplify_option()
@option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@labelled_row_options
def evaluate(
    model: str, file: Path, errors: Path | None, simplify: bool, as_json: bool, **options: Any
) -> None:
    """Judge a model on labelled rows.

    FILE is a data file, - for standard input, or a dataset folder. Accuracy is given at 0.5 and at the model's
    saved threshold, which is never chosen on FILE, and beside the accuracy of always guessing the larger class.

    \b
    Examples:
      textsim evaluate model dev.tsv
      textsim evaluate zh-general dev.csv --columns query,question,same --json
      textsim evaluate model dev.tsv --errors errors.tsv
    """
    from textsim.evaluation.evaluate import evaluate_file
    from textsim.matching.load import load_matcher

    matcher = load_matcher(model, simplify=simplify)
    if errors is not None:
        from textsim.evaluation.errors import write_errors

        write_errors(matcher, file, errors, **given(**options))
    result = evaluate_file(matcher, file, **given(**options))
    click.echo(format_json(result.to_dict()) if as_json else result.format())
    echo_notes(result.report)
