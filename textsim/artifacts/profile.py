"""What the pairs looked like on which a model's threshold was chosen: the few numbers that its folder keeps of them."""

from __future__ import annotations

import itertools
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from textsim.config.settings import Settings

PROFILE = "profile.json"
"""In a model folder."""


class Histogram(Settings):
    """How many values lie between bounds.

    Attributes:
        bounds: rising. A value is of the first bin whose bound is not below it; of the last, behind all bounds, else.
        counts: of each bin, one more than there are bounds.
        mean: of the values.
    """

    bounds: tuple[float, ...]
    counts: tuple[Annotated[int, Field(ge=0)], ...]
    mean: float

    @model_validator(mode="after")
    def _fits(self) -> Histogram:
        if len(self.counts) != len(self.bounds) + 1:
            raise ValueError(
                f"expected one count more than bounds. Received {len(self.counts)} and {len(self.bounds)}"
            )
        if any(low >= high for low, high in itertools.pairwise(self.bounds)) or not sum(self.counts):
            raise ValueError("expected rising bounds, and values between them")
        return self

    @classmethod
    def of(cls, values: np.ndarray, bounds: np.ndarray) -> Histogram:
        """Counts values, float (n,), between bounds, float (bins - 1,)."""
        places = np.searchsorted(bounds, values, side="left")
        counts = np.bincount(places, minlength=len(bounds) + 1)
        return cls(
            bounds=tuple(map(float, bounds)), counts=tuple(counts.tolist()), mean=float(np.mean(values))
        )


class Profile(Settings):
    """Histograms of the pairs on which a model's threshold was chosen.

    Attributes:
        scores: of the pairs.
        lengths: tokens that are read of each text, of both sides.
        unknown: the fraction of these that the vocabulary does not have.
    """

    scores: Histogram
    lengths: Histogram
    unknown: Histogram
