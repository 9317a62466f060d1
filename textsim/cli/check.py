"""How a model breaks."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from textsim.cli.options import (
    FILE_OR_STREAM,
    check_unused,
    given,
    json_option,
    model_argument,
    option,
    reading_options,
    simplify_option,
)
from textsim.cli.terminal import command, echo_notes, format_json


@command()
@model_argument
@click.argument("file", metavar="[FILE]", type=FILE_OR_STREAM, required=False)
@option(
    "--fail-under",
    type=click.FloatRange(0, 1),
    metavar="X",
    help="Exit with 1 where fewer than this fraction of the pairs over all kinds are right.",
)
@simplify_option()
@json_option("what was found")
@reading_options
@click.pass_context
def check(
    ctx: click.Context,
    model: str,
    file: Path | None,
    fail_under: float | None,
    simplify: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Test how a model breaks.

    Pairs that differ in one thing each, such as a number, a negation or who does it to whom: those that come with
    textsim, or variants of the texts of FILE, made by rules (extra `augment`). For each kind, how often the decision is
    wrong, or moves, with examples. What holds for every model is checked too.

    \b
    Examples:
      textsim check zh-general
      textsim check model questions.txt --json
      textsim check model --fail-under 0.6
    """
    from textsim.evaluation.check import CheckedPair
    from textsim.evaluation.check import check as run
    from textsim.matching.files.report import FileReport
    from textsim.matching.text_matcher import TextMatcher

    pairs, report = None, FileReport()
    if file is None:
        check_unused(options, "FILE alone")
    matcher = TextMatcher.load(model, simplify=simplify)
    if file is not None:
        from textsim.data.row_kinds import TEXTS
        from textsim.errors import InputError
        from textsim.matching.files.text_file import TextFile
        from textsim.training.augmentation.contrast import contrast_pairs

        with contextlib.closing(TextFile(matcher, file, TEXTS, given(**options))) as read:
            texts = [text for _, (column,) in read for text in column.texts]
        report = read.report(rows=len(texts))
        made = contrast_pairs(texts, per_text=3)
        pairs = [CheckedPair(pair.rule, pair.text, pair.variant, pair.label) for pair in made]
        if not pairs:
            raise InputError(f"{file}: no rule applies to any of its {len(texts):,} texts.")
    result = run(matcher, pairs)
    click.echo(format_json(result.to_dict()) if as_json else result.format())
    echo_notes(report)
    if fail_under is not None and result.right < fail_under:
        click.echo(f"{result.right:.4f} of the pairs are right, less than {fail_under:g}", err=True)
        ctx.exit(1)
