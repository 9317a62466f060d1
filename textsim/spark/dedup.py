"""Duplicates of a data frame's texts, by blocks."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from textsim.artifacts.pretrained import find_model
from textsim.artifacts.saved_model import load_model
from textsim.errors import InputError
from textsim.matching.decisions import decide
from textsim.matching.dedup import MIN_COSINE, ScoredPairs, check_settings, group
from textsim.spark import worker
from textsim.spark.frames import (
    BadRows,
    ModelPath,
    check_texts,
    encode_to_bytes,
    kept_columns,
    schema_of,
    ship,
    skips,
)

BUCKET_TEXTS = 2000
"""Distinct texts of a bucket on average: all of its pairs are looked at."""

_PAIRS = T.StructType(
    [
        T.StructField("left", T.LongType()),
        T.StructField("right", T.LongType()),
        T.StructField("score", T.FloatType()),
        T.StructField("indistinct", T.BooleanType()),
    ]
)


def deduplicate(
    df: DataFrame,
    model: ModelPath,
    *,
    id: str = "id",
    text: str = "text",
    threshold: float | None = None,
    neighbors: int = 20,
    min_cosine: float = MIN_COSINE,
    probes: int = 3,
    seed: int = 0,
    on_bad_row: BadRows = "error",
    shared: bool = False,
) -> DataFrame:
    """Groups of texts that match, in each of which every text matches its representative.

    Texts that are equal once they are normalized are one. The others are compared within buckets: a text goes to those
    of the `probes` nearest of some drawn texts' vectors, and is scored there with its nearest neighbours. A duplicate
    that shares no bucket is missed; with a single bucket the groups are those of
    `textsim.matching.dedup.find_duplicates`. This call runs the job up to the groups, which are made on the driver: it
    holds the distinct texts, each with the id that comes first, and 28 bytes a match.

    Args:
        df: one row a text.
        model: a model folder or the name of a bundled model.
        id: column of ids, each once, of any type that has an order.
        text: column of the texts.
        threshold: score from which on a text belongs to a representative; by default the model's.
        neighbors, min_cosine: see `textsim.matching.dedup.score_neighbors`.
        probes: buckets of a text: more find more duplicates, in as much more time.
        seed: of the drawn texts.
        on_bad_row, shared: see `textsim.spark.score_pairs`.

    Returns:
        group (long), representative (an id), id, text, score (with the representative), decision. Texts that are alone
        have themselves.

    Raises:
        ArtifactError, InputError: see `textsim.spark.score_pairs`; or an id is NULL, or a number out of its range.
    """
    if probes < 1:
        raise InputError(f"probes: expected at least 1. Received {probes}.")
    saved = load_model(find_model(model))
    threshold = saved.threshold if threshold is None else threshold
    check_settings(threshold=threshold, neighbors=neighbors, min_cosine=min_cosine)
    check_texts(df, [text])
    kept_columns(df, [id, text], ["normalized", "group", "representative", "score", "decision"])
    spark = df.sparkSession
    shipped = ship(spark, model, shared)
    clean = df.mapInArrow(
        worker.normalize_batches(shipped, text, [id, text], skips(on_bad_row)),
        schema_of(df, [id, text], [T.StructField("normalized", T.StringType())]),
    )
    # The first of equal texts, with a number: kept, since a number must not change when Spark runs a task again.
    firsts = (
        clean.groupBy("normalized")
        .agg(F.min(id).alias("first"), F.count_if(F.col(id).isNull()).alias("missing"))
        .orderBy("first")
        .toArrow()
    )
    missing = sum(firsts.column("missing").to_pylist())
    if missing:
        raise InputError(f"the data frame, column {id!r}: expected ids. Received NULL in {missing:,} rows.")
    count = firsts.num_rows
    if not count:
        return spark.createDataFrame([], _groups_schema(df, id, text))
    numbered = firsts.append_column("number", pa.array(np.arange(count)))
    texts = spark.createDataFrame(numbered.select(["number", "normalized"])).repartition(
        max(1, count // worker.CHUNK_ROWS)
    )
    vectors = encode_to_bytes(texts, shipped, "normalized", ["number", "normalized"], False)
    drawn = texts.where(F.col("number").isin(_draw(count, seed)))
    centroids = _centroids(encode_to_bytes(drawn, shipped, "normalized", ["number"], False))
    buckets = vectors.mapInArrow(
        worker.bucket_batches(centroids, min(probes, len(centroids))),
        schema_of(vectors, vectors.columns, [T.StructField("bucket", T.IntegerType())]),
    )
    pairs = (
        buckets.groupBy("bucket")
        .applyInArrow(worker.pair_bucket(shipped, neighbors, min_cosine), _PAIRS)
        .where(F.col("score").cast("double") >= threshold)
        .dropDuplicates(["left", "right"])
        .toArrow()
    )
    groups = group(
        ScoredPairs(
            count,
            pairs.column("left").to_numpy(),
            pairs.column("right").to_numpy(),
            pairs.column("score").to_numpy(),
            pairs.column("indistinct").to_numpy(),
            "",
        ),
        threshold,
    )
    ids = numbered.column("first")
    decisions = decide(saved, groups.scores, groups.indistinct)
    found = pa.table(
        {
            "normalized": numbered.column("normalized"),
            "group": np.unique(groups.representatives, return_inverse=True)[1],
            "representative": ids.take(pa.array(groups.representatives)),
            "score": groups.scores,
            "decision": [decision.decision for decision in decisions],
        }
    )
    return clean.join(spark.createDataFrame(found), "normalized").select(
        "group", "representative", id, text, "score", "decision"
    )


def _groups_schema(df: DataFrame, id: str, text: str) -> T.StructType:
    """Of the result."""
    return T.StructType(
        [
            T.StructField("group", T.LongType()),
            T.StructField("representative", df.schema[id].dataType),
            df.schema[id],
            df.schema[text],
            T.StructField("score", T.FloatType()),
            T.StructField("decision", T.StringType()),
        ]
    )


def _draw(count: int, seed: int) -> list[int]:
    """The numbers of some texts, about one of `BUCKET_TEXTS`."""
    wanted = max(1, math.ceil(count / BUCKET_TEXTS))
    drawn: list[int] = np.random.default_rng(seed).choice(count, wanted, replace=False).tolist()
    return drawn


def _centroids(vectors: DataFrame) -> np.ndarray:
    """The vectors of numbered texts at length 1: float32 (texts, output_dim)."""
    rows = vectors.orderBy("number").toArrow()
    centroids = worker.matrix(rows.column("vector").combine_chunks())
    lengths = np.linalg.norm(centroids, axis=1, keepdims=True)
    unit: np.ndarray = centroids / np.where(lengths > 0, lengths, 1)
    return unit
