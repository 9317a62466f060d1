"""Training rows of a data frame to a dataset folder: Spark reads, normalizes and cuts, the driver writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial, reduce
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_schema

from textsim.data import preprocess as one_machine
from textsim.data.builders import collecting
from textsim.data.builders.collecting import Collected, RowFiles
from textsim.data.cutting import PARTITIONS, CutTexts, partition_file, write_partition
from textsim.data.detection import detect_kind
from textsim.data.row_kinds import RowKind
from textsim.data.rows import UNDECODED, RowChunk, RowReader, open_rows
from textsim.data.sentences import CutSentences
from textsim.data.settings import AnyPath
from textsim.data.splits import Sources
from textsim.errors import ConfigError, InputError
from textsim.io.npy import NpyWriter
from textsim.spark import rows as worker
from textsim.spark.frames import check_texts
from textsim.text.tokenizers import Tokenizer

MAX_TEXTS = 2**31
"""Texts of all rows: their running numbers are int32."""


def preprocess(
    df: DataFrame,
    out: AnyPath,
    *,
    order: str,
    dev: DataFrame | None = None,
    kind: str = "auto",
    as_triplets: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Makes a dataset folder, byte for byte the one that `textsim.preprocess` makes of the same rows.

    The executors check and normalize the rows, find the distinct texts, cut and number them, and number their tokens.
    The driver writes what comes back, some hundred bytes a row, into the folder, and fits the vocabulary by the code of
    one machine. It holds one partition of the rows at a time; everything else is on its disk.

    A data frame has no order of its own, and the folder's bytes depend on one: `order` gives it. The same rows are
    those of ``df.orderBy(order, ...)``, where ... are the columns that are read, as one pandas data frame. What the
    report says of the source is said of that data frame too. Word vectors are read, or trained, by the driver alone.

    Args:
        df: training rows: pairs with a label, or triplets.
        out: the folder to make, on the driver's machine.
        order: column whose values give the rows their order, best each once.
        dev: validation rows, with the same column.
        kind: "pairs", "triplets", or "auto": as the columns tell.
        as_triplets: make triplets of labelled pairs.
        options: dev_fraction, seed, tokenizer, simplify, vocabulary, word_vectors, overwrite and progress, and of the
            reading columns, on_bad_row, rejects, label_threshold and label_max: see `textsim.preprocess`.

    Returns:
        The report, as `textsim.preprocess`.

    Raises:
        ConfigError: the rows are of numeric vectors, which one machine preprocesses; or see `textsim.preprocess`.
        InputError: a column is missing or not of texts, or there are 2**31 texts or more.
        DataFormatError: a row is bad; names its number in that order. Or no row is left.
        ArtifactError: `out` exists and may not be replaced.
    """
    frames = [df] if dev is None else [df, dev]
    for frame in frames:
        if order not in frame.columns:
            raise InputError(
                f"order: no column is named {order!r}. Received {', '.join(map(repr, frame.columns))}."
            )
    if options.get("processes", 1) != 1:
        raise ConfigError("processes: Spark has its own. Leave it out.")
    if kind == "auto" and not as_triplets:
        reading = {name: options[name] for name in ("columns",) if name in options}
        kind = detect_kind(_head(df), **reading)
    if kind == "vectors":
        raise ConfigError(
            "pairs of numeric vectors are not preprocessed on Spark. Write them to a file, and run textsim preprocess "
            "on one machine."
        )
    return one_machine.preprocess(
        df,
        out,
        dev=[] if dev is None else dev,
        kind=kind,
        as_triplets=as_triplets,
        collect=partial(_collect, order=order),
        **options,
    )


def _collect(work: Path, sources: Sources, kind: RowKind, tokenizer: Tokenizer, order: str) -> Collected:
    """Has Spark read and cut the rows. A `textsim.data.builders.collecting.Collect`."""
    found = []
    rows_of = {"train": 0, "dev": 0}
    texts = []
    files = RowFiles(work, kind)
    with ExitStack() as stack:
        for split, df in sources.all():
            reader = open_rows(_head(df), kind, sources.reading)
            read = _read(df, order, kind, reader.info.columns, sources, tokenizer)
            stack.callback(read.unpersist)
            info, places = _refuse_and_count(read, reader, kind, sum(rows_of.values()))
            found.append({**asdict(reader.info), **info, "split": split})
            rows_of[split] += places.rows
            good = read.where(F.col("reason").isNull())
            _add_rows(files, good, kind, places)
            numbering = worker.number_texts(places, worker.text_columns(kind)[1])
            texts.append(good.mapInArrow(numbering, from_arrow_schema(worker.NUMBERED)))
        files.close()
        cut = _cut(reduce(DataFrame.union, texts), tokenizer)
        stack.callback(cut.unpersist)
        _write_partitions(work, cut)
    rows = sum(rows_of.values())
    return Collected(found, rows, rows_of["train"], files.kept, CutSentences(work, rows * kind.texts))


def _head(df: DataFrame) -> pa.Table:
    """The first rows of a data frame, by which its columns are found."""
    return df.limit(2).toArrow()


