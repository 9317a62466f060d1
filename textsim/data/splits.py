"""The sources a dataset is made of, and how their rows divide into splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from textsim.data.settings import Reading
from textsim.data.sources import Source
from textsim.errors import ConfigError
from textsim.io.npy import NpyWriter, open_npy, slices


@dataclass(frozen=True)
class Sources:
    """Where rows come from, and to which split they go.

    Attributes:
        train, dev: sources of rows for each split.
        dev_fraction: the fraction of the rows of `train` that goes to "dev" instead, or None.
        seed: of the draw of these rows.
        reading: how they are read.
        progress: whether to show progress bars, see `progress_bar`.

    Raises:
        ConfigError: there is no source, both dev sources and a fraction are given, or a number is out of range.
    """

    train: list[Source]
    dev: list[Source]
    dev_fraction: float | None
    seed: int
    reading: Reading
    progress: bool | None

    def __post_init__(self) -> None:
        if not self.train:
            raise ConfigError("preprocess: expected at least one input.")
        if self.dev and self.dev_fraction is not None:
            raise ConfigError("dev=... and dev_fraction=... exclude each other: pass one of them.")
        if self.dev_fraction is not None and not 0 < self.dev_fraction < 1:
            raise ConfigError(
                f"dev_fraction: expected a number between 0 and 1. Received {self.dev_fraction}."
            )
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed: expected 0 to {2**32 - 1}. Received {self.seed}.")

    def all(self) -> Iterator[tuple[str, Source]]:
        """Each source with its split, as far as it is known before all rows are."""
        yield from (("train", path) for path in self.train)
        yield from (("dev", path) for path in self.dev)

    def split(self, n_rows: int, n_train: int) -> dict[str, np.ndarray | range]:
        """The places of each split's rows, when the first `n_train` of them come from the `train` sources."""
        if self.dev_fraction is None:
            train, dev = range(n_train), range(n_train, n_rows)
            return {"train": train, "dev": dev} if self.dev else {"train": train}
        order = np.random.default_rng(self.seed).permutation(n_rows)
        cut = n_rows - round(n_rows * self.dev_fraction)
        if not 0 < cut < n_rows:
            raise ConfigError(
                f"dev_fraction {self.dev_fraction} of {n_rows} rows leaves a split without rows. "
                "Pass another fraction, or the validation rows with dev=..."
            )
        return {"train": order[:cut], "dev": order[cut:]}


def write_labels(work: Path, folder: Path, name: str, rows: np.ndarray | range) -> np.ndarray:
    """Writes a split's labels, of the given rows of labels.npy in `work`, and returns them mapped into memory."""
    labels = open_npy(work / "labels.npy")
    with NpyWriter(folder / f"{name}.labels.npy", np.float32) as writer:
        for part in slices(len(rows)):
            writer.append(labels[np.asarray(rows[part])])
    return open_npy(writer.path)
