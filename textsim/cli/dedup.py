"""Texts of a list that mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from textsim.cli.options import (
    FILE_OR_STREAM,
    OUTPUT,
    given,
    model_argument,
    option,
    quiet_option,
    reading_options,
    simplify_option,
)
from textsim.cli.terminal import command, echo_reading


@command()
@model_argument
@click.argument("source", metavar="FILE", type=FILE_OR_STREAM)
@option("--out", "target", required=True, type=OUTPUT, metavar="FILE", help="Where the groups go.")
@option(
    "--threshold",
    type=click.FloatRange(0, 1),
    metavar="X",
    help="Score from which on a text belongs to a representative.  [default: the model's]",
)
@option(
    "--pairs",
    type=OUTPUT,
    metavar="FILE.npz",
    help="Keep the scored pairs there, or take them from there: another threshold then encodes nothing.",
)
@option(
    "--neighbors",
    type=click.IntRange(1),
    metavar="N",
    default=20,
    help="Nearest texts that each is scored with.",
)
@option("--representatives-only", is_flag=True, help="Write the list without its duplicates instead.")
@simplify_option()
@quiet_option
@reading_options
def dedup(
    model: str,
    source: Path,
    target: Path,
    threshold: float | None,
    pairs: Path | None,
    neighbors: int,
    representatives_only: bool,
    simplify: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Find the texts of a file that mean the same, as groups.

    FILE has a text a line, or a column of texts, and a column id if there is one (else rows are numbered from 1). The
    output has the columns group, representative (an id), id, text, score (with the representative) and decision. Groups
    that are least sure come first; texts that are alone are left out. Each text of a group matches its representative:
    texts are not joined through others between them. More than 10,000 different texts need the extra `index`.

    \b
    Examples:
      textsim dedup zh-general questions.csv --out groups.tsv
      textsim dedup model questions.txt --out groups.tsv --pairs pairs.npz --threshold 0.8
    """
    from textsim.matching.files.dedup import dedup_file
    from textsim.matching.text_matcher import TextMatcher

    report = dedup_file(
        TextMatcher.load(model, simplify=simplify),
        source,
        target,
        threshold=threshold,
        pairs=pairs,
        neighbors=neighbors,
        representatives_only=representatives_only,
        progress=False if quiet else None,
        **given(**options),
    )
    echo_reading(report, f"{report.duplicates:,} duplicates in {report.groups:,} groups", quiet=quiet)
