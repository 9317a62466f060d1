"""What runs in Spark's Python workers when rows are preprocessed: record batches in, record batches out."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from textsim.data.cutting import Cutter, partition_of
from textsim.data.rejects import RejectLog
from textsim.data.row_kinds import RowKind
from textsim.data.rows import RowChunk, open_rows
from textsim.data.settings import AnyPath, Reading
from textsim.errors import DataFormatError
from textsim.spark.worker import Batches
from textsim.text.tokenizers import Tokenizer

BLOCK = "__partition"
"""The column with the number of the Spark partition in which a row was read."""
NUMBERED = pa.schema([("part", pa.int32()), ("number", pa.int32()), ("text", pa.string())])
CUT = pa.schema(
    [
        ("part", pa.int32()),
        *((name, pa.binary()) for name in ("numbers", "distinct", "lengths", "ids", "tokens")),
    ]
)


def read_schema(kind: RowKind) -> pa.Schema:
    """Of a row that was read: where, its place among the good rows read there, its label, why it is bad and what it is
    then, its texts as they are, and normalized.
    """
    raw, clean = text_columns(kind)
    return pa.schema(
        [
            (BLOCK, pa.int32()),
            ("line", pa.int64()),
            ("good", pa.int64()),
            ("label", pa.float32()),
            ("reason", pa.string()),
            ("row", pa.string()),
            *((name, pa.string()) for name in (*raw, *clean)),
        ]
    )


def text_columns(kind: RowKind) -> tuple[list[str], list[str]]:
    """The columns of texts as they are, and normalized."""
    return [f"raw_{k}" for k in range(kind.texts)], [f"clean_{k}" for k in range(kind.texts)]


class _Refused(RejectLog):
    """The bad rows of a batch, held: number from 1, reason, row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, str, str]] = []

    def add(self, path: AnyPath, line: int, reason: str, raw: str) -> None:
        self.rows.append((line, reason, raw))


def read_rows(
    kind: RowKind, columns: list[str], reading: Reading, tokenizer: Tokenizer
) -> Callable[[Batches], Batches]:
    """A function over batches of ordered rows: each is checked and normalized, as `read_schema` says.

    Args:
        kind: what a row holds.
        columns: the columns of the kind.
        reading: how labels are read.
        tokenizer: whose normalizer is used.
    """
    schema = read_schema(kind)

    def read(batches: Batches) -> Batches:
        lines = good = 0
        for batch in batches:
            if not batch.num_rows:
                continue
            chunk, refused = _read_batch(batch.select(columns), kind, reading, tokenizer)
            block = batch.column(BLOCK)[0]
            if chunk is not None:
                labels = None if chunk.labels is None else pa.array(chunk.labels)
                numbers = pa.array(np.arange(good, good + len(chunk)))
                at = pa.array(np.array(chunk.lines) + lines)
                texts = [pa.array(column, pa.string()) for column in (*chunk.raw, *chunk.texts)]
                yield _filled(schema, len(chunk), [block, at, numbers, labels, None, None, *texts])
                good += len(chunk)
            if refused:
                at, reasons, rows = (list(column) for column in zip(*refused, strict=True))
                bad = [
                    block,
                    pa.array(np.array(at) + lines),
                    None,
                    None,
                    pa.array(reasons, pa.string()),
                    pa.array(rows, pa.string()),
                ]
                yield _filled(schema, len(refused), bad + [None] * (len(schema) - len(bad)))
            lines += batch.num_rows

    return read


def _read_batch(
    batch: pa.RecordBatch, kind: RowKind, reading: Reading, tokenizer: Tokenizer
) -> tuple[RowChunk | None, list[tuple[int, str, str]]]:
    """The rows that can be used, and those that cannot."""
    refused = _Refused()
    places = list(range(1, batch.num_columns + 1))
    how = reading.replace(columns=places, on_bad_row="skip", rejects=refused)
    reader = open_rows(batch, kind, how, normalizer=tokenizer.normalizer, chunk_rows=batch.num_rows, raw=True)
    try:
        return next(reader), list(refused.rows)
    except DataFormatError:
        if len(refused.rows) < batch.num_rows:
            raise
        return None, refused.rows


