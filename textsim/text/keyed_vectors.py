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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from textsim.errors import DataFormatError
from textsim.io.npy import open_npy

_PIECE_BYTES = 1 << 24


@dataclass(frozen=True)
class KeyedVectors:
    """What is in a `.kv` file.

    Attributes:
        words: n of them.
        dim: numbers in each vector.
        vector: gives the vector of the word at an index, float (dim,).
    """

    words: list[str]
    dim: int
    vector: Callable[[int], np.ndarray]


def read_keyed_vectors(path: str | os.PathLike[str], stream: IO[bytes]) -> KeyedVectors:
    """The words and vectors of gensim's KeyedVectors, from gensim 1 on, and of its FastTextKeyedVectors.

    Args:
        path: where the file lies; gensim puts large matrices beside it, as in `PATH.vectors.npy`.
        stream: the file, opened and decompressed.

    Raises:
        DataFormatError: the file is damaged, holds something else than KeyedVectors, names a function or
            class that KeyedVectors do not need, or its matrix is missing.
    """
    try:
        loaded = _Unpickler(stream).load()
    except DataFormatError as error:
        raise DataFormatError(f"{path}: {error}") from error
    except Exception as error:  # a damaged pickle can raise any
        raise DataFormatError(
            f"{path}: cannot be read as gensim's KeyedVectors: {error}. Is it cut short?"
        ) from error
    try:
        return _content(Path(path), vars(loaded) if isinstance(loaded, _Attributes) else {})
    except DataFormatError as error:
        raise DataFormatError(f"{path}: {error}") from error


def _content(path: Path, attributes: dict[str, Any]) -> KeyedVectors:
    words = attributes.get("index_to_key", attributes.get("index2word"))  # gensim 4; before
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DataFormatError("expected gensim's KeyedVectors with a list of words (index_to_key).")
    for name in ("vectors", "syn0"):  # gensim 3 and 4; 1 and 2
        matrix = _matrix(path, attributes, name)
        if matrix is not None:
            matrix = _checked(matrix, len(words))
            return KeyedVectors(words, matrix.shape[1], matrix.__getitem__)
    if "vectors_vocab" in attributes or "vectors_vocab" in _listed(attributes):
        return _fasttext(path, words, attributes)
    raise DataFormatError(f"its matrix lies in a file of its own, {path.name}.vectors.npy, which is missing.")


def _fasttext(path: Path, words: list[str], attributes: dict[str, Any]) -> KeyedVectors:
    """FastText's vectors as gensim 4 keeps them: of each word the mean of its own vector and those of its n-grams.

    Reference:
        Bojanowski et al. (2017), Enriching Word Vectors with Subword Information.
    """
    own = _matrix(path, attributes, "vectors_vocab")
    ngrams = _matrix(path, attributes, "vectors_ngrams")
    least, most, buckets = (attributes.get(name) for name in ("min_n", "max_n", "bucket"))
    if (
        own is None
        or not all(isinstance(n, int) and 0 <= n < 1 << 40 for n in (least, most, buckets))
        or (buckets and (ngrams is None or not attributes.get("compatible_hash", True)))
    ):
        raise DataFormatError(
            "FastText vectors whose n-grams cannot be read. Save them with "
            "`model.wv.save_word2vec_format(path)`."
        )
    assert least is not None and most is not None and buckets is not None
    own = _checked(own, len(words))
    if not buckets or ngrams is None:
        return KeyedVectors(words, own.shape[1], own.__getitem__)
    ngrams = _checked(ngrams, buckets)
    if ngrams.shape[1] != own.shape[1]:
        raise DataFormatError(f"its n-grams have {ngrams.shape[1]} numbers, its words {own.shape[1]}.")

    def vector(row: int) -> np.ndarray:
        rows = [_hash(ngram) % buckets for ngram in _ngrams(words[row], least, most)]
        total: np.ndarray = own[row] + ngrams[rows].sum(axis=0, dtype=own.dtype)
        return total / (len(rows) + 1)

    return KeyedVectors(words, own.shape[1], vector)


def _ngrams(word: str, least: int, most: int) -> Iterator[bytes]:
    """The n-grams of a word with its edges marked, but for the marks alone, as fastText makes them."""
    marked = f"<{word}>"
    for start in range(len(marked)):
        for end in range(start + max(1, least), min(start + most, len(marked)) + 1):
            if end - start > 1 or 0 < start < len(marked) - 1:
                yield marked[start:end].encode("utf-8", "surrogatepass")


