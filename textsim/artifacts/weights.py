"""The weights of a model in one file: plain arrays by their paths, of float32 or float16."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from textsim.artifacts.shapes import Shapes
from textsim.errors import ArtifactError, ConfigError
from textsim.io.npy import NpyHeader, read_npy_header
from textsim.registry import unknown_name

Precision = Literal["float32", "float16"]
Scaler = tuple[np.ndarray, np.ndarray]

SCALER = ("scaler/mean", "scaler/scale")
"""The names of the two arrays by which a model of vectors standardizes: (x - mean) / scale."""
# A member's flag in its ZIP header.
_ENCRYPTED = 1


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
        arrays.update(zip(SCALER, (np.asarray(part, dtype="float32") for part in scaler), strict=True))
    np.savez(path, **arrays)  # type: ignore[arg-type]


def read_weights(path: Path, shapes: Shapes | None = None) -> tuple[dict[str, np.ndarray], Scaler | None]:
    """Reads what `write_weights` wrote, as float32.

    The names, types and shapes of all arrays are read and checked before any of their numbers. They are stored as they
    are, so no more memory is taken than the file is long (twice that for float16).

    Args:
        path: the file.
        shapes: the weights that there must be, with ``scaler/mean`` and ``scaler/scale`` where a scaler may be; None
            to take what there is.

    Raises:
        ArtifactError: the file holds anything else, or NaN or infinity.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = _headers(path, archive)
            if shapes is not None:
                _compare(path, {name: stored.header.shape for name, stored in found.items()}, shapes)
            arrays = {name: _read_array(archive, stored) for name, stored in found.items()}
    except _DAMAGED as error:
        raise ArtifactError(f"{path} is not a file of weights: {error}") from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ArtifactError(f"{path}: weight {name!r} holds NaN or infinity. Expected finite numbers.")
    mean, scale = (arrays.pop(name, None) for name in SCALER)
    if mean is None or scale is None:
        return arrays, None
    if not (scale > 0).all():
        raise ArtifactError(f"{path}: {SCALER[1]} divides the inputs. Expected numbers above 0.")
    return arrays, (mean, scale)


class _Stored(NamedTuple):
    """What is known of an array before it is read."""

    member: zipfile.ZipInfo
    offset: int
    header: NpyHeader


# What reading a damaged or a hostile archive can raise.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    OSError,
    EOFError,
    KeyError,
    TypeError,
    RuntimeError,
    OverflowError,
    MemoryError,
)


def _headers(path: Path, archive: zipfile.ZipFile) -> dict[str, _Stored]:
    found: dict[str, _Stored] = {}
    members = archive.infolist()
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise ValueError("its arrays are larger than it is itself.")
    for member in members:
        name = member.filename.removesuffix(".npy")
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & _ENCRYPTED:
            raise ValueError(f"expected arrays stored as they are. {name!r:.80} is compressed or encrypted.")
        if name in found:
            raise ValueError(f"it holds {name!r:.80} twice.")
        with archive.open(member) as stream:
            header = read_npy_header(stream)
            offset = stream.tell()
        if header.dtype.str not in ("<f4", "<f2"):
            raise ValueError(f"expected float32 or float16. {name!r:.80} is {header.dtype.str!r:.40}.")
        if header.size != member.file_size - offset:
            raise ValueError(f"{name!r:.80} is not as long as its shape {header.shape!r:.80} says.")
        found[name] = _Stored(member, offset, header)
    return found


def _compare(path: Path, found: Shapes, expected: Shapes) -> None:
    """Raises ArtifactError unless the shapes found are those expected; a scaler is there as a whole or not at all."""
    if not any(name in found for name in SCALER):
        expected = {name: shape for name, shape in expected.items() if name not in SCALER}
    for name in (*expected, *found):
        if found.get(name) != expected.get(name):
            there = f"shape {found[name]!r:.80}" if name in found else "none"
            wanted = f"shape {expected[name]!r:.80}" if name in expected else "none"
            raise ArtifactError(
                f"{path} does not fit the model's settings: of weight {name!r:.80}, expected {wanted}. "
                f"Received {there}."
            )


def _read_array(archive: zipfile.ZipFile, stored: _Stored) -> np.ndarray:
    shape, fortran, dtype = stored.header
    array = np.frombuffer(archive.read(stored.member), dtype, offset=stored.offset)
    return array.reshape(shape, order="F" if fortran else "C").astype(np.float32)


def stored_precision(weights: Mapping[str, np.ndarray]) -> Precision:
    """The precision that stores weights as they are, in the fewest bytes."""

    def whole(weight: np.ndarray) -> bool:
        with np.errstate(over="ignore"):
            return bool((weight.astype("float16") == weight).all())

    return "float16" if all(map(whole, weights.values())) else "float32"
