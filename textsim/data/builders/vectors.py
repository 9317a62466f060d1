"""Files of numeric vector pairs to the arrays of a dataset folder, in nearly constant memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from textsim.data.layout import SIDES, Split
from textsim.data.scaler import Scaler
from textsim.data.sources import open_source
from textsim.data.splits import Sources, write_labels
from textsim.data.statistics import vectors_report
from textsim.data.vectors import vector_chunks
from textsim.errors import DataFormatError
from textsim.io.npy import NpyWriter, open_npy, rows_at_once, slices
from textsim.io.paths import as_text
from textsim.io.progress import progress_bar


def build_vectors(folder: Path, sources: Sources, standardize: bool) -> dict[str, Any]:
    """One run of `preprocess` over vector pairs; temporary files lie in the folder's "work".

    Writes everything but the report and the manifest. Returns the report.
    """
    entries, names, width, rows_of = _read(folder / "work", sources)
    splits = {}
    for name, rows in sources.split(sum(rows_of.values()), rows_of["train"]).items():
        sides = []
        for side in SIDES["vectors"]:
            vectors = open_npy(folder / "work" / f"{side}.npy")
            with NpyWriter(folder / f"{name}.{side}.npy", np.float32, width) as writer:
                for part in slices(len(rows), rows_at_once(width)):
                    writer.append(vectors[np.asarray(rows[part])])
            sides.append(open_npy(writer.path, "r+"))
        splits[name] = Split(tuple(sides), write_labels(folder / "work", folder, name, rows))
    report = {
        "kind": "vectors",
        "sources": entries,
        "width": width,
        "columns": list(names),
        "standardized": standardize,
        "constant_columns": 0,
        "splits": {name: vectors_report(split) for name, split in splits.items()},
    }
    scaler = Scaler.fit(splits["train"].sides)
    report["constant_columns"] = int(scaler.constant.sum())
    if standardize:
        np.save(folder / "scaler.mean.npy", scaler.mean)
        np.save(folder / "scaler.scale.npy", scaler.scale)
        for vectors in (side for split in splits.values() for side in split.sides):
            for part in slices(len(vectors), rows_at_once(width)):
                vectors[part] = scaler(vectors[part])
    return report


def _read(work: Path, sources: Sources) -> tuple[list[dict[str, Any]], tuple[str, ...], int, dict[str, int]]:
    """Lays all rows down in the order of the sources.

    Returns:
        What is known of the files, the names of the columns, the numbers of a vector, and the rows that each split's
        files hold.
    """
    writers: dict[str, NpyWriter] = {}
    entries = []
    names: tuple[str, ...] = ()
    width = 0
    rows_of = {"train": 0, "dev": 0}
    with progress_bar(sources.progress, "reading", "rows") as bar:
        for split, source in sources.all():
            rows = 0
            with open_source(source, **sources.reading.dialect) as table:
                for chunk in vector_chunks(table, True, sources.reading):
                    if not writers:
                        names, width = chunk.names, chunk.left.shape[1]
                        writers = {
                            s: NpyWriter(work / f"{s}.npy", np.float32, width) for s in SIDES["vectors"]
                        }
                        writers["labels"] = NpyWriter(work / "labels.npy", np.float32)
                    if chunk.left.shape[1] != width:
                        raise DataFormatError(
                            f"{table.name}: expected vectors of {width} numbers, as in the sources before. "
                            f"Received {chunk.left.shape[1]}."
                        )
                    assert chunk.labels is not None
                    writers["left"].append(chunk.left)
                    writers["right"].append(chunk.right)
                    writers["labels"].append(chunk.labels)
                    rows += len(chunk)
                    bar.update(len(chunk))
                entry = {"path": as_text(table.name), "rows": rows, "split": split, "sha256": table.sha256()}
            entries.append(entry)
            rows_of[split] += rows
    for writer in writers.values():
        writer.close()
    return entries, names, width, rows_of