def _filled(schema: pa.Schema, rows: int, columns: list[pa.Array | pa.Scalar | None]) -> pa.RecordBatch:
    """A batch of arrays; of one value in every row; or, for None, of NULL."""
    arrays = [
        column
        if isinstance(column, pa.Array)
        else pa.nulls(rows, field.type)
        if column is None
        else pa.array(np.full(rows, column.as_py()), field.type)
        for field, column in zip(schema, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class Places(NamedTuple):
    """Which rows those of a source are, among all.

    Attributes:
        firsts: for each Spark partition in which rows were read the number of its first good row.
        before: rows of the sources before this one.
        rows: of this source.
        chunk_rows: see `textsim.data.builders.collecting.CHUNK_ROWS`.
        sides: texts of a row.
    """

    firsts: dict[int, int]
    before: int
    rows: int
    chunk_rows: int
    sides: int

    def texts(self, rows: np.ndarray) -> list[np.ndarray]:
        """The running numbers of each side's texts, in the order in which one process takes them: chunk after chunk of
        the source, and there side after side.

        Args:
            rows: numbers of rows, int64 (n,).
        """
        start = rows - (rows - self.before) % self.chunk_rows
        length = np.minimum(self.chunk_rows, self.before + self.rows - start)
        return [
            (start * self.sides + side * length + rows - start).astype(np.int32) for side in range(self.sides)
        ]


def number_texts(places: Places, columns: list[str]) -> Callable[[Batches], Batches]:
    """A function over batches of good rows: each of their texts with its partition and its running number."""

    def number(batches: Batches) -> Batches:
        for batch in batches:
            blocks = batch.column(BLOCK).to_pylist()
            rows = batch.column("good").to_numpy() + np.array([places.firsts[b] for b in blocks], np.int64)
            for column, numbers in zip(columns, places.texts(rows), strict=True):
                texts = batch.column(column)
                parts = [partition_of(text.encode()) for text in texts.to_pylist()]
                yield pa.RecordBatch.from_arrays(
                    [pa.array(parts, pa.int32()), pa.array(numbers), texts], schema=NUMBERED
                )

    return number


def cut_texts(tokenizer: Tokenizer) -> Callable[[Batches], Batches]:
    """A function over batches of numbered texts, partition by partition and in order: what `CutTexts` holds, with the
    running numbers. Arrays are bytes of int32, and tokens are lines.
    """

    made, config = type(tokenizer), json.dumps(tokenizer.to_config())

    def cut(batches: Batches) -> Batches:
        kept = _tokenizer(made, config)
        for part, pieces in groupby(_pieces(batches), lambda piece: piece[0]):
            cutter = Cutter(kept)
            for _, numbers, texts in pieces:
                found = cutter.cut(texts)
                cells = [
                    numbers.tobytes(),
                    *(array.tobytes() for array in (found.distinct, found.lengths, found.ids)),
                    "".join(f"{token}\n" for token in found.tokens).encode(),
                ]
                yield pa.RecordBatch.from_arrays(
                    [pa.array([part], pa.int32()), *(pa.array([cell], pa.binary()) for cell in cells)],
                    schema=CUT,
                )

    return cut


@functools.lru_cache(maxsize=1)
def _tokenizer(made: type[Tokenizer], config: str) -> Tokenizer:
    """The tokenizer, once a worker process: a dictionary of words takes a second to load."""
    return made.from_config(json.loads(config))


def _pieces(batches: Batches) -> Iterator[tuple[int, np.ndarray, list[bytes]]]:
    """Rows of one partition each."""
    for batch in batches:
        parts, numbers = (batch.column(name).to_numpy() for name in ("part", "number"))
        ends = [*(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(parts)] if len(parts) else []
        begin = 0
        for end in ends:
            texts = batch.column("text").slice(begin, end - begin).to_pylist()
            yield int(parts[begin]), numbers[begin:end], [text.encode() for text in texts]
            begin = end


def pack(batches: Batches) -> Batches:
    """Each batch as one cell, which comes to the driver faster than its rows."""
    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        yield pa.RecordBatch.from_arrays([pa.array([sink.getvalue().to_pybytes()], pa.binary())], ["batch"])


def unpack(cell: bytes) -> pa.Table:
    """The batch of a cell."""
    with pa.ipc.open_stream(cell) as stream:
        return stream.read_all()
