"""Texts to vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
@option(
    "--input",
    "source",
    required=True,
    type=FILE_OR_STREAM,
    metavar="FILE",
    help="A text a line; - is standard input.",
)
@option(
    "--output",
    "target",
    required=True,
    type=OUTPUT,
    metavar="FILE",
    help="Where the vectors go: .npy, or texts too: .jsonl, .parquet, .tsv.",
)
@simplify_option()
@quiet_option
@reading_options
def encode(model: str, source: Path, target: Path, simplify: bool, quiet: bool, **options: Any) -> None:
    """Write the sentence vector of every line of a file.

    The output is a NumPy array of float32, of shape (lines, dim), in the order of the lines; or by its name a table of
    texts and vectors.

    A line that --on-bad-row skip leaves out has no vector; --rejects lists it.

    \b
    Example:
      textsim encode zh-general --input texts.txt --output vectors.npy
    """
    from textsim.matching.files.encode import encode_file
    from textsim.matching.text_matcher import TextMatcher

    matcher = TextMatcher.load(model, simplify=simplify)
    progress = False if quiet else None
    report = encode_file(matcher, source, target, progress=progress, **given(**options))
    echo_reading(report, quiet=quiet)
