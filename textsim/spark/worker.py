"""What runs in Spark's Python workers: record batches in, record batches out.

Nothing is computed here: files, the HTTP service and these functions all call `TextMatcher.read`, `compare` and
`decisions`. Record batches are Spark's own form: scoring without Spark needs no pyarrow.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from textsim.errors import ArtifactError, InputError
from textsim.io.manifest import MANIFEST, sha256_file
from textsim.matching.dedup import score_encoded_neighbors
from textsim.matching.matcher import CHUNK_ROWS
from textsim.matching.text_matcher import CACHE_BYTES, TextMatcher
from textsim.onnx.products import products

Batches = Iterator[pa.RecordBatch]


class Shipped(NamedTuple):
    """A model folder as Spark ships it.

    Attributes:
        name: of the folder among the files that Spark has distributed; or its path, where all nodes see it.
        sha256: of its manifest, which holds the hashes of its files: a worker refuses other ones.
        is_shared: whether `name` is a path that all nodes see.
    """

    name: str
    sha256: str
    is_shared: bool

    def folder(self) -> Path:
        """Where the model lies on this node."""
        if self.is_shared:
            return Path(self.name)
        from pyspark import SparkFiles

        return Path(SparkFiles.get(self.name))


@functools.lru_cache(maxsize=2)
def load(shipped: Shipped) -> TextMatcher:
    """The model, loaded once a worker process, with one thread: Spark runs a worker a core.

    Raises:
        ArtifactError: the model is not the one that the driver has named, or not whole.
    """
    folder = shipped.folder()
    found = sha256_file(folder / MANIFEST)
    if found != shipped.sha256:
        raise ArtifactError(
            f"{folder}: expected the model whose manifest has the SHA-256 {shipped.sha256}. Received {found}: the "
            "folder has changed since the job was planned. Start the job again."
        )
    return TextMatcher.load(folder, threads=1, cache_bytes=CACHE_BYTES)


def readable(matcher: TextMatcher, batch: pa.RecordBatch, columns: list[str]) -> list[str | None]:
    """For each row of a batch why it cannot be read, None where it can.

    Args:
        matcher: the loaded model.
        batch: rows with the columns of texts.
        columns: their names.
    """
    reasons: list[str | None] = [None] * batch.num_rows
    for column in columns:
        for row, text in enumerate(batch.column(column).to_pylist()):
            if reasons[row] is None:
                try:
                    matcher.read([text], lambda _, name=column: name)  # type: ignore[misc]
                except InputError as error:
                    reasons[row] = str(error)
    return reasons


def good_rows(matcher: TextMatcher, batch: pa.RecordBatch, columns: list[str], skip: bool) -> pa.RecordBatch:
    """The rows whose texts can be read.

    Raises:
        InputError: a row cannot, and is not to be skipped.
    """
    try:
        for column in columns:
            matcher.read(batch.column(column).to_pylist())
    except InputError:
        reasons = readable(matcher, batch, columns)
        if not skip:
            raise InputError(
                f"{next(filter(None, reasons))} Mend the row, or leave such rows out with on_bad_row='skip'."
            ) from None
        return batch.filter(pa.array([reason is None for reason in reasons]))
    return batch


def good_batches(shipped: Shipped, columns: list[str], left_out: Any = None) -> Callable[[Batches], Batches]:
    """A function over batches that keeps the rows whose texts can be read; `left_out` counts the others."""

    def keep(batches: Batches) -> Batches:
        matcher = load(shipped)
        for batch in batches:
            part = good_rows(matcher, batch, columns, True)
            if left_out is not None:
                left_out.add(batch.num_rows - part.num_rows)
            yield part

    return keep


def rejected_rows(shipped: Shipped, columns: list[str]) -> Callable[[Batches], Batches]:
    """A function over batches that keeps the rows which cannot be read, with a column `reason`."""

    def reject(batches: Batches) -> Batches:
        matcher = load(shipped)
        for batch in batches:
            reasons = readable(matcher, batch, columns)
            bad = batch.filter(pa.array([reason is not None for reason in reasons]))
            yield bad.append_column("reason", pa.array([r for r in reasons if r is not None], pa.string()))

    return reject


def score_batches(
    shipped: Shipped, text_a: str, text_b: str, keep: list[str], skip: bool, left_out: Any = None
) -> Callable[[Batches], Batches]:
    """A function over batches of pairs: the kept columns, then score, probability and decision.

    `left_out` is an accumulator that counts rows which are skipped, or None.
    """

    def score(batches: Batches) -> Batches:
        matcher = load(shipped)
        for batch in batches:
            for start in range(0, batch.num_rows, CHUNK_ROWS):
                whole = batch.slice(start, CHUNK_ROWS)
                part = good_rows(matcher, whole, [text_a, text_b], skip)
                if left_out is not None:
                    left_out.add(whole.num_rows - part.num_rows)
                left, right = (part.column(name).to_pylist() for name in (text_a, text_b))
                decisions = matcher.decisions(matcher.score_texts(left, right))
                yield pa.RecordBatch.from_arrays(
                    [
                        *(part.column(name) for name in keep),
                        pa.array([found.score for found in decisions], pa.float32()),
                        pa.array([found.probability for found in decisions], pa.float64()),
                        pa.array([found.decision for found in decisions], pa.string()),
                    ],
                    [*keep, "score", "probability", "decision"],
                )

    return score


def encode_batches(
    shipped: Shipped, text: str, keep: list[str], skip: bool, column_of: Callable[[np.ndarray], pa.Array]
) -> Callable[[Batches], Batches]:
    """A function over batches of texts: the kept columns, then the vector, as `column_of` makes a column of them."""

    def encode(batches: Batches) -> Batches:
        matcher = load(shipped)
        for batch in batches:
            for start in range(0, batch.num_rows, CHUNK_ROWS):
                part = good_rows(matcher, batch.slice(start, CHUNK_ROWS), [text], skip)
                vectors = matcher.encode(part.column(text).to_pylist())
                yield pa.RecordBatch.from_arrays(
                    [*(part.column(name) for name in keep), column_of(vectors)], [*keep, "vector"]
                )

    return encode


def compare_batches(
    shipped: Shipped, text_a: str, text_b: str, keep: list[str]
) -> Callable[[Batches], Batches]:
    """A function over batches of pairs whose vectors are known (`vector_a`, `vector_b`): the head alone.

    The vectors go into the matcher's cache, so that all else, such as equal texts, is decided as everywhere.
    """

    def compare(batches: Batches) -> Batches:
        matcher = load(shipped)
        assert matcher.cache is not None
        scoring = score_batches(shipped, text_a, text_b, keep, False)
        for batch in batches:
            for start in range(0, batch.num_rows, CHUNK_ROWS // 4):
                part = batch.slice(start, CHUNK_ROWS // 4)
                for text, vector in ((text_a, "vector_a"), (text_b, "vector_b")):
                    keys = matcher.read(part.column(text).to_pylist()).keys
                    matcher.cache.write(keys, matrix(part.column(vector)))
                yield from scoring(iter([part]))

    return compare


def search_batches(
    shipped: Shipped, index: str, text: str, keep: list[str], k: int, skip: bool
) -> Callable[[Batches], Batches]:
    """A function over batches of texts: `k` rows a text, the kept columns, then what a hit is."""

    def search(batches: Batches) -> Batches:
        matcher, opened = load(shipped), open_index(shipped, index)
        for batch in batches:
            for start in range(0, batch.num_rows, CHUNK_ROWS):
                part = good_rows(matcher, batch.slice(start, CHUNK_ROWS), [text], skip)
                found = opened.search_many(part.column(text).to_pylist(), k)
                rows = np.repeat(np.arange(part.num_rows), [len(hits) for hits in found])
                hits = [hit for some in found for hit in some]
                ranks = [rank for some in found for rank in range(1, len(some) + 1)]
                kept = part.take(pa.array(rows, pa.int64()))
                yield pa.RecordBatch.from_arrays(
                    [
                        *(kept.column(name) for name in keep),
                        pa.array(ranks, pa.int32()),
                        pa.array([hit.id for hit in hits], pa.string()),
                        pa.array([hit.text for hit in hits], pa.string()),
                        pa.array([hit.score for hit in hits], pa.float32()),
                        pa.array([hit.probability for hit in hits], pa.float64()),
                        pa.array([hit.decision for hit in hits], pa.string()),
                        pa.array([hit.cosine for hit in hits], pa.float32()),
                        pa.array([json.dumps(hit.payload, ensure_ascii=False) for hit in hits], pa.string()),
                    ],
                    [*keep, *HIT_COLUMNS],
                )

    return search


HIT_COLUMNS = ("rank", "hit_id", "hit_text", "score", "probability", "decision", "cosine", "payload")


@functools.lru_cache(maxsize=1)
def open_index(shipped: Shipped, path: str) -> Any:
    """The index, opened once a worker process; it is mapped into memory, so that a node's workers share it."""
    from textsim.matching.index.text_index import TextIndex

    return TextIndex.open(path, load(shipped))


