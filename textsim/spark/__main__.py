"""`python -m textsim.spark`: the command line, which also runs under `spark-submit`.

The master and all other settings come from Spark's own configuration: spark-defaults.conf, `spark-submit --master`, or
the environment.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click
from pyspark.sql import DataFrame, SparkSession

from textsim.cli.options import option, parse_columns
from textsim.cli.terminal import Command, command, format_json
from textsim.errors import DataFormatError, InputError

_FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".json": "json", ".jsonl": "json"}


def _format(path: str, given: str | None) -> str:
    """The format of a path: as given, by its ending, or a table of the catalog where it looks like none."""
    if given is not None:
        return given
    for ending, name in _FORMATS.items():
        if path.rstrip("/").lower().endswith((ending, f"{ending}.gz")):
            return name
    return "table"


def read(spark: SparkSession, path: str, format: str | None) -> DataFrame:
    """A data frame of a path or a table.

    Raises:
        DataFormatError: Spark cannot read it.
    """
    from pyspark.errors import PySparkException

    name = _format(path, format)
    try:
        if name == "table":
            return spark.table(path)
        reader = spark.read.option("header", True) if name == "csv" else spark.read
        return reader.format(name).load(path)
    except PySparkException as error:
        raise DataFormatError(f"{path}: cannot be read as {name}: {str(error).splitlines()[0]}") from None


def write(df: DataFrame, path: str, format: str | None, overwrite: bool) -> None:
    """Writes a data frame to a path or a table. Spark marks a complete folder with `_SUCCESS`.

    Raises:
        InputError: it exists and may not be replaced.
    """
    from pyspark.errors import AnalysisException

    name = _format(path, format)
    writer = df.write.mode("overwrite" if overwrite else "errorifexists")
    try:
        if name == "table":
            writer.saveAsTable(path)
        else:
            (writer.option("header", True) if name == "csv" else writer).format(name).save(path)
    except AnalysisException as error:
        if "ALREADY_EXISTS" not in str(error) and "already exists" not in str(error):
            raise
        raise InputError(f"{path}: exists already. Pass overwrite, or choose another path.") from None


def _options(function: Callable[..., None]) -> Callable[..., None]:
    for decorate in reversed(
        [
            option(
                "--model", required=True, metavar="MODEL", help="A model folder, or a bundled model's name."
            ),
            option(
                "--input", "source", required=True, metavar="PATH", help="Parquet, CSV, JSON, or a table."
            ),
            option("--output", "target", metavar="PATH", help="Likewise; where the results go."),
            option(
                "--format",
                type=click.Choice(["parquet", "csv", "json", "table"]),
                help="Of input and output.  [default: by the ending, else a table]",
            ),
            option(
                "--keep", metavar="A,B,...", callback=parse_columns, help="Columns to keep.  [default: all]"
            ),
            option(
                "--on-bad-row",
                type=click.Choice(["error", "skip"]),
                default="error",
                help="End the job at a row whose text is NULL or empty, or leave it out.",
            ),
            option(
                "--rejects", metavar="PATH", help="Where rows that are left out go, with a column reason."
            ),
            option(
                "--shared-model",
                "shared",
                is_flag=True,
                help="All nodes see MODEL's path: do not distribute it.",
            ),
            option("--overwrite", is_flag=True, help="Replace what is there."),
        ]
    ):
        function = decorate(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Score, encode, search and deduplicate on Spark.

    \b
    Examples:
      python -m textsim.spark score --model zh-general --input pairs.parquet --output scores.parquet
      spark-submit --master yarn $(python -c 'import textsim.spark.__main__ as m; print(m.__file__)') score ...
    """


def _command(function: Callable[..., None]) -> Command:
    """A command of the group, which runs with a session that ends with it."""

    @functools.wraps(function)
    def run(**options: Any) -> None:
        spark = SparkSession.builder.appName(f"textsim {function.__name__}").getOrCreate()
        try:
            function(spark, **options)
        finally:
            spark.stop()

    found = command()(run)
    main.add_command(found)
    return found


def _write_rejects(
    spark: SparkSession, df: DataFrame, columns: list[str], options: dict[str, Any]
) -> dict[str, int]:
    """Writes the rows that are left out, where asked to; how many they are."""
    from textsim.spark.frames import rejected

    if options["rejects"] is None:
        return {}
    if options["on_bad_row"] != "skip":
        raise click.UsageError("--rejects: with --on-bad-row skip only.")
    bad = rejected(df, options["model"], columns=columns, shared=options["shared"])
    write(bad, options["rejects"], "parquet", options["overwrite"])
    return {"rejected": spark.read.parquet(options["rejects"]).count()}


