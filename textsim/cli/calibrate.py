"""Probabilities and decisions chosen on labelled pairs of one's own."""

from __future__ import annotations

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

FRACTION = click.FloatRange(0, 1, min_open=True, max_open=True)
COST = click.FloatRange(0, min_open=True)
NOT_REACHABLE = 3
"""The exit code where the pairs do not show what was asked for."""


@command()
@model_argument
@click.argument("file", metavar="FILE", type=ROWS)
@option("--out", type=OUTPUT, metavar="MODEL2", help="Write the model with what was chosen here.")
@option("--overwrite", is_flag=True, help="Replace that model if it is there.")
@option(
    "--match-precision",
    type=FRACTION,
    metavar="P",
    section="Targets",
    help="Of the pairs decided to be matches, at least this fraction shall be.",
)
@option(
    "--no-match-precision",
    type=FRACTION,
    metavar="P",
    section="Targets",
    help="Likewise for no match. What lies between the two is unsure.",
)
@option(
    "--confidence",
    type=FRACTION,
    default=0.9,
    metavar="C",
    section="Targets",
    help="With which those precisions shall hold on new pairs of the same kind.",
)
@option(
    "--cost-false-match",
    type=COST,
    metavar="X",
    section="Targets",
    help="Or choose the lowest cost: of a pair wrongly taken for a match.  [default: 1]",
)
@option(
    "--cost-missed-match",
    type=COST,
    metavar="X",
    section="Targets",
    help="And of a match wrongly taken for none.  [default: 1]",
)
@option("--best-f1", is_flag=True, section="Targets", help="Or choose the highest F1.")
@option(
    "--search",
    "index",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="INDEX",
    help="FILE holds queries with the id of the right entry of this index, empty for none: calibrate the first hit.",
)
@simplify_option()
@json_option("the metrics")
@labelled_row_options
@click.pass_context
def calibrate(
    ctx: click.Context,
    model: str,
    file: Path,
    out: Path | None,
    overwrite: bool,
    match_precision: float | None,
    no_match_precision: float | None,
    confidence: float,
    cost_false_match: float | None,
    cost_missed_match: float | None,
    best_f1: bool,
    index: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Choose what a model decides, on labelled pairs of your own.

    Nothing is trained. A model that meets another domain often ranks its pairs well and decides badly: a few hundred
    labelled pairs, which it was not trained on, are enough to tell. They give each score its probability, and choose
    from which on a pair is a match and below which it is none; by default, as many decisions as possible are right.

    Where the pairs do not show that a precision holds, this says what they do show; the exit code is 3 and no model is
    written.

    \b
    Examples:
      textsim calibrate zh-general mine.tsv
      textsim calibrate zh-general mine.tsv --match-precision 0.95 --no-match-precision 0.98 --out model
      textsim calibrate zh-general mine.tsv --cost-false-match 5 --out model
      textsim calibrate model queries.tsv --search faq.index --match-precision 0.9 --out model2
    """
    from textsim.evaluation.calibrate import calibrate as run
    from textsim.evaluation.decisions import Targets
    from textsim.io.paths import as_text

    if index is not None:
        from textsim.evaluation.calibrate_search import calibrate_search

        of_pairs = ("simplify", "split", "kind", "label_threshold", "label_max")
        unused = [no_match_precision, cost_false_match, cost_missed_match, best_f1 or None]
        if any(value not in (None, False) for value in [*unused, *(options.pop(name) for name in of_pairs)]):
            raise click.UsageError(
                "--search: goes with --match-precision, --confidence and how to read FILE."
            )
        fit = calibrate_search(
            model,
            index,
            file,
            out,
            precision=match_precision,
            confidence=confidence,
            overwrite=overwrite,
            **given(**options),
        )
        click.echo(format_json(fit.to_dict()) if as_json else fit.format())
        echo_notes(fit.report)
        ctx.exit(0 if fit.reachable else NOT_REACHABLE)
    targets = Targets(
        match_precision, no_match_precision, confidence, cost_false_match, cost_missed_match, best_f1
    )
    result = run(model, file, out, targets, overwrite=overwrite, **given(**options))
    click.echo(format_json(result.fit.to_dict()) if as_json else result.fit.format())
    if as_json:
        for warning in result.fit.warnings:
            click.echo(f"warning: {warning}", err=True)
    elif result.path is not None:
        click.echo(f"model: {as_text(result.path)}")
    echo_notes(result.report)
    if not result.fit.reachable:
        ctx.exit(NOT_REACHABLE)
