"""What the options of several commands are: their types, their groups, and what a shell completes them with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FILE_OR_STREAM = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
ROWS = click.Path(exists=True, allow_dash=True, path_type=Path)
OUTPUT = click.Path(path_type=Path)
OUTPUT_OR_STREAM = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
SEED = click.IntRange(0, 2**32 - 1)


class _Option(click.Option):
    def __init__(self, *args: Any, section: str = "Options", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


def option(*names: str, **attributes: Any) -> Callable[[Any], Any]:
    """click.option, with the heading that it is listed under as `section`."""
    return click.option(*names, cls=_Option, **attributes)


def given(**options: Any) -> dict[str, Any]:
    """The options that were given on the command line."""
    return {name: value for name, value in options.items() if value is not None}


def check_unused(options: Mapping[str, Any], used: str) -> None:
    """Raises a usage error for options that were given and say nothing here; `used` tells what they are for."""
    if names := ", ".join(f"--{name.replace('_', '-')}" for name in given(**options)):
        raise click.UsageError(f"{names}: for {used}.")


def parse_columns(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str | int] | None:
    if value is None:
        return None
    return [
        int(column) if column.isdecimal() and len(column) < 10 else column
        for column in map(str.strip, value.split(","))
    ]


def _parse_delimiter(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A tab is hard to type in a shell."""
    return "\t" if value == r"\t" else value


def _complete_format(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from textsim.data.formats.format import FORMATS

    return [CompletionItem(name) for name in FORMATS.names() if name.startswith(incomplete)]


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a data file is written. None where left out: the reader has the defaults."""
    decorators = (
        option(
            "--columns",
            metavar="A,B,...",
            callback=parse_columns,
            section="Reading",
            help="The columns to read, by name or by position from 1.  [default: the usual names, or all]",
        ),
        option(
            "--header",
            type=click.Choice(["auto", "yes", "no"]),
            section="Reading",
            help="Whether the first row names the columns.  [default: auto]",
        ),
        option(
            "--format",
            metavar="NAME",
            shell_complete=_complete_format,
            section="Reading",
            help="tsv, csv, jsonl, json, parquet, xlsx, npy, npz; lines: a text a line.  [default: by the name]",
        ),
        option(
            "--encoding",
            metavar="NAME",
            section="Reading",
            help="Text encoding.  [default: detected, and said]",
        ),
        option(
            "--delimiter",
            metavar="CHAR",
            callback=_parse_delimiter,
            section="Reading",
            help="Column separator; '\\t' is a tab.  [default: tab or comma]",
        ),
        option(
            "--on-bad-row",
            type=click.Choice(["error", "skip"]),
            section="Reading",
            help="Stop at a bad row, or skip and count it; of texts only.  [default: error]",
        ),
        option(
            "--rejects",
            type=OUTPUT,
            metavar="FILE",
            section="Reading",
            help="Where skipped rows go, with the reason.  [default: nowhere; of preprocess: DATASET/rejects.tsv]",
        ),
    )
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def simplify_option(section: str = "Options") -> Callable[[Any], Any]:
    return option(
        "--simplify", is_flag=True, section=section, help="Traditional to simplified (extra `opencc`)."
    )


def label_options(command: Callable[..., Any]) -> Callable[..., Any]:
    threshold = option(
        "--label-threshold",
        type=float,
        metavar="X",
        section="Reading",
        help="Labels are graded: X and above are 1.",
    )
    maximum = option(
        "--label-max",
        type=float,
        metavar="X",
        section="Reading",
        help="Or labels are graded from 0 to X and kept, divided by X.",
    )
    return threshold(maximum(command))


def labelled_row_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All options of labelled rows, which may be those of a dataset folder."""
    split = option(
        "--split", metavar="NAME", help="The rows to use where FILE is a dataset folder.  [default: dev]"
    )
    kind = option(
        "--kind",
        type=click.Choice(["pairs", "triplets"]),
        section="Reading",
        help="What a row of texts holds.  [default: by the header, else pairs]",
    )
    return split(kind(reading_options(label_options(command))))


def json_option(what: str) -> Callable[[Any], Any]:
    return option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")


def file_options(source: str, target: str) -> Callable[[Any], Any]:
    """`--input` and `--output` of a command that takes a file in place of texts as arguments, with their help."""
    read = option("--input", "source", type=FILE_OR_STREAM, metavar="FILE", help=source)
    written = option("--output", "target", type=OUTPUT_OR_STREAM, metavar="FILE", default="-", help=target)
    return lambda command: read(written(command))


quiet_option = option("--quiet", is_flag=True, help="No progress bar, no summary.")
inputs_argument = click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=FILE_OR_STREAM)


def folder_options(name: str) -> Callable[[Any], Any]:
    """The options of a command that makes a folder; the help calls it `name`."""
    out = option("--out", required=True, type=OUTPUT, metavar=name, help="The folder to make.")
    overwrite = option("--overwrite", is_flag=True, help=f"Replace {name} if it is there.")
    return lambda command: out(overwrite(command))


def seed_option(section: str = "Options") -> Callable[[Any], Any]:
    return option(
        "--seed", type=SEED, metavar="N", default=0, section=section, help="Seed of every random draw."
    )


def made_pairs_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a command takes that makes training pairs of the texts of files."""
    out = option(
        "--out",
        "target",
        required=True,
        type=OUTPUT_OR_STREAM,
        metavar="FILE",
        help="The training file to write; - is standard output.",
    )
    kind = option(
        "--kind",
        type=click.Choice(["pairs", "texts"]),
        default="pairs",
        help="A row of INPUT is two texts, a label or not (labelled and without a header: --columns 1,2); or one text.",
    )
    label_max = option(
        "--label-max",
        type=float,
        default=1.0,
        metavar="X",
        help="The label of a match: the --label-max of the file that the pairs shall stand beside.",
    )
    return inputs_argument(out(kind(label_max(seed_option()(quiet_option(reading_options(command)))))))


def complete_recipe(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from textsim.config.recipes import RECIPES

    return [
        CompletionItem(name, help=recipe.description)
        for name, recipe in sorted(RECIPES.items())
        if name.startswith(incomplete)
    ]


def complete_tokenizer(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from textsim.registry import TOKENIZERS

    return [CompletionItem(name) for name in TOKENIZERS.names() if name.startswith(incomplete)]


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from textsim.artifacts.pretrained import bundled_models

    names = [CompletionItem(name) for name in sorted(bundled_models()) if name.startswith(incomplete)]
    # The shell completes paths where no name fits.
    return [CompletionItem(incomplete, type="file"), *names]


model_argument = click.argument("model", metavar="MODEL", shell_complete=complete_model)
index_model_option = option(
    "--model",
    "matcher",
    metavar="MODEL",
    shell_complete=complete_model,
    help="The model of the index, where it was moved.  [default: where it lay]",
)