def normalize_batches(
    shipped: Shipped, text: str, keep: list[str], skip: bool
) -> Callable[[Batches], Batches]:
    """A function over batches of texts: the kept columns, then the text as the model's tokenizer normalizes it."""

    def normalize(batches: Batches) -> Batches:
        matcher = load(shipped)
        assert matcher.saved.tokenizer is not None
        normalizer = matcher.saved.tokenizer.normalizer
        for batch in batches:
            part = good_rows(matcher, batch, [text], skip)
            clean = pa.array([normalizer(value) for value in part.column(text).to_pylist()], pa.string())
            yield pa.RecordBatch.from_arrays(
                [*(part.column(name) for name in keep), clean], [*keep, "normalized"]
            )

    return normalize


def bucket_batches(centroids: np.ndarray, probes: int) -> Callable[[Batches], Batches]:
    """A function over batches with a column `vector`: each row as often as it has buckets, with their numbers.

    Args:
        centroids: float32 (buckets, output_dim), at length 1.
        probes: buckets of a row, those of the nearest centroids.
    """

    def assign(batches: Batches) -> Batches:
        for batch in batches:
            cosines = products(matrix(batch.column("vector")), centroids)
            near = np.argsort(-cosines, axis=1)[:, :probes]
            rows = np.repeat(np.arange(batch.num_rows), near.shape[1])
            yield batch.take(pa.array(rows, pa.int64())).append_column(
                "bucket", pa.array(near.reshape(-1), pa.int32())
            )

    return assign


