"""Texts or files of pairs to scores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from textsim.cli.options import (
    check_unused,
    file_options,
    given,
    json_option,
    model_argument,
    option,
    parse_columns,
    quiet_option,
    reading_options,
    simplify_option,
)
from textsim.cli.terminal import command, echo_notes, echo_reading, format_json


@command()
@model_argument
@click.argument("texts", metavar="[TEXT_A TEXT_B]", nargs=-1)
@file_options("Pairs to score; - is standard input.", "Where their scores go.")
@simplify_option()
@option(
    "--keep",
    metavar="A,B,...",
    callback=parse_columns,
    help="Columns to write beside the scores, by name or position; line is the number of the line.",
)
@json_option("the score of TEXT_A and TEXT_B")
@quiet_option
@reading_options
def score(
    model: str,
    texts: tuple[str, ...],
    source: Path | None,
    target: Path,
    simplify: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Score two texts, or every pair of a file.

    Prints score, probability and decision. A score is in [0, 1], larger is more similar; the probability is that the
    two match; the decision is match, unsure or no match, as `textsim calibrate` chose, or training did. Rows are
    streamed and keep their order. For a model of numeric vectors, a row holds two vectors.

    \b
    Examples:
      textsim score zh-general 花呗怎么还款 怎样还花呗
      textsim score model --input pairs.tsv --output scores.tsv
      textsim score model --input pairs.csv --keep line,id --on-bad-row skip --output scores.tsv
      zcat pairs.tsv.gz | textsim score model --input - > scores.tsv
    """
    if (source is None) == (not texts) or (texts and len(texts) != 2):
        raise click.UsageError("give two texts, or --input FILE.")
    if source is None:
        written = None if os.fspath(target) == "-" else target
        check_unused({**options, "output": written}, "--input FILE alone, not for two texts")
    if source is not None and as_json:
        raise click.UsageError("--json: for two texts alone. The scores of --input are written as TSV.")
    from textsim.matching.files.report import FileReport
    from textsim.matching.files.score import score_file
    from textsim.matching.load import load_matcher
    from textsim.matching.text_matcher import TextMatcher

    if source is not None:
        progress = False if quiet else None
        scorer = load_matcher(model, simplify=simplify)
        report = score_file(scorer, source, target, progress=progress, **given(**options))
        echo_reading(report, f"{report.matches:,} match", quiet=quiet)
        return
    matcher = TextMatcher.load(model, simplify=simplify)
    pair = matcher.read(texts, ("text_a", "text_b").__getitem__)
    result = matcher.compare(pair[:1], pair[1:])
    (decision,) = matcher.decisions(result)
    if as_json:
        click.echo(format_json({**decision._asdict(), "threshold": matcher.threshold}))
    else:
        click.echo(f"{decision.score:.4f}\t{decision.probability:.4f}\t{decision.decision}")
    echo_notes(FileReport(truncated=int(pair.truncated.sum()), indistinct=int(result.indistinct.sum())))