def _read(
    df: DataFrame, order: str, kind: RowKind, columns: list[str], sources: Sources, tokenizer: Tokenizer
) -> DataFrame:
    """The rows in their order, checked and normalized, on the executors' disks."""
    check_texts(df, columns[: kind.texts])
    for name in columns[kind.texts :]:
        if not isinstance(df.schema[name].dataType, T.NumericType | T.StringType | T.BooleanType):
            raise InputError(
                f"the data frame, column {name!r}: expected labels (numbers, strings or booleans). Received "
                f"{df.schema[name].dataType.simpleString()}."
            )
    reading = sources.reading.replace(rejects=None)
    # Rows that are equal in all that is read may stand in any order.
    ordered = (
        df.select(_column(order).alias("__order"), *map(_column, columns))
        .orderBy("__order", *map(_column, columns))
        .withColumn(worker.BLOCK, F.spark_partition_id())
    )
    reads = worker.read_rows(kind, columns, reading, tokenizer)
    return ordered.mapInArrow(reads, from_arrow_schema(worker.read_schema(kind))).persist(
        StorageLevel.DISK_ONLY
    )


def _column(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")


def _refuse_and_count(
    read: DataFrame, reader: RowReader, kind: RowKind, before: int
) -> tuple[dict[str, int], worker.Places]:
    """Refuses the bad rows of a source, as its reader does, and counts the others."""
    undecoded = reduce(
        Column.__or__, [F.col(name).contains(UNDECODED) for name in worker.text_columns(kind)[1]]
    )
    counts = sorted(
        read.groupBy(worker.BLOCK)
        .agg(F.count("good"), F.count("reason"), F.count(F.when(undecoded, 1)))
        .collect()
    )
    goods, bads, marked = (np.array([row[k] for row in counts], np.int64) for k in (1, 2, 3))
    if bads.sum():
        first_line = dict(
            zip((row[0] for row in counts), (goods + bads).cumsum() - goods - bads, strict=True)
        )
        bad = read.where(F.col("reason").isNotNull()).orderBy(worker.BLOCK, "line")
        for row in bad.select(worker.BLOCK, "line", "reason", "row").toLocalIterator():
            reader.reject(int(first_line[row[0]]) + row[1], row[2], row[3])
    rows = int(goods.sum())
    if not rows:
        reader.raise_empty()
    if (before + rows) * kind.texts >= MAX_TEXTS:
        raise InputError(f"the data frames: expected fewer than {MAX_TEXTS:,} texts. Received more.")
    firsts = before + goods.cumsum() - goods
    places = worker.Places(
        dict(zip((row[0] for row in counts), firsts.tolist(), strict=True)),
        before,
        rows,
        collecting.CHUNK_ROWS,
        kind.texts,
    )
    return {"rows": rows, "undecoded": int(marked.sum())}, places


def _add_rows(files: RowFiles, good: DataFrame, kind: RowKind, places: worker.Places) -> None:
    """Lays the rows of a source down."""
    raw, _ = worker.text_columns(kind)
    at = places.before
    packed = good.select("label", *raw).mapInArrow(worker.pack, "batch binary")
    for row in packed.toLocalIterator(prefetchPartitions=True):
        table = worker.unpack(row.batch)
        numbers = np.arange(at, at + table.num_rows)
        at += table.num_rows
        chunk = RowChunk(
            texts=(),
            labels=table.column("label").to_numpy() if kind.labeled else None,
            lines=numbers.tolist(),
            raw=tuple(table.column(name).to_pylist() for name in raw),
        )
        if len(chunk):
            files.add(chunk, places.texts(numbers))


def _cut(texts: DataFrame, tokenizer: Tokenizer) -> DataFrame:
    """The texts of all sources, cut by partitions, on the executors' disks.

    A task takes several partitions: as many tasks as Spark's settings say.
    """
    cut = (
        texts.repartition("part")
        .sortWithinPartitions("part", "number")
        .mapInArrow(worker.cut_texts(tokenizer), from_arrow_schema(worker.CUT))
        .persist(StorageLevel.DISK_ONLY)
    )
    # All at once: what follows goes from one partition to the next.
    cut.count()
    return cut


def _write_partitions(work: Path, cut: DataFrame) -> None:
    """Writes the temporary files of every partition."""
    missing = set(range(PARTITIONS))
    for part, rows in groupby(cut.toLocalIterator(prefetchPartitions=True), lambda row: row.part):
        missing.remove(part)
        _write_partition(work, part, rows)
    for part in missing:
        _write_partition(work, part, ())


def _write_partition(work: Path, part: int, rows: Iterable[Row]) -> None:
    with NpyWriter(partition_file(work, part, "numbers.npy"), np.int32) as numbers:

        def pieces() -> Iterator[CutTexts]:
            for row in rows:
                given, distinct, lengths, ids = (
                    np.frombuffer(cell, np.int32)
                    for cell in (row.numbers, row.distinct, row.lengths, row.ids)
                )
                numbers.append(given)
                yield CutTexts(distinct, lengths, ids, row.tokens.decode().split("\n")[:-1])

        write_partition(work, part, pieces())