def _finish(spark: SparkSession, result: DataFrame, options: dict[str, Any], counts: dict[str, int]) -> None:
    if options["target"] is None:
        raise click.UsageError("--output: expected where the results go.")
    write(result, options["target"], options["format"], options["overwrite"])
    rows = read(spark, options["target"], options["format"]).count()
    click.echo(format_json({"rows": rows, **counts}))


@_command
@_options
@option("--text-a", default="text_a", metavar="COLUMN")
@option("--text-b", default="text_b", metavar="COLUMN")
@option(
    "--encode-once/--encode-each",
    default=None,
    help="Encode each distinct text once and join its vector.  [default: by how often texts repeat]",
)
def score(spark: SparkSession, text_a: str, text_b: str, encode_once: bool | None, **options: Any) -> None:
    """Score pairs: adds score, probability and decision."""
    from textsim.spark.frames import score_pairs

    df = read(spark, options["source"], options["format"])
    scored = score_pairs(
        df,
        options["model"],
        text_a=text_a,
        text_b=text_b,
        keep=options["keep"],
        on_bad_row=options["on_bad_row"],
        encode_once=encode_once,
        shared=options["shared"],
    )
    counts = _write_rejects(spark, df, [text_a, text_b], options)
    _finish(spark, scored, options, counts)


@_command
@_options
@option("--text", default="text", metavar="COLUMN")
def encode(spark: SparkSession, text: str, **options: Any) -> None:
    """Encode texts: adds their vectors."""
    from textsim.spark.frames import encode

    df = read(spark, options["source"], options["format"])
    encoded = encode(
        df,
        options["model"],
        text=text,
        keep=options["keep"],
        on_bad_row=options["on_bad_row"],
        shared=options["shared"],
    )
    counts = _write_rejects(spark, df, [text], options)
    _finish(spark, encoded, options, counts)


@_command
@_options
@option("--index", required=True, metavar="INDEX", help="A stored index, under a path that all nodes see.")
@option("--text", default="text", metavar="COLUMN")
@option("-k", "--top", "k", type=click.IntRange(1), default=5, help="Hits for each text.")
def search(spark: SparkSession, index: str, text: str, k: int, **options: Any) -> None:
    """Search a stored index for each text."""
    from textsim.spark.frames import search

    df = read(spark, options["source"], options["format"])
    found = search(
        df,
        index,
        k,
        text=text,
        keep=options["keep"],
        on_bad_row=options["on_bad_row"],
        model=options["model"],
    )
    counts = _write_rejects(spark, df, [text], options)
    _finish(spark, found, options, counts)


@_command
@_options
@option("--id", "id_column", default="id", metavar="COLUMN", help="Ids, each once.")
@option("--text", default="text", metavar="COLUMN")
@option(
    "--threshold", type=click.FloatRange(0, 1), metavar="X", help="Score of a match.  [default: the model's]"
)
@option(
    "--probes", type=click.IntRange(1), default=3, help="Buckets of a text: more find more, and take longer."
)
def dedup(
    spark: SparkSession, id_column: str, text: str, threshold: float | None, probes: int, **options: Any
) -> None:
    """Group texts that match: group, representative, id, text, score, decision."""
    from textsim.spark.dedup import deduplicate

    df = read(spark, options["source"], options["format"])
    groups = deduplicate(
        df,
        options["model"],
        id=id_column,
        text=text,
        threshold=threshold,
        probes=probes,
        on_bad_row=options["on_bad_row"],
        shared=options["shared"],
    )
    counts = _write_rejects(spark, df, [text], options)
    _finish(spark, groups, options, counts)


@_command
@_options
@option("--text-a", default="text_a", metavar="COLUMN")
@option("--text-b", default="text_b", metavar="COLUMN")
@option("--label", default="label", metavar="COLUMN")
def evaluate(spark: SparkSession, text_a: str, text_b: str, label: str, **options: Any) -> None:
    """Print the metrics of a model on labelled pairs, as JSON."""
    from textsim.spark.evaluate import evaluate

    result = evaluate(
        read(spark, options["source"], options["format"]),
        options["model"],
        text_a=text_a,
        text_b=text_b,
        label=label,
        on_bad_row=options["on_bad_row"],
        shared=options["shared"],
    )
    click.echo(format_json(result.to_dict()))


if __name__ == "__main__":
    main(prog_name="python -m textsim.spark")
