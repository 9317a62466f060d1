"""`python -m textsim.spark`: the command line, which also runs under `spark-submit`.

The master and all other settings come from Spark's own configuration: spark-defaults.conf, `spark-submit --master`, or
the environment.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession

from textsim import errors
from textsim.cli.options import (
    OUTPUT,
    folder_options,
    json_option,
    label_options,
    option,
    parse_columns,
    quiet_option,
)
from textsim.cli.preprocess import dataset_arguments, dataset_options, show_report
from textsim.cli.terminal import Command, command, format_json
from textsim.errors import DataFormatError, InputError, TextsimError

_FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".json": "json", ".jsonl": "json"}


def _format(path: str, given: str | None) -> str:
    """The format of a path: as given, by its ending, or a table of the catalog where it looks like none."""
    if given is not None:
        return given
    for ending, name in _FORMATS.items():
        if path.rstrip("/").lower().endswith((ending, f"{ending}.gz")):
            return name
    return "table"


# As everybody else quotes: Spark would put a backslash before a quote.
_CSV: dict[str, bool | str] = {"header": True, "escape": '"'}


def read(spark: SparkSession, path: str, format: str | None) -> DataFrame:
    """A data frame of a path or a table.

    Raises:
        DataFormatError: Spark cannot read it.
    """
    name = _format(path, format)
    try:
        if name == "table":
            return spark.table(path)
        reader = spark.read.format(name)
        return (reader.options(**_CSV, multiLine=True) if name == "csv" else reader).load(path)
    except PySparkException as error:
        raise DataFormatError(f"{path}: cannot be read as {name}: {str(error).splitlines()[0]}") from None


def write(df: DataFrame, path: str, format: str | None, overwrite: bool) -> None:
    """Writes a data frame to a path or a table. Spark marks a complete folder with `_SUCCESS`.

    Raises:
        InputError: it exists and may not be replaced.
    """
    name = _format(path, format)
    writer = df.write.mode("overwrite" if overwrite else "errorifexists")
    try:
        if name == "table":
            writer.saveAsTable(path)
        else:
            # Spark would strip what it writes, though not what it reads.
            kept = {"ignoreLeadingWhiteSpace": False, "ignoreTrailingWhiteSpace": False}
            (writer.options(**_CSV, **kept) if name == "csv" else writer).format(name).save(path)
    except AnalysisException as error:
        if "ALREADY_EXISTS" not in str(error) and "already exists" not in str(error):
            raise
        raise InputError(f"{path}: exists already. Choose another path, or pass overwrite=True.") from None


def _parse_names(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    """Names of columns: in Spark none has a position."""
    return None if value is None else [name.strip() for name in value.split(",")]


_OPTIONS = {
    "model": option(
        "--model", required=True, metavar="MODEL", help="A model folder, or a bundled model's name."
    ),
    "shared": option(
        "--shared-model",
        "shared",
        is_flag=True,
        help="All nodes see MODEL's path: do not distribute it.",
    ),
    "input": option(
        "--input", "source", required=True, metavar="PATH", help="Parquet, CSV, JSON, or a table."
    ),
    "output": option(
        "--output", "target", required=True, metavar="PATH", help="Likewise; where the results go."
    ),
    "format": option(
        "--format",
        type=click.Choice(["parquet", "csv", "json", "table"]),
        help="Of what is read and written.  [default: by the ending, else a table]",
    ),
    "keep": option(
        "--keep", metavar="A,B,...", callback=_parse_names, help="Columns to keep.  [default: all]"
    ),
    "on_bad_row": option(
        "--on-bad-row",
        type=click.Choice(["error", "skip"]),
        default="error",
        help="End the job at a row whose text is NULL or empty, or leave it out.",
    ),
    "rejects": option(
        "--rejects", metavar="PATH", help="Where rows that are left out go, with a column reason."
    ),
    "overwrite": option("--overwrite", is_flag=True, help="Replace what is there."),
    "text": option("--text", default="text", metavar="COLUMN"),
    "text_a": option("--text-a", default="text_a", metavar="COLUMN"),
    "text_b": option("--text-b", default="text_b", metavar="COLUMN"),
}
"""The options that several commands have."""

_READING = ("model", "input", "format", "on_bad_row")
_WRITING = ("output", "rejects", "overwrite")


def _options(*names: str) -> Callable[[Any], Any]:
    """Gives a command some of the `_OPTIONS`, in this order."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for name in reversed(names):
            function = _OPTIONS[name](function)
        return function

    return decorate


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Score, encode, search, deduplicate, evaluate and preprocess on Spark.

    \b
    Examples:
      python -m textsim.spark preprocess --input train.parquet --order id --dev-fraction 0.1 --out dataset
      python -m textsim.spark score --model zh-general --input pairs.parquet --output scores.parquet
      spark-submit --master yarn $(python -c 'import textsim.spark.__main__ as m; print(m.__file__)') score ...
    """


def _command(function: Callable[..., None]) -> Command:
    """A command of the group, which runs with a session that ends with it."""

    @functools.wraps(function)
    def run(**options: Any) -> None:
        if options.get("rejects") is not None and options["on_bad_row"] != "skip":
            raise click.UsageError("--rejects: with --on-bad-row skip only.")
        spark = SparkSession.builder.appName(f"textsim {function.__name__}").getOrCreate()
        try:
            function(spark, **options)
        except PySparkException as error:
            raise _failure(error) from error
        finally:
            spark.stop()

    found = command()(run)
    main.add_command(found)
    return found


def _failure(error: PySparkException) -> TextsimError:
    """What ended a job, in one line: the error of a worker, whose traceback Spark hands on as text, or Spark's own."""
    raised = re.search(r"^textsim\.errors\.(\w+): (.*)$", str(error), re.MULTILINE)
    if raised:
        kind: type[TextsimError] = getattr(errors, raised[1])
        return kind(raised[2])
    return InputError(f"Spark ended the job: {str(error).splitlines()[0]}")


