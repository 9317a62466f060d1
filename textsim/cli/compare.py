"""Two models on the same pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from textsim.cli.options import (
    FILE,
    given,
    json_option,
    label_options,
    model_argument,
    reading_options,
    simplify_option,
)
from textsim.cli.terminal import command, echo_notes, format_json


@command()
@model_argument
@click.argument("other", metavar="OTHER")
@click.argument("file", metavar="FILE", type=FILE)
@simplify_option()
@json_option("the comparison")
@label_options
@reading_options
def compare(model: str, other: str, file: Path, simplify: bool, as_json: bool, **options: Any) -> None:
    """Compare two models on the labelled pairs of FILE.

    Each decides at its own threshold; their vocabularies may differ. The difference in accuracy comes with its
    interval, by the paired bootstrap, and with McNemar's test. Some pairs that only one of them gets right are shown.

    \b
    Examples:
      textsim compare model zh-general dev.tsv
    """
    from textsim.evaluation.compare import compare as run
    from textsim.matching.text_matcher import TextMatcher

    a, b = (TextMatcher.load(name, simplify=simplify) for name in (model, other))
    result = run(a, b, file, **given(**options))
    click.echo(format_json(result.to_dict()) if as_json else result.format())
    echo_notes(result.report)
