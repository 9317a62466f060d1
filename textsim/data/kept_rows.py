"""The rows of a dataset's splits as they were read, kept as CSV."""

from __future__ import annotations

import csv
import mmap
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from textsim.data.row_kinds import RowKind
from textsim.data.rows import RowChunk
from textsim.io.npy import NpyWriter, open_npy, slices


def kept_rows_name(split: str) -> str:
    """The name of the file of a split's rows in a dataset folder."""
    return f"{split}.rows.csv"


class RowKeeper:
    """Lays rows down as they come, and writes those of a split in the order of the split.

    Args:
        work: a folder for temporary files.
        kind: what a row holds.
    """

    def __init__(self, work: Path, kind: RowKind) -> None:
        self._work = work
        self._kind = kind
        self._file = open(work / "rows.csv", "wb")  # noqa: SIM115
        self._ends = NpyWriter(work / "rows.npy", np.int64)
        self._end = 0

    def add(self, chunk: RowChunk) -> None:
        """Takes the rows of a chunk that was read with its raw texts."""
        columns: list[Sequence[str]] = [*chunk.raw]
        if chunk.labels is not None:
            columns.append([f"{label:g}" for label in chunk.labels.tolist()])
        lines = [line.encode("utf-8", "replace") for line in _csv_lines(zip(*columns, strict=True))]
        self._file.write(b"".join(lines))
        ends = self._end + np.cumsum(np.fromiter(map(len, lines), np.int64, len(lines)))
        self._ends.append(ends)
        self._end = int(ends[-1])

    def close(self) -> None:
        """Ends the rows."""
        self._file.close()
        self._ends.close()

    def write(self, path: Path, rows: np.ndarray | range) -> None:
        """Writes some of the rows, with a header.

        Args:
            path: of the file to make.
            rows: their places among all rows.
        """
        ends = open_npy(self._work / "rows.npy")
        with open(self._work / "rows.csv", "rb") as file, open(path, "wb") as target:
            (header,) = _csv_lines([self._kind.columns])
            target.write(header.encode())
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                for part in slices(len(rows)):
                    places = np.asarray(rows[part])
                    begins = np.where(places > 0, ends[np.maximum(places - 1, 0)], 0)
                    spans = zip(begins.tolist(), ends[places].tolist(), strict=True)
                    target.write(b"".join([data[begin:end] for begin, end in spans]))


def _csv_lines(rows: object) -> list[str]:
    lines: list[str] = []
    csv.writer(SimpleNamespace(write=lines.append), lineterminator="\n").writerows(rows)  # type: ignore[arg-type]
    return lines
