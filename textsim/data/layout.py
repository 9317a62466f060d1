"""What a dataset folder holds: file names, sides, splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FORMAT = "textsim-dataset"
VERSION = 1
SETTINGS = "settings.json"
TOKENIZER = "tokenizer.json"
VOCABULARY = "vocabulary.txt"
REPORT = "report.json"
REJECTS = "rejects.tsv"
KINDS = ("pairs", "triplets", "vectors")
SIDES = {
    "pairs": ("left", "right"),
    "triplets": ("anchor", "positive", "negative"),
    "vectors": ("left", "right"),
}


@dataclass(frozen=True)
class Split:
    """The rows of a split.

    Attributes:
        sides: two arrays (pairs, vectors: left and right) or three (triplets: anchor, positive, negative):
            int32 sentence indices of shape (n,), or float32 vectors of shape (n, k).
        labels: float32 in [0, 1] of shape (n,); None for triplets.
    """

    sides: tuple[np.ndarray, ...]
    labels: np.ndarray | None

    def __len__(self) -> int:
        return len(self.sides[0])
