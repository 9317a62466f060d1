"""Rows of sources, laid down as they come, and their distinct texts, cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from textsim.data.kept_rows import RowKeeper
from textsim.data.layout import SIDES
from textsim.data.row_kinds import RowKind
from textsim.data.rows import RowChunk, open_rows
from textsim.data.sentences import CutSentences, SentenceBuilder
from textsim.data.splits import Sources
from textsim.io.npy import NpyWriter
from textsim.io.progress import progress_bar
from textsim.text.tokenizers import Tokenizer

CHUNK_ROWS = 16_384
"""Rows whose texts are taken at once: those of the first column, then those of the next. Distinct texts are numbered in
the order in which they are taken.
"""


@dataclass(frozen=True)
class Collected:
    """What was read of all sources.

    Attributes:
        sources: what is known of each, for the report.
        rows: how many can be used.
        train_rows: how many of them come from sources of training rows. They are the first.
        kept: the rows as they were read.
        sentences: their distinct texts.
    """

    sources: list[dict[str, Any]]
    rows: int
    train_rows: int
    kept: RowKeeper
    sentences: CutSentences


Collect = Callable[[Path, Sources, RowKind, Tokenizer], Collected]
"""Reads all rows. Leaves in the folder for temporary files `RowFiles`, and those of the sentences."""


class RowFiles:
    """The temporary files of rows: for each side the running numbers of its texts, the labels, and the raw cells.

    Args:
        work: the folder of temporary files.
        kind: what a row holds.
    """

    def __init__(self, work: Path, kind: RowKind) -> None:
        self.sides = [NpyWriter(work / f"{side}.npy", np.int32) for side in SIDES[kind.name]]
        self.kept = RowKeeper(work, kind)
        self._labels = NpyWriter(work / "labels.npy", np.float32) if kind.labeled else None

    def add(self, chunk: RowChunk, numbers: list[np.ndarray]) -> None:
        """Takes rows that were read with their raw texts, and the running numbers of each side's."""
        for side, some in zip(self.sides, numbers, strict=True):
            side.append(some)
        if self._labels is not None and chunk.labels is not None:
            self._labels.append(chunk.labels)
        self.kept.add(chunk)

    def close(self) -> None:
        """Ends the files."""
        self.kept.close()
        for writer in [*self.sides, *([] if self._labels is None else [self._labels])]:
            writer.close()


def collect_rows(
    work: Path, sources: Sources, kind: RowKind, tokenizer: Tokenizer, processes: int
) -> Collected:
    """Reads all rows in this process, and cuts their texts in several."""
    builder = SentenceBuilder(work, tokenizer)
    files = RowFiles(work, kind)
    found = []
    rows_of = {"train": 0, "dev": 0}
    with progress_bar(sources.progress, "reading", "rows") as bar:
        for split, source in sources.all():
            reader = open_rows(
                source,
                kind,
                sources.reading,
                normalizer=tokenizer.normalizer,
                chunk_rows=CHUNK_ROWS,
                raw=True,
            )
            for chunk in reader:
                files.add(chunk, _take(builder, chunk))
                bar.update(len(chunk))
            found.append({**asdict(reader.info), "split": split})
            rows_of[split] += reader.info.rows
    files.close()
    sentences = cut(builder, processes, "tokenizing sentences", sources.progress)
    return Collected(found, sum(rows_of.values()), rows_of["train"], files.kept, sentences)


def _take(builder: SentenceBuilder, chunk: RowChunk) -> list[np.ndarray]:
    """Takes a chunk's texts, each different one once. Returns the running numbers of each side's."""
    texts: dict[str, int] = {}
    places = [
        np.array([texts.setdefault(text, len(texts)) for text in column], np.int32) for column in chunk.texts
    ]
    numbers = builder.add(list(texts))
    return [numbers[place] for place in places]


def cut(builder: SentenceBuilder, processes: int, what: str, progress: bool | None) -> CutSentences:
    """Cuts what a builder has collected, and shows how far it has come."""
    with progress_bar(progress, what, "parts", total=builder.steps) as bar:
        for _ in builder.tokenize(processes):
            bar.update()
    return builder.sentences()
