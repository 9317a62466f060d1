"""gensim's own `.kv` files, read without running what is in them.

A `.kv` file is a pickle, and a pickle can call any function. Here every name in it stands for an inert class
or function of this module; numpy's arrays are rebuilt from their bytes. A pickle that names anything else is
refused.
"""

from __future__ import annotations

import math
import os
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from textsim.errors import DataFormatError


def read_keyed_vectors(path: str | os.PathLike[str], stream: IO[bytes]) -> tuple[list[str], np.ndarray]:
    """The words and vectors of gensim's KeyedVectors.

    Args:
        path: where the file lies; gensim puts large matrices beside it, in `PATH.vectors.npy`.
        stream: the file, opened and decompressed.

    Returns:
        Pair (words, matrix): n words, float array of shape (n, dim), memory-mapped where it lies beside the
        file.

    Raises:
        DataFormatError: the file is damaged, holds something else than KeyedVectors, names a function or
            class that KeyedVectors do not need, or its matrix is missing.
    """
    try:
        words, matrix = _content(_Unpickler(stream).load())
    except DataFormatError as error:
        raise DataFormatError(f"{path}: {error}") from error
    except _DAMAGED as error:
        raise DataFormatError(
            f"{path}: cannot be read as gensim's KeyedVectors: {error}. Is it cut short?"
        ) from error
    if matrix is None:
        matrix = _matrix_beside(Path(path))
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or len(matrix) < len(words):
        raise DataFormatError(
            f"{path}: expected a vector for each of {len(words)} words. "
            f"Received an array of shape {matrix.shape} and type {matrix.dtype}."
        )
    return words, matrix


def _content(loaded: object) -> tuple[list[str], np.ndarray | None]:
    """The words, and the matrix where it is not in a file of its own."""
    attributes = vars(loaded) if isinstance(loaded, _Attributes) else {}
    words = attributes.get("index_to_key", attributes.get("index2word"))  # gensim 4, gensim 3
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DataFormatError("expected gensim's KeyedVectors with a list of words (index_to_key).")
    array = attributes.get("vectors")
    return words, array.values if isinstance(array, _Array) else None


# What a damaged pickle can raise while it is read.
_DAMAGED = (
    pickle.UnpicklingError,
    EOFError,
    OSError,
    zlib.error,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    MemoryError,
    OverflowError,
    RecursionError,
)


def _matrix_beside(path: Path) -> np.ndarray:
    array, archive = (path.with_name(f"{path.name}.vectors.{suffix}") for suffix in ("npy", "npz"))
    try:
        if array.exists():
            matrix: np.ndarray = np.load(array, mmap_mode="r", allow_pickle=False)
            return matrix
        if archive.exists():
            with np.load(archive, allow_pickle=False) as content:
                return content["val"]
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataFormatError(f"{path}: the matrix beside it cannot be read: {error}") from error
    raise DataFormatError(f"{path}: its matrix lies in a file of its own, {array.name}, which is missing.")


class _Attributes:
    """Stands for an object of gensim: holds the attributes, does nothing."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class _Dtype:
    """Stands for numpy.dtype: only plain little or big-endian numbers come out of `value`."""

    def __init__(self, name: str, *_: Any) -> None:
        self.name = name
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]

    @property
    def value(self) -> np.dtype:
        if self.name not in _NUMBER_DTYPES or self.order not in ("<", ">", "=", "|"):
            raise DataFormatError(f"expected arrays of plain numbers. Received dtype {self.name!r:.40}.")
        return np.dtype(self.order + self.name)


_NUMBER_DTYPES = frozenset(("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"))


class _Array:
    """Stands for numpy.ndarray: rebuilt from its bytes when `values` is asked for."""

    def __init__(self) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    @property
    def values(self) -> np.ndarray:
        _, shape, dtype, fortran, content = self.state
        if not isinstance(dtype, _Dtype) or not isinstance(content, bytes | bytearray):
            raise DataFormatError("expected arrays of plain numbers.")
        if math.prod(shape) * dtype.value.itemsize != len(content):
            raise DataFormatError(f"an array of shape {shape} does not fit its {len(content)} bytes.")
        return np.frombuffer(content, dtype=dtype.value).reshape(shape, order="F" if fortran else "C")


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _from_buffer(content: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", content))
    return array


def _scalar(dtype: _Dtype, content: bytes) -> Any:
    return np.frombuffer(content, dtype=dtype.value)[0].item()


def _encode(text: str, encoding: str) -> bytes:
    """Protocol 2 writes bytes as text that goes through this."""
    if encoding not in ("latin1", "latin-1"):
        raise DataFormatError(f"expected bytes as latin-1. Received {encoding!r:.40}.")
    return text.encode("latin-1")


_STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    # Python's own, which hold things and do nothing.
    ("builtins", "frozenset"): frozenset,
    ("__builtin__", "frozenset"): frozenset,
    **{
        ("gensim.models.keyedvectors", name): _Attributes
        for name in ("KeyedVectors", "Word2VecKeyedVectors", "EuclideanKeyedVectors", "Vocab")
    },
    ("gensim.models.fasttext", "FastTextKeyedVectors"): _Attributes,
    ("gensim.models.keyedvectors", "FastTextKeyedVectors"): _Attributes,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        stand_in = _STAND_INS.get((module, name))
        if stand_in is None:
            raise DataFormatError(
                f"expected gensim's KeyedVectors. Refused to load {module}.{name} from a pickle. Of a whole "
                "model, save its vectors with `model.wv.save(path)` or `model.wv.save_word2vec_format(path)`."
            )
        return stand_in
