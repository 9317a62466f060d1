"""A model judged on labelled rows, or beside rows without labels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from textsim.cli.options import (
    OUTPUT,
    ROWS,
    given,
    json_option,
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
@json_option("the metrics")
@labelled_row_options
def evaluate(
    model: str, file: Path, errors: Path | None, simplify: bool, as_json: bool, **options: Any
) -> None:
    """Judge a model on labelled rows, or tell whether rows without labels are of the kind that it was chosen for.

    FILE is a data file, - for standard input, or a dataset folder. Accuracy is given at 0.5 and at the model's
    saved threshold, which is never chosen on FILE, and beside the accuracy of always guessing the larger class.

    Where FILE holds pairs of texts without labels, this says how far scores, lengths and unknown tokens lie from those
    of the pairs on which the threshold was chosen, and whether to choose it anew.

    \b
    Examples:
      textsim evaluate model dev.tsv
      textsim evaluate zh-general dev.csv --columns query,question,same --json
      textsim evaluate model dev.tsv --errors errors.tsv
      textsim evaluate model last-week.tsv --columns question,answered
    """
    from textsim.data.detection import has_no_labels
    from textsim.errors import InputError
    from textsim.evaluation.drift import measure_drift
    from textsim.evaluation.evaluate import evaluate_file
    from textsim.io.paths import STREAM, is_stream
    from textsim.matching.load import load_matcher
    from textsim.matching.text_matcher import TextMatcher

    if errors is not None and os.fspath(errors) == STREAM:
        raise click.UsageError(
            "--errors: for a file. Received - (standard output), where the metrics are printed."
        )
    if errors is not None and is_stream(file):
        raise click.UsageError(
            "--errors: for a file, which is read twice. Received - (standard input). Save it to a file first."
        )
    matcher = load_matcher(model, simplify=simplify)
    how = given(**options)
    of_labels = {"split", "kind", "label_threshold", "label_max"} & how.keys()
    if isinstance(matcher, TextMatcher) and not (file.is_dir() or of_labels) and has_no_labels(file, **how):
        if errors is not None:
            raise InputError(
                f"{file}: expected labels, by which a decision is wrong. It has none: leave out --errors."
            )
        result: Any = measure_drift(matcher, file, **how)
    else:
        if errors is not None:
            from textsim.evaluation.errors import write_errors

            write_errors(matcher, file, errors, **how)
        result = evaluate_file(matcher, file, **how)
    click.echo(format_json(result.to_dict()) if as_json else result.format())
    echo_notes(result.report)