def _finish(
    spark: SparkSession, df: DataFrame, result: DataFrame, texts: list[str], options: dict[str, Any]
) -> None:
    """Writes the rows that are left out, where asked to, and the result; prints how many rows there are."""
    from textsim.spark.frames import rejected

    counts = {}
    if options["on_bad_row"] == "skip":
        bad = rejected(df, options["model"], columns=texts, shared=options.get("shared", False))
        if options["rejects"] is not None:
            write(bad, options["rejects"], "parquet", options["overwrite"])
            bad = spark.read.parquet(options["rejects"])
        counts["rejected"] = bad.count()
    write(result, options["target"], options["format"], options["overwrite"])
    rows = read(spark, options["target"], options["format"]).count()
    click.echo(format_json({"rows": rows, **counts}))


def _call(options: dict[str, Any], *names: str) -> dict[str, Any]:
    """The options that are arguments of a function by the same name."""
    return {name: options[name] for name in names}


@_command
@_options(*_READING, *_WRITING, "keep", "shared", "text_a", "text_b")
@option(
    "--encode-once/--encode-each",
    default=None,
    help="Encode each distinct text once and join its vector.  [default: by how often texts repeat]",
)
def score(spark: SparkSession, **options: Any) -> None:
    """Score pairs: adds score, probability and decision."""
    from textsim.spark.frames import score_pairs

    df = read(spark, options["source"], options["format"])
    arguments = _call(options, "text_a", "text_b", "keep", "on_bad_row", "encode_once", "shared")
    scored = score_pairs(df, options["model"], **arguments)
    _finish(spark, df, scored, [options["text_a"], options["text_b"]], options)


@_command
@_options(*_READING, *_WRITING, "keep", "shared", "text")
def encode(spark: SparkSession, **options: Any) -> None:
    """Encode texts: adds their vectors."""
    from textsim.spark.frames import encode

    df = read(spark, options["source"], options["format"])
    encoded = encode(df, options["model"], **_call(options, "text", "keep", "on_bad_row", "shared"))
    _finish(spark, df, encoded, [options["text"]], options)


@_command
@_options(*_READING, *_WRITING, "keep", "text")
@option("--index", required=True, metavar="INDEX", help="A stored index, under a path that all nodes see.")
@option("-k", "--top", "k", type=click.IntRange(1), default=5, help="Hits for each text.")
def search(spark: SparkSession, index: str, k: int, **options: Any) -> None:
    """Search a stored index for each text."""
    from textsim.spark.frames import search

    df = read(spark, options["source"], options["format"])
    found = search(df, index, k, **_call(options, "text", "keep", "on_bad_row", "model"))
    _finish(spark, df, found, [options["text"]], options)


@_command
@_options(*_READING, *_WRITING, "shared", "text")
@option("--id", "id", default="id", metavar="COLUMN", help="Ids, each once.")
@option(
    "--threshold", type=click.FloatRange(0, 1), metavar="X", help="Score of a match.  [default: the model's]"
)
@option(
    "--probes", type=click.IntRange(1), default=3, help="Buckets of a text: more find more, and take longer."
)
def dedup(spark: SparkSession, **options: Any) -> None:
    """Group texts that match: group, representative, id, text, score, decision."""
    from textsim.spark.dedup import deduplicate

    df = read(spark, options["source"], options["format"])
    arguments = _call(options, "id", "text", "threshold", "probes", "on_bad_row", "shared")
    groups = deduplicate(df, options["model"], **arguments)
    _finish(spark, df, groups, [options["text"]], options)


@_command
@_options(*_READING, "shared", "text_a", "text_b")
@option("--label", default="label", metavar="COLUMN")
def evaluate(spark: SparkSession, **options: Any) -> None:
    """Print the metrics of a model on labelled pairs, as JSON."""
    from textsim.spark.evaluate import evaluate
    from textsim.spark.frames import rejected

    df = read(spark, options["source"], options["format"])
    arguments = _call(options, "text_a", "text_b", "label", "on_bad_row", "shared")
    found = evaluate(df, options["model"], **arguments).to_dict()
    if options["on_bad_row"] == "skip":
        texts = [options["text_a"], options["text_b"]]
        found["rejected"] = rejected(df, options["model"], columns=texts, shared=options["shared"]).count()
    click.echo(format_json(found))


@_command
@_options("input", "format")
@option("--dev", metavar="PATH", help="Validation rows, likewise.")
@option("--order", required=True, metavar="COLUMN", help="The column that gives the rows their order.")
@folder_options("DATASET")
@option("--columns", metavar="A,B,...", callback=parse_columns, help="The columns of texts and label.")
@option("--kind", type=click.Choice(["auto", "pairs", "triplets"]), default="auto", help="What a row holds.")
@_options("on_bad_row")
@option("--rejects", type=OUTPUT, metavar="FILE", help="Where skipped rows go.  [default: into DATASET]")
@json_option("the report")
@quiet_option
@label_options
@dataset_options
def preprocess(
    spark: SparkSession,
    source: str,
    dev: str | None,
    format: str | None,
    out: Path,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Make the dataset folder of `textsim preprocess`, byte for byte, on this machine."""
    from textsim.spark.preprocess import preprocess

    df = read(spark, source, format)
    held_out = None if dev is None else read(spark, dev, format)
    report = preprocess(df, out, dev=held_out, progress=False, **dataset_arguments(**options))
    show_report(report, out, as_json, quiet)


if __name__ == "__main__":
    main(prog_name="python -m textsim.spark")
