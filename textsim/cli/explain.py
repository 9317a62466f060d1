"""Why a pair scores what it scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from textsim.cli.options import (
    FILE,
    OUTPUT,
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
@click.argument("text_a")
@click.argument("text_b")
@json_option("the explanation, with the token-by-token matrix,")
@option(
    "--html", "page", type=OUTPUT, metavar="FILE", help="Write it as a page with coloured tokens and matrix."
)
@option(
    "--examples",
    type=FILE,
    metavar="FILE",
    help="Show the labelled pairs of this file that are most like it.",
)
@simplify_option()
@reading_options
def explain(
    model: str,
    text_a: str,
    text_b: str,
    as_json: bool,
    page: Path | None,
    examples: Path | None,
    simplify: bool,
    **options: Any,
) -> None:
    """Explain the score of two texts.

    Each token's contribution is its Shapley value: the base, where all tokens are unknown, and all contributions sum
    to the score. Below stand the changes of one token after which the decision is another. The options under Reading
    are for --examples.

    \b
    Examples:
      textsim explain zh-general 花呗怎么还款 怎样还花呗
      textsim explain zh-general 花呗怎么还款 怎样还花呗 --html why.html
      textsim explain model 花呗怎么还款 怎样还花呗 --examples train.tsv
    """
    if examples is None:
        check_unused(options, "--examples FILE alone")
    from textsim.data.formats.cells import one_line
    from textsim.evaluation.examples import nearest_examples
    from textsim.evaluation.explanation_page import explanation_page
    from textsim.io.atomic import atomic_file
    from textsim.matching.files.output import check_outputs
    from textsim.matching.files.report import FileReport
    from textsim.matching.text_matcher import TextMatcher

    if page is not None and examples is not None:
        check_outputs(page, examples, options)
    matcher = TextMatcher.load(model, simplify=simplify)
    found = matcher.explain(text_a, text_b)
    near, report = (
        ([], FileReport())
        if examples is None
        else nearest_examples(matcher, text_a, text_b, examples, **given(**options))
    )
    if page is not None:
        with atomic_file(page) as file:
            file.write(explanation_page(found))
    if as_json:
        more = {} if examples is None else {"examples": [example._asdict() for example in near]}
        click.echo(format_json({**found.to_dict(), **more}))
        echo_notes(report)
        return
    click.echo(found.format())
    if near:
        click.echo("labelled pairs most like it (label, similarity):")
    for example in near:
        texts = "\t".join(map(one_line, (example.text_a, example.text_b)))
        click.echo(f"{example.label:g}\t{example.similarity:.3f}\t{texts}")
    echo_notes(report)
