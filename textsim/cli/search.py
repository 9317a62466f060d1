"""The stored texts that a new one matches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textsim.cli.options import (
    check_unused,
    file_options,
    given,
    index_model_option,
    json_option,
    option,
    quiet_option,
    reading_options,
)
from textsim.cli.terminal import command, echo_notes, echo_reading, format_json

if TYPE_CHECKING:
    from textsim.matching.index.text_index import TextIndex


def parse_filter(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """The values that payloads must have, by column."""
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"expected COLUMN=VALUE. Received {value!r}.", ctx, param)
    filter = dict(value.split("=", 1) for value in values)
    if len(filter) < len(values):
        raise click.BadParameter(
            f"expected one value of a column. Received {', '.join(values)}.",
            ctx,
            param,
        )
    return filter


@command()
@click.argument("places", metavar="INDEX|MODEL FILE [TEXT]", nargs=-1, required=True)
@file_options("Texts to search for, one a line or in a column.", "Where their hits go.")
@option("-k", "--top", "k", type=click.IntRange(1), metavar="N", default=5, help="Hits for each text.")
@option(
    "--filter",
    multiple=True,
    metavar="COLUMN=VALUE",
    callback=parse_filter,
    help="Hits of this value in a further column of the index; several must all hold.",
)
@index_model_option
@json_option("the hits of TEXT")
@quiet_option
@reading_options
def search(
    places: tuple[str, ...],
    source: Path | None,
    target: Path,
    k: int,
    filter: dict[str, str],
    matcher: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Find the stored texts that a new one matches.

    INDEX is a folder that `textsim index build` made. Each hit comes with its score, the decision, the id and the
    stored text; with --json also with the probability that the two match, the cosine of their vectors and the payload.
    The options under Reading are for the file of --input. A FILE of a few thousand texts needs no INDEX: MODEL encodes
    it anew each time, and the options under Reading are for FILE too.

    \b
    Examples:
      textsim search zh-general questions.txt 密码忘了怎么办
      textsim search faq.index 密码忘了怎么办
      textsim search faq.index 怎么退货 -k 3 --filter category=售后 --json
      textsim search faq.index --input log.txt --output found.tsv -k 1
    """
    stored, text = (places[:-1], places[-1]) if source is None else (places, None)
    if len(stored) not in (1, 2):
        raise click.UsageError(
            "give an INDEX, or a MODEL and a FILE; then a text to search for, or --input FILE."
        )
    if source is None and len(stored) == 1:
        check_unused(options, "--input FILE, or for MODEL and FILE")
    if source is not None and len(stored) == 2 and options["rejects"] is not None:
        raise click.UsageError("--rejects: for one file alone. Build an index of FILE first.")
    if source is None and os.fspath(target) != "-":
        raise click.UsageError("--output: for --input FILE alone, not for a text.")
    if source is not None and as_json:
        raise click.UsageError("--json: for a text alone. The hits of --input are written as TSV.")
    from textsim.data.formats.cells import one_line
    from textsim.matching.files.report import FileReport
    from textsim.matching.files.search import search_file

    with _opened(stored, matcher, options, quiet) as opened:
        if source is not None:
            progress = False if quiet else None
            report = search_file(
                opened, source, target, k=k, filter=filter, progress=progress, **given(**options)
            )
            found = f"{report.matches:,} with a match among {len(opened):,} texts"
            echo_reading(report, found, quiet=quiet)
            return
        assert text is not None
        query = opened.matcher.read([text], lambda _: "text")
        (hits,) = opened.search_read(query, k, filter=filter)
    if as_json:
        click.echo(format_json([hit._asdict() for hit in hits]))
    elif not hits:
        wanted = ", ".join(f"{column}={value}" for column, value in filter.items())
        click.echo(f"no stored text has {wanted}" if wanted else "the index holds no texts", err=True)
    for hit in [] if as_json else hits:
        click.echo(f"{hit.score:.4f}\t{hit.decision}\t{one_line(hit.id)}\t{one_line(hit.text)}")
    echo_notes(FileReport(truncated=int(query.truncated.sum())))


def _opened(stored: tuple[str, ...], matcher: str | None, reading: dict[str, Any], quiet: bool) -> TextIndex:
    """The index in a folder, or one of a file's texts in memory."""
    from textsim.matching.index.entries import EntryFile
    from textsim.matching.index.text_index import TextIndex
    from textsim.matching.text_matcher import TextMatcher

    if len(stored) == 1:
        return TextIndex.open(stored[0], None if matcher is None else TextMatcher.load(matcher))
    if matcher is not None:
        raise click.UsageError("--model: for an INDEX, not beside MODEL and FILE.")
    file = EntryFile(TextMatcher.load(stored[0]), stored[1], **given(**reading))
    try:
        built = TextIndex.build(file.matcher, file, progress=False if quiet else None)
    finally:
        file.close()
    if not quiet:
        echo_notes(file.report())
    return built