def _hash(ngram: bytes) -> int:
    """fastText's hash: FNV-1a of 32 bits, over bytes with a sign."""
    value = 2166136261
    for byte in ngram:
        value = ((value ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619) & 0xFFFFFFFF
    return value


def _matrix(path: Path, attributes: dict[str, Any], name: str) -> np.ndarray | None:
    """An array of the object, from the pickle or from a file beside it; None where it has none."""
    array = attributes.get(name)
    if isinstance(array, _Array):
        return array.values
    beside, archive = (path.with_name(f"{path.name}.{name}.{suffix}") for suffix in ("npy", "npz"))
    try:
        if beside.exists():
            return open_npy(beside)
        if archive.exists():
            with np.load(archive, allow_pickle=False) as content:
                return content["val"]
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile, MemoryError) as error:
        raise DataFormatError(f"the matrix beside it cannot be read: {error}") from error
    if name in _listed(attributes):
        raise DataFormatError(f"its matrix lies in a file of its own, {beside.name}, which is missing.")
    return None


def _listed(attributes: dict[str, Any]) -> list[str]:
    """The names of the arrays that gensim put beside the file."""
    listed = attributes.get("__numpys", [])
    return listed if isinstance(listed, list) else []


def _checked(matrix: np.ndarray, rows: int) -> np.ndarray:
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or len(matrix) < rows or not matrix.shape[1]:
        raise DataFormatError(
            f"expected a vector for each of {rows} words. "
            f"Received an array of shape {matrix.shape} and type {matrix.dtype}."
        )
    return matrix


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
        known = isinstance(self.name, str) and self.name in _NUMBER_DTYPES
        if not known or self.order not in ("<", ">", "=", "|"):
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
        if not isinstance(self.state, tuple) or len(self.state) != 5:
            raise DataFormatError("expected arrays of plain numbers. One is not whole.")
        _, shape, dtype, fortran, content = self.state
        if (
            not isinstance(dtype, _Dtype)
            or not isinstance(content, bytes | bytearray)
            or not isinstance(shape, tuple)
            or not all(isinstance(size, int) and size >= 0 for size in shape)
        ):
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
    # What is in them is not asked for.
    ("builtins", "frozenset"): tuple,
    ("__builtin__", "frozenset"): tuple,
    **{
        (f"gensim.models.{module}", name): _Attributes
        for module in (
            "keyedvectors",
            "fasttext",
            "word2vec",
            "wrappers.fasttext",
            "deprecated.keyedvectors",
            "deprecated.fasttext",
            "deprecated.fasttext_wrapper",
            "deprecated.word2vec",
        )
        for name in (
            "KeyedVectors",
            "Word2VecKeyedVectors",
            "EuclideanKeyedVectors",
            "FastTextKeyedVectors",
            "Vocab",
        )
    },
}


class _InPieces:
    """A stream that takes memory for what is there, not for what a pickle says that there is."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.readline = stream.readline

    def read(self, size: int) -> bytes:
        pieces = []
        while size > 0 and (piece := self._stream.read(min(size, _PIECE_BYTES))):
            pieces.append(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Dict(dict[Any, Any]):
    """A dict whose keys are plain: the hash of a tuple of tuples of tuples may take for ever."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, str | int | float | bytes | None):
            raise DataFormatError(
                f"expected gensim's KeyedVectors. Received a dict with a {type(key).__name__} for a key."
            )
        super().__setitem__(key, value)


# Not the unpickler in C, which takes memory for the largest memo index that a pickle names.
_PythonsUnpickler: Any = pickle._Unpickler


class _Unpickler(_PythonsUnpickler):
    """Builds inert stand-ins, in memory that the length of the pickle bounds. Sets, never asked for, are lists."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(_PythonsUnpickler.dispatch)

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(_InPieces(stream))

    def find_class(self, module: str, name: str) -> Any:
        stand_in = _STAND_INS.get((module, name))
        if stand_in is None:
            raise DataFormatError(
                f"expected gensim's KeyedVectors. Refused to load {module}.{name} from a pickle. Of a whole "
                "model, save its vectors with `model.wv.save(path)` or `model.wv.save_word2vec_format(path)`."
            )
        return stand_in

    def _load_empty_dict(self) -> None:
        self.append(_Dict())

    def _load_empty_set(self) -> None:
        self.append([])

    def _load_additems(self) -> None:
        self.pop_mark()

    def _load_frozenset(self) -> None:
        self.pop_mark()
        self.append([])

    def _load_bytearray8(self) -> None:
        self.append(self.read(int.from_bytes(self.read(8), "little")))

    def _refuse(self) -> None:
        raise DataFormatError("expected gensim's KeyedVectors. Received a pickle as gensim writes none.")

    dispatch[pickle.EMPTY_DICT[0]] = _load_empty_dict
    dispatch[pickle.EMPTY_SET[0]] = _load_empty_set
    dispatch[pickle.ADDITEMS[0]] = _load_additems
    dispatch[pickle.FROZENSET[0]] = _load_frozenset
    dispatch[pickle.BYTEARRAY8[0]] = _load_bytearray8
    for _opcode in (
        pickle.NEXT_BUFFER,
        pickle.READONLY_BUFFER,
        pickle.DICT,
        pickle.EXT1,
        pickle.EXT2,
        pickle.EXT4,
        pickle.PERSID,
        pickle.BINPERSID,
    ):
        dispatch[_opcode[0]] = _refuse