def pair_bucket(shipped: Shipped, neighbors: int, min_cosine: float) -> Callable[[pa.Table], pa.Table]:
    """A function over the texts of a bucket: the scored pairs of near ones, `left` < `right` by their numbers."""

    def pair(table: pa.Table) -> pa.Table:
        matcher = load(shipped)
        table = table.sort_by("number")
        numbers = table.column("number").to_numpy()
        encoded = matrix(table.column("vector").combine_chunks())
        read = matcher.read(table.column("normalized").to_pylist())
        pairs = score_encoded_neighbors(matcher, read, encoded, neighbors, min_cosine)
        return pa.table(
            {
                "left": numbers[pairs.left],
                "right": numbers[pairs.right],
                "score": pairs.scores,
                "indistinct": pairs.indistinct,
            }
        )

    return pair


def list_array(vectors: np.ndarray) -> pa.Array:
    """Rows of a float32 matrix as lists of numbers."""
    offsets = np.arange(len(vectors) + 1, dtype=np.int32) * vectors.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(vectors.reshape(-1), pa.float32()))


def bytes_array(vectors: np.ndarray) -> pa.Array:
    """Rows of a float32 matrix as bytes, which Spark moves as a whole, and not number by number."""
    return pa.array(map(np.ndarray.tobytes, vectors), pa.binary())


def matrix(column: pa.Array) -> np.ndarray:
    """What `bytes_array` made, as a float32 matrix, (rows, width)."""
    numbers = np.frombuffer(b"".join(column.to_pylist()), np.float32)
    return numbers.reshape(len(column), -1) if len(column) else np.empty((0, 0), np.float32)
