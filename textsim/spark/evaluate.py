"""Metrics of a model on labelled pairs of a data frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from textsim.artifacts.pretrained import find_model
from textsim.artifacts.saved_model import load_model
from textsim.errors import InputError
from textsim.evaluation.evaluate import Evaluation, evaluate_scores
from textsim.spark.frames import BadRows, ModelPath, kept_columns, score_pairs


def evaluate(
    df: DataFrame,
    model: ModelPath,
    *,
    text_a: str = "text_a",
    text_b: str = "text_b",
    label: str = "label",
    on_bad_row: BadRows = "error",
    **options: Any,
) -> Evaluation:
    """Metrics of a model on labelled pairs, at its threshold.

    The executors score; labels and scores, 12 bytes a pair, come to the driver.

    Args:
        df: one row a pair.
        model, text_a, text_b, on_bad_row, options: see `score_pairs`.
        label: column of the labels, numbers from 0 to 1; 0.5 and more count as a match.

    Raises:
        ArtifactError, InputError: see `score_pairs`; or a label is missing or out of range.
    """
    kept_columns(df, [label], [])
    scored = score_pairs(
        df.withColumn(label, F.col(label).cast("double")),
        model,
        text_a=text_a,
        text_b=text_b,
        keep=[label],
        on_bad_row=on_bad_row,
        **options,
    )
    table = scored.select(label, "score").toArrow()
    if not table.num_rows:
        raise InputError("the data frame: expected labelled pairs. Received none.")
    labels = table.column(label).to_numpy()
    if not np.all((labels >= 0) & (labels <= 1)):
        raise InputError(f"the data frame, column {label!r}: expected numbers from 0 to 1 in every row.")
    return evaluate_scores(labels, table.column("score").to_numpy(), load_model(find_model(model)).threshold)
