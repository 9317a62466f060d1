"""Data frames of pairs and texts to data frames of scores, vectors and search results."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from textsim.artifacts.pretrained import find_model
from textsim.artifacts.saved_model import load_model
from textsim.errors import ArtifactError, ConfigError, InputError
from textsim.io.manifest import MANIFEST, sha256_file
from textsim.matching.text_matcher import CACHE_BYTES
from textsim.registry import unknown_name
from textsim.spark import worker
from textsim.spark.worker import Shipped

BadRows = Literal["error", "skip"]
ModelPath = str | os.PathLike[str]

REPEATS_THAT_PAY = 10.0
"""Times that a text occurs on average, from which on encoding each once and joining its vector costs less than encoding
it wherever it occurs, where a worker cannot remember all of them: vectors of 4 KB are shuffled then. Measured by
`scripts/benchmarks/spark.py`.
"""

_DECISION_FIELDS = [
    T.StructField("score", T.FloatType()),
    T.StructField("probability", T.DoubleType()),
    T.StructField("decision", T.StringType()),
]
_HIT_FIELDS = [
    T.StructField("rank", T.IntegerType()),
    T.StructField("hit_id", T.StringType()),
    T.StructField("hit_text", T.StringType()),
    *_DECISION_FIELDS,
    T.StructField("cosine", T.FloatType()),
    T.StructField("payload", T.StringType()),
]
_VECTOR_FIELD = T.StructField("vector", T.ArrayType(T.FloatType(), containsNull=False))


def score_pairs(
    df: DataFrame,
    model: ModelPath,
    *,
    text_a: str = "text_a",
    text_b: str = "text_b",
    keep: Sequence[str] | None = None,
    on_bad_row: BadRows = "error",
    encode_once: bool | None = False,
    shared: bool = False,
    left_out: Any = None,
) -> DataFrame:
    """Scores pairs of texts.

    Args:
        df: one row a pair.
        model: a model folder or the name of a bundled model, as the driver sees it.
        text_a, text_b: columns of the texts.
        keep: columns to keep; by default all.
        on_bad_row: "error" ends the job at a row whose text is NULL or empty; "skip" leaves such rows out, see
            `rejected`.
        encode_once: True encodes each distinct text of the job once and joins the vectors; False encodes a text
            wherever it occurs, but for the last 64 MB of vectors that a worker remembers; None decides by how many
            texts there are and how often they repeat (`REPEATS_THAT_PAY`), which costs a pass over the texts.
        shared: whether all nodes see the model's path, so that it need not be distributed.
        left_out: a Spark accumulator that counts skipped rows; where Spark runs a task again, it counts them again.

    Returns:
        The kept columns, and score (float), probability (double), decision ("match", "unsure" or "no match").

    Raises:
        ArtifactError: no such model, one of vectors, or not whole.
        InputError: a column is missing, is not of texts, has a dot in its name, or the name of another or of one that
            is added.
    """
    check_texts(df, [text_a, text_b])
    kept = kept_columns(df, keep, [field.name for field in _DECISION_FIELDS])
    skip = skips(on_bad_row)
    shipped = ship(df.sparkSession, model, shared)
    if encode_once is None:
        encode_once = _pays(df, text_a, text_b, 4 * load_model(find_model(model)).output_dim)
    if not encode_once:
        return df.mapInArrow(
            worker.score_batches(shipped, text_a, text_b, kept, skip, left_out),
            schema_of(df, kept, _DECISION_FIELDS),
        )
    texts = df.select(F.col(text_a).alias("text")).union(df.select(F.col(text_b))).distinct()
    # A text that cannot be read has no vector to be joined with: its row is left out, and counted, before.
    pairs = df.mapInArrow(worker.good_batches(shipped, [text_a, text_b], left_out), df.schema) if skip else df
    vectors = encode_to_bytes(texts, shipped, "text", ["text"], skip)
    joined = pairs
    for column, name in ((text_a, "vector_a"), (text_b, "vector_b")):
        # Spark takes the vectors for as small as their texts, and would send all of them everywhere: merged by sorting,
        # they go to disk where memory is short.
        side = vectors.select(F.col("text").alias(f"__{name}"), F.col("vector").alias(name)).hint("merge")
        joined = joined.join(side, F.col(column).eqNullSafe(F.col(f"__{name}")), "inner").drop(f"__{name}")
    return joined.mapInArrow(
        worker.compare_batches(shipped, text_a, text_b, kept), schema_of(df, kept, _DECISION_FIELDS)
    )


def encode(
    df: DataFrame,
    model: ModelPath,
    *,
    text: str = "text",
    keep: Sequence[str] | None = None,
    on_bad_row: BadRows = "error",
    shared: bool = False,
) -> DataFrame:
    """The vectors of texts, in a column `vector` of floats beside the kept columns. Arguments and errors of
    `score_pairs`.
    """
    check_texts(df, [text])
    kept = kept_columns(df, keep, ["vector"])
    shipped = ship(df.sparkSession, model, shared)
    return df.mapInArrow(
        worker.encode_batches(shipped, text, kept, skips(on_bad_row), worker.list_array),
        schema_of(df, kept, [_VECTOR_FIELD]),
    )


def encode_to_bytes(df: DataFrame, shipped: Shipped, text: str, keep: list[str], skip: bool) -> DataFrame:
    """The kept columns, and `vector` as `worker.matrix` reads it: what moves between steps of a job."""
    return df.mapInArrow(
        worker.encode_batches(shipped, text, keep, skip, worker.bytes_array),
        schema_of(df, keep, [T.StructField("vector", T.BinaryType())]),
    )


def search(
    df: DataFrame,
    index: ModelPath,
    k: int = 5,
    *,
    text: str = "text",
    keep: Sequence[str] | None = None,
    on_bad_row: BadRows = "error",
    model: ModelPath | None = None,
) -> DataFrame:
    """Finds the stored texts that each text matches: up to `k` rows a text.

    Args:
        df: one row a text.
        index: folder of a stored index, under a path that all nodes see.
        k: hits for each text.
        text: column of the texts.
        keep, on_bad_row: see `score_pairs`.
        model: the model of the index; by default the one that it names.

    Returns:
        The kept columns, and rank (from 1), hit_id, hit_text, score, probability, decision, cosine, payload (JSON).

    Raises:
        ArtifactError: the index or the model is not whole, or they do not belong together.
        InputError: see `score_pairs`; or `k` is less than 1.
    """
    from textsim.matching.index.text_index import TextIndex, count_of
    from textsim.matching.text_matcher import TextMatcher

    check_texts(df, [text])
    k = count_of(k)
    kept = kept_columns(df, keep, worker.HIT_COLUMNS)
    # Opened by the driver too, so that what does not fit is one error before the job.
    opened = TextIndex.open(index, None if model is None else TextMatcher.load(model, threads=1))
    name = model or opened.matcher.saved.source
    opened.close()
    if name is None:
        raise ArtifactError(f"{os.fspath(index)}/ does not name its model. Pass model=....")
    shipped = ship(df.sparkSession, name)
    return df.mapInArrow(
        worker.search_batches(shipped, os.path.abspath(index), text, kept, k, skips(on_bad_row)),
        schema_of(df, kept, _HIT_FIELDS),
    )


def rejected(
    df: DataFrame, model: ModelPath, *, columns: Sequence[str] = ("text_a", "text_b"), shared: bool = False
) -> DataFrame:
    """The rows that on_bad_row="skip" leaves out: all columns, and `reason`. Arguments and errors of `score_pairs`."""
    check_texts(df, columns)
    names = kept_columns(df, None, ["reason"])
    shipped = ship(df.sparkSession, model, shared)
    return df.mapInArrow(
        worker.rejected_rows(shipped, list(columns)),
        schema_of(df, names, [T.StructField("reason", T.StringType())]),
    )


def ship(spark: SparkSession, model: ModelPath, shared: bool = False) -> Shipped:
    """Checks a model and has Spark distribute its folder, once a node and session.

    Raises:
        ArtifactError: no such model, one of vectors, or not whole.
    """
    folder = find_model(model)
    if load_model(folder).kind != "text":
        raise ArtifactError(f"{folder} is a model of numeric vectors. Expected one of texts.")
    sha256 = sha256_file(folder / MANIFEST)
    if shared:
        return Shipped(os.path.abspath(folder), sha256, True)
    name = f"textsim-{sha256[:16]}"
    context = spark.sparkContext
    if not any(name in path for path in context.listArchives):
        # Spark unpacks an archive on every node, once; a folder it distributes from a shared file system alone.
        archive = shutil.make_archive(
            str(Path(tempfile.mkdtemp(prefix="textsim-spark-")) / name), "zip", folder
        )
        atexit.register(shutil.rmtree, Path(archive).parent, ignore_errors=True)
        context.addArchive(f"{archive}#{name}")
    return Shipped(name, sha256, False)


def _pays(df: DataFrame, text_a: str, text_b: str, vector_bytes: int) -> bool:
    """Whether texts repeat often, and are more than a worker remembers, by an estimate within a few percent."""
    texts = df.select(F.col(text_a).alias("text")).union(df.select(F.col(text_b)))
    rows, distinct = texts.agg(F.count("text"), F.approx_count_distinct("text", 0.05)).first() or (0, 0)
    return bool(distinct * vector_bytes > CACHE_BYTES and rows >= REPEATS_THAT_PAY * distinct)


def skips(on_bad_row: str) -> bool:
    """Whether bad rows are skipped. Raises ConfigError for what is neither "error" nor "skip"."""
    if on_bad_row not in ("error", "skip"):
        raise ConfigError(unknown_name("on_bad_row", on_bad_row, ("error", "skip")))
    return on_bad_row == "skip"


def check_texts(df: DataFrame, columns: Sequence[str]) -> None:
    """Raises InputError where a column is missing or not of texts."""
    types = {field.name: field.dataType for field in df.schema.fields}
    for column in columns:
        _check_name(df, column)
        if not isinstance(types[column], T.StringType):
            raise InputError(
                f"the data frame, column {column!r}: expected texts (string). Received "
                f"{types[column].simpleString()}."
            )


def kept_columns(df: DataFrame, keep: Sequence[str] | None, added: Sequence[str]) -> list[str]:
    """The columns that a result keeps: `keep`, or all.

    Raises:
        InputError: one of them is missing, named twice or also added; or Spark can hand a column of the data frame to
            no worker, because of its name.
    """
    names = list(df.columns if keep is None else keep)
    for name in names:
        _check_name(df, name)
        # To Spark they are one name.
        if name.lower() in added:
            raise InputError(
                f"the data frame: expected columns other than {', '.join(added)}, which are added. Received {name!r}: "
                "rename it, or name the columns to keep."
            )
    for name in df.columns:
        if "." in name or "`" in name:
            raise InputError(f"the data frame: expected names without dots. Received {name!r}: rename it.")
    for given in (df.columns, names):
        lower = [name.lower() for name in given]
        twice = next((name for name in given if lower.count(name.lower()) > 1), None)
        if twice is not None:
            raise InputError(
                f"the data frame: expected each column once. Received {twice!r} twice: rename or leave out one."
            )
    return names


def _check_name(df: DataFrame, column: str) -> None:
    """Raises InputError where a column is missing."""
    if column not in df.columns:
        have = ", ".join(map(repr, df.columns)) or "none"
        raise InputError(f"the data frame: no column is named {column!r}. Received {have}.")


def schema_of(df: DataFrame, kept: Sequence[str], added: Sequence[T.StructField]) -> T.StructType:
    """The schema of a result: the columns kept as they are, then those added."""
    return T.StructType([*(df.schema[name] for name in kept), *added])
