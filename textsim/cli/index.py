"""Indexes: made, changed, looked at."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from textsim.cli.options import (
    FILE_OR_STREAM,
    folder_options,
    given,
    index_model_option,
    json_option,
    model_argument,
    option,
    quiet_option,
    reading_options,
    simplify_option,
)
from textsim.cli.terminal import CommandGroup, echo_reading, format_json

_index_argument = click.argument("index", metavar="INDEX", type=click.Path(path_type=Path))
_file_argument = click.argument("source", metavar="FILE", type=FILE_OR_STREAM)


def _parse_ids(ctx: click.Context, param: click.Parameter, value: str) -> list[str]:
    """Ids as a row of CSV, where one may have a comma."""
    try:
        return [id for id in next(csv.reader([value], skipinitialspace=True, strict=True), []) if id]
    except csv.Error as error:
        raise click.BadParameter(
            f"expected ids, with a comma between two. Received {value!r}: {error}. Write an id that has a comma or a "
            'quote as CSV does: "a,b".',
            ctx,
            param,
        ) from None


@click.group(cls=CommandGroup)
def index() -> None:
    """Keep texts in a folder, with ids and answers, to be searched.

    \b
    Example:
      textsim index build zh-general faq.csv --out faq.index
      textsim search faq.index 密码忘了怎么办
    """


@index.command()
@model_argument
@_file_argument
@folder_options("INDEX")
@simplify_option()
@quiet_option
@reading_options
def build(
    model: str, source: Path, out: Path, overwrite: bool, simplify: bool, quiet: bool, **options: Any
) -> None:
    """Make an index of the texts of a file.

    FILE has a text a line, or columns: text (or another usual name, or --columns), id if there is one (else rows are
    numbered from 1), and any others, which come back with a hit. Rows that share an id are phrasings of one entry. An
    INDEX is replaced in one step, even while it is searched. More than 10,000 texts need the extra `index`.

    \b
    Examples:
      textsim index build zh-general faq.csv --out faq.index
      textsim index build model faq.csv --columns 标准问 --out faq.index --overwrite
    """
    from textsim.io.paths import check_target
    from textsim.matching.index.entries import EntryFile
    from textsim.matching.index.text_index import TextIndex
    from textsim.matching.text_matcher import TextMatcher

    check_target(out, [source])
    file = EntryFile(TextMatcher.load(model, simplify=simplify), source, **given(**options))
    try:
        made = TextIndex.build(
            file.matcher, file, out, overwrite=overwrite, progress=False if quiet else None
        )
    finally:
        file.close()
    echo_reading(file.report(), f"{out} holds {len(made):,} texts", quiet=quiet)


@index.command()
@_index_argument
@_file_argument
@option("--replace", is_flag=True, help="Remove all other texts of the ids that FILE has.")
@index_model_option
@quiet_option
@reading_options
def add(index: Path, source: Path, replace: bool, matcher: str | None, quiet: bool, **options: Any) -> None:
    """Add the texts of a file: all of them, or none.

    FILE is read as `textsim index build` does it. A row whose id and text are stored already takes that one's place.

    \b
    Example:
      textsim index add faq.index new.csv
    """
    from textsim.matching.index.entries import EntryFile

    with _open(index, matcher) as opened:
        file = EntryFile(opened.matcher, source, **given(**options))
        try:
            opened.add(file, replace=replace, progress=False if quiet else None)
        finally:
            file.close()
        echo_reading(file.report(), f"{index} holds {len(opened):,} texts", quiet=quiet)


@index.command()
@_index_argument
@option(
    "--ids",
    required=True,
    metavar="A,B,...",
    callback=_parse_ids,
    help="Ids whose texts go; one that has a comma in double quotes: '\"a,b\",c'.",
)
@index_model_option
@quiet_option
def remove(index: Path, ids: list[str], matcher: str | None, quiet: bool) -> None:
    """Remove all texts of some ids.

    \b
    Example:
      textsim index remove faq.index --ids 17,18
    """
    with _open(index, matcher) as opened:
        unknown = [id for id in ids if id not in opened]
        count = opened.remove(ids)
        if unknown:
            click.echo(f"Not in the index: {', '.join(unknown)}", err=True)
        if not quiet:
            click.echo(f"texts removed: {count:,}; {index} holds {len(opened):,} texts", err=True)


@index.command()
@_index_argument
@option("--recall", is_flag=True, help="Measure how many of the 10 nearest texts a search finds.")
@index_model_option
@json_option("it")
def info(index: Path, recall: bool, matcher: str | None, as_json: bool) -> None:
    """Say what an index holds and how it searches.

    \b
    Example:
      textsim index info faq.index --recall
    """
    with _open(index, matcher) as opened:
        found = asdict(opened.info())
        if recall:
            found["recall@10"] = opened.recall()
    if as_json:
        click.echo(format_json(found))
        return
    found["columns"] = ", ".join(found["columns"]) or "none"
    for name, value in found.items():
        shown = (
            f"{value:,}" if isinstance(value, int) else f"{value:.4f}" if isinstance(value, float) else value
        )
        click.echo(f"{name.replace('_', ' ')}\t{shown}")


@index.command()
@_index_argument
@quiet_option
def compact(index: Path, quiet: bool) -> None:
    """Free the space of removed texts, and make the graph anew, also where its file is damaged.

    The index can be searched meanwhile; changes wait.

    \b
    Example:
      textsim index compact faq.index
    """
    from textsim.matching.index.folder import compact_folder

    compact_folder(index)
    if not quiet:
        size = sum(path.stat().st_size for path in index.iterdir())
        click.echo(f"{index} takes {size:,} bytes", err=True)


def _open(index: Path, matcher: str | None) -> Any:
    from textsim.matching.index.text_index import TextIndex
    from textsim.matching.text_matcher import TextMatcher

    return TextIndex.open(index, None if matcher is None else TextMatcher.load(matcher))
