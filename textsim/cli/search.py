"""The stored texts that a new one matches."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from textsim.cli.options import (
    FILE_OR_STREAM,
    OUTPUT_OR_STREAM,
    given,
    model_argument,
    option,
    reading_options,
    simplify_option,
)
from textsim.cli.terminal import command, describe_reading, echo_notes, format_json


@command()
@model_argument
@click.argument("stored", metavar="STORED", type=FILE_OR_STREAM)
@click.argument("text", metavar="[TEXT]", required=False)
@option(
    "--input",
    "source",
    type=FILE_OR_STREAM,
    metavar="FILE",
    help="Texts to search for, one a line or in a column.",
)
@option("--output", "target", type=OUTPUT_OR_STREAM, metavar="FILE", default="-", help="Where their hits go.")
@option("-k", "--top", "k", type=click.IntRange(1), default=5, help="Stored texts to find for each.")
@option("--json", "as_json", is_flag=True, help="Print the hits of TEXT as JSON.")
@option("--quiet", is_flag=True, help="No progress bar, no summary.")
@simplify_option()
@reading_options
def search(
    model: str,
    stored: Path,
    text: str | None,
    source: Path | None,
    target: Path,
    k: int,
    simplify: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Find the stored texts that a new one matches.

    STORED is a file of texts, one a line or in a column; the options under Reading are for it, --on-bad-row for the
    file of --input too, which has a text a line or a column of a usual name. Each hit comes with
    its score, whether that makes a match, and the cosine of the two texts' vectors, by which a model with in-batch
    negatives orders them; other models order them by score.

    \b
    Examples:
      textsim search zh-general questions.txt 密码忘了怎么办
      textsim search model faq.csv --columns question --input log.txt --output found.tsv -k 3
    """
    if (source is None) == (text is None):
        raise click.UsageError("give a text to search for, or --input FILE.")
    if source is None and os.fspath(target) != "-":
        raise click.UsageError("--output: for --input FILE alone, not for a text.")
    if source is not None and as_json:
        raise click.UsageError("--json: for a text alone. The hits of --input are written as TSV.")
    if source is not None and os.fspath(source) == os.fspath(stored) == "-":
        raise click.UsageError("STORED and --input: standard input is one of them at most.")
    from textsim.io.paths import check_target
    from textsim.matching.files.report import FileReport
    from textsim.matching.files.search import search_file, stored_texts
    from textsim.matching.index.text_index import TextIndex
    from textsim.matching.text_matcher import TextMatcher

    rejects = [] if options["rejects"] is None else [options["rejects"]]
    check_target(target, [stored, *rejects])
    for path in rejects:
        check_target(path, [stored, *([] if source is None else [source])])
    matcher = TextMatcher.load(model, simplify=simplify)
    texts, report = stored_texts(matcher, stored, **given(**options))
    if not quiet:
        echo_notes(report)
    index = TextIndex(matcher, texts, progress=not quiet and sys.stderr.isatty())
    if source is not None:
        policy = given(on_bad_row=options["on_bad_row"])
        report = search_file(index, source, target, k=k, progress=False if quiet else None, **policy)
        if not quiet:
            click.echo(
                f"{describe_reading(report)}; {report.matches:,} with a match among {len(index):,} texts",
                err=True,
            )
        return
    assert text is not None
    query = matcher.read([text], lambda _: "text")
    hits = index.search_read(query, k)[0]
    if as_json:
        click.echo(format_json([hit._asdict() for hit in hits]))
    for hit in [] if as_json else hits:
        click.echo(f"{hit.score:.4f}\t{'match' if hit.match else 'no match'}\t{hit.cosine:.4f}\t{hit.text}")
    echo_notes(
        FileReport(truncated=int(query.truncated.sum()), indistinct=sum(hit.indistinct for hit in hits))
    )
