"""Training pairs that differ in one thing, made by rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from textsim.cli.options import given, made_pairs_options, option
from textsim.cli.terminal import command, echo_notes


def _complete_rule(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from textsim.training.augmentation.contrast import RULES

    return [CompletionItem(name) for name in sorted(RULES) if name.startswith(incomplete)]


@command()
@made_pairs_options
@option(
    "--rule",
    "rules",
    multiple=True,
    metavar="NAME",
    shell_complete=_complete_rule,
    help="A rule to use; repeated, several.  [default: all]",
)
@option(
    "--per-text", type=click.IntRange(min=1), default=1, metavar="N", help="Pairs made of a text at most."
)
@option(
    "--per-rule",
    type=click.IntRange(min=1),
    metavar="N",
    help="Pairs made by a rule at most.  [default: no limit]",
)
def augment(
    inputs: tuple[Path, ...], target: Path, rules: tuple[str, ...], quiet: bool, **options: Any
) -> None:
    """Make training pairs that differ in one thing, by rules.

    A number, a negation, a name, who does it to whom: another one makes another sentence, though nearly all characters
    are the same. The same written otherwise or said in other words stays the same. The rules change the texts of
    training files so and write the pairs with the labels that follow. Give training texts only, not those of
    validation. Needs the extra `augment`.

    \b
    Example:
      textsim augment train.tsv --out contrast.tsv
      textsim preprocess train.tsv contrast.tsv --dev dev.tsv --out larger
      textsim train larger --out model
    """
    from textsim.data.formats.cells import one_line
    from textsim.training.augmentation.contrast import RULES
    from textsim.training.augmentation.contrast.files import augment_files

    made = augment_files(inputs, target, rules=rules or None, **given(**options))
    if not quiet:
        for name, pairs in made.by_rule().items():
            example = f"{one_line(pairs[0].text)} | {one_line(pairs[0].variant)}"
            click.echo(f"{name:22} {RULES[name].label}  {len(pairs):6,}  {example}", err=True)
        matches = sum(pair.label for pair in made.pairs)
        click.echo(f"{len(made.pairs):,} pairs of {made.texts:,} texts, {matches:,} match", err=True)
    echo_notes(made.report)
