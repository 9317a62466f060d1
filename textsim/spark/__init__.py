"""Scores, vectors, search results, duplicates and training data of Spark data frames: what outgrows one machine.

Most functions return data frames and compute nothing themselves: Spark does, when it is asked for rows. Each worker
process loads the model once, from the files that Spark has distributed, and computes with one thread; scores, vectors
and decisions are those of `TextMatcher`, to the bit, whatever the partitions. Needs textsim[spark].

Example:
    >>> from textsim.spark import score_pairs
    >>> scored = score_pairs(spark.read.parquet("pairs.parquet"), "zh-general", keep=["id"])  # doctest: +SKIP
    >>> scored.write.parquet("scores.parquet")  # doctest: +SKIP
"""

from __future__ import annotations

from textsim.spark.dedup import deduplicate
from textsim.spark.evaluate import evaluate
from textsim.spark.frames import encode, rejected, score_pairs, search
from textsim.spark.preprocess import preprocess

__all__ = ["deduplicate", "encode", "evaluate", "preprocess", "rejected", "score_pairs", "search"]
