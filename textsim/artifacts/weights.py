"""The weights of a model in one file: plain arrays by their paths, of float32 or float16."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from textsim.errors import ArtifactError, ConfigError
from textsim.registry import unknown_name

Precision = Literal["float32", "float16"]
Scaler = tuple[np.ndarray, np.ndarray]

_SCALER = ("scaler/mean", "scaler/scale")


def write_weights(
    path: Path, weights: Mapping[str, np.ndarray], scaler: Scaler | None, precision: Precision
) -> None:
    """Writes weights by their paths in the model, and the scaler of a vector model.

    Raises:
        ArtifactError: a weight cannot be stored: NaN, infinite, or beyond float16.
        ConfigError: there is no such precision.
    """
    if precision not in ("float32", "float16"):
        raise ConfigError(unknown_name("precision", precision, ("float16", "float32")))
    arrays = {}
    for name, weight in weights.items():
        if not np.isfinite(weight).all():
            raise ArtifactError(
                f"weight {name!r} holds NaN or infinity: the training diverged. "
                "Try a lower training.learning_rate."
            )
        with np.errstate(over="ignore"):
            arrays[name] = np.asarray(weight, dtype=precision)
        if not np.isfinite(arrays[name]).all():
            raise ArtifactError(f"weight {name!r} exceeds the range of float16. Save it as float32.")
    if scaler is not None:
        # Columns can be of any magnitude, so these stay whole.
        arrays.update(zip(_SCALER, (np.asarray(part, dtype="float32") for part in scaler), strict=True))
    np.savez(path, **arrays)  # type: ignore[arg-type]


def read_weights(path: Path) -> tuple[dict[str, np.ndarray], Scaler | None]:
    """Reads what `write_weights` wrote, as float32.

    Raises:
        ArtifactError: the file holds anything else.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            weights = {name: stored[name].astype("float32", copy=False) for name in stored.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path} is not a file of weights: {error}") from error
    mean, scale = (weights.pop(name, None) for name in _SCALER)
    return weights, None if mean is None or scale is None else (mean, scale)


def stored_precision(weights: Mapping[str, np.ndarray]) -> Precision:
    """The precision that stores weights as they are, in the fewest bytes."""

    def whole(weight: np.ndarray) -> bool:
        with np.errstate(over="ignore"):
            return bool((weight.astype("float16") == weight).all())

    return "float16" if all(map(whole, weights.values())) else "float32"
