from __future__ import annotations

import gzip
import os
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors, Word2Vec

from textsim.errors import DataFormatError
from textsim.text.keyed_vectors import _Unpickler, read_keyed_vectors

WORDS = ["的", "花", "iphone12", "？"]
MATRIX = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)


def keyed_vectors(dtype: Any = np.float32) -> KeyedVectors:
    made = KeyedVectors(3, dtype=dtype)
    made.add_vectors(WORDS, MATRIX.astype(dtype))
    return made


def read(path: Path) -> tuple[list[str], np.ndarray]:
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as stream:
        content = read_keyed_vectors(path, stream)
    matrix = np.array([content.vector(row) for row in range(len(content.words))])
    assert matrix.shape == (len(content.words), content.dim)
    return content.words, matrix


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", ["a.kv", "a.kv.gz"])
@pytest.mark.parametrize("sep_limit", [0, 10**6])
def test_reads_what_gensim_saves(tmp_path: Path, protocol: int, name: str, sep_limit: int) -> None:
    path = tmp_path / name
    keyed_vectors().save(str(path), sep_limit=sep_limit, pickle_protocol=protocol)
    words, matrix = read(path)
    assert words == WORDS
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, MATRIX)
    np.testing.assert_array_equal(matrix, KeyedVectors.load(str(path)).vectors)


def test_a_matrix_beside_is_mapped_not_loaded(tmp_path: Path) -> None:
    keyed_vectors().save(str(tmp_path / "a.kv"), sep_limit=0)
    with open(tmp_path / "a.kv", "rb") as stream:
        assert isinstance(read_keyed_vectors(tmp_path / "a.kv", stream).vector(0), np.memmap)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ">f4"])
def test_other_kinds_of_numbers(tmp_path: Path, dtype: Any) -> None:
    made = keyed_vectors()
    made.vectors = made.vectors.astype(dtype)
    made.save(str(tmp_path / "a.kv"))
    np.testing.assert_array_equal(read(tmp_path / "a.kv")[1], MATRIX.astype(dtype))


def test_counts_and_norms_do_no_harm(tmp_path: Path) -> None:
    model = Word2Vec([["花", "的", "花"], ["的", "花"]], vector_size=3, min_count=1, workers=1)
    model.wv.fill_norms()
    model.wv.save(str(tmp_path / "a.kv"))
    words, matrix = read(tmp_path / "a.kv")
    assert words == model.wv.index_to_key
    np.testing.assert_array_equal(matrix, model.wv.vectors)


def test_column_order(tmp_path: Path) -> None:
    made = keyed_vectors()
    made.vectors = np.asfortranarray(made.vectors)
    made.save(str(tmp_path / "a.kv"))
    np.testing.assert_array_equal(read(tmp_path / "a.kv")[1], MATRIX)


class Malicious:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("inside", [False, True])
def test_a_malicious_pickle_is_refused_and_runs_nothing(tmp_path: Path, inside: bool) -> None:
    victim = tmp_path / "made-by-the-pickle"
    trap: Any = Malicious(os.mkdir, str(victim))
    if inside:
        holder = keyed_vectors()
        holder.expandos["trap"] = trap
        trap = holder
    path = tmp_path / "a.kv"
    path.write_bytes(pickle.dumps(trap))
    with pytest.raises(
        DataFormatError, match=r"a.kv: expected gensim's KeyedVectors. Refused to load \w+.mkdir"
    ):
        read(path)
    assert not victim.exists()
    pickle.loads(path.read_bytes())
    assert victim.exists(), "the pickle was harmless: this test shows nothing"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("os", "system"),
        ("copyreg", "_reconstructor"),
        ("numpy", "load"),
        ("numpy", "memmap"),
        ("gensim.utils", "unpickle"),
        ("gensim.models.keyedvectors", "KeyedVectors.load"),
        ("gensim.models.word2vec", "Word2Vec"),
    ],
)
def test_names_beyond_keyed_vectors_are_refused(tmp_path: Path, module: str, name: str) -> None:
    with open(os.devnull, "rb") as stream, pytest.raises(DataFormatError, match="Refused to load"):
        _Unpickler(stream).find_class(module, name)


def test_allowed_names_lead_to_nothing_of_numpy_or_gensim() -> None:
    with open(os.devnull, "rb") as stream:
        for module, name in [
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("gensim.models.keyedvectors", "KeyedVectors"),
        ]:
            assert _Unpickler(stream).find_class(module, name).__module__ == "textsim.text.keyed_vectors"


def test_a_whole_model_is_refused_with_the_remedy(tmp_path: Path) -> None:
    Word2Vec([["花", "的"]], vector_size=3, min_count=1, workers=1).save(str(tmp_path / "word2vec.model"))
    with pytest.raises(DataFormatError, match=r"Of a whole model, save its vectors with `model.wv.save"):
        read(tmp_path / "word2vec.model")


def test_a_missing_matrix(tmp_path: Path) -> None:
    keyed_vectors().save(str(tmp_path / "a.kv"), sep_limit=0)
    (tmp_path / "a.kv.vectors.npy").unlink()
    with pytest.raises(DataFormatError, match=r"file of its own, a.kv.vectors.npy, which is missing"):
        read(tmp_path / "a.kv")


@pytest.mark.parametrize("name", ["a.kv", "a.kv.gz"])
def test_a_damaged_matrix(tmp_path: Path, name: str) -> None:
    keyed_vectors().save(str(tmp_path / name), sep_limit=0)
    (beside,) = (path for path in tmp_path.iterdir() if ".vectors." in path.name)
    beside.write_bytes(beside.read_bytes()[:100])
    with pytest.raises(DataFormatError, match="the matrix beside it cannot be read"):
        read(tmp_path / name)


def test_a_matrix_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    keyed_vectors().save(str(tmp_path / "a.kv"), sep_limit=0)
    np.save(tmp_path / "a.kv.vectors.npy", np.array([{}], dtype=object))
    with pytest.raises(DataFormatError, match="the matrix beside it cannot be read"):
        read(tmp_path / "a.kv")
    inside = keyed_vectors()
    inside.vectors = np.array([["a"]], dtype=object)
    (tmp_path / "b.kv").write_bytes(pickle.dumps(inside))
    with pytest.raises(DataFormatError, match=r"b.kv: expected arrays of plain numbers"):
        read(tmp_path / "b.kv")


def test_every_cut_short_file_is_an_error(tmp_path: Path) -> None:
    keyed_vectors().save(str(tmp_path / "a.kv"))
    whole = (tmp_path / "a.kv").read_bytes()
    for size in range(2, len(whole)):
        (tmp_path / "a.kv").write_bytes(whole[:size])
        with pytest.raises(
            DataFormatError, match=r"a.kv: cannot be read as gensim's KeyedVectors.*cut short"
        ):
            read(tmp_path / "a.kv")


def test_flipped_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    keyed_vectors().save(str(tmp_path / "a.kv"))
    whole = (tmp_path / "a.kv").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(500):
        damaged = bytearray(whole)
        damaged[rng.integers(2, len(whole))] = rng.integers(256)
        (tmp_path / "a.kv").write_bytes(damaged)
        try:
            words, matrix = read(tmp_path / "a.kv")
        except DataFormatError:
            continue
        assert len(words) <= len(matrix)


@pytest.mark.parametrize("content", [{"index_to_key": ["的"]}, ["的"], 3])
def test_another_pickle(tmp_path: Path, content: object) -> None:
    (tmp_path / "a.kv").write_bytes(pickle.dumps(content))
    with pytest.raises(DataFormatError, match=r"a.kv: expected gensim's KeyedVectors with a list of words"):
        read(tmp_path / "a.kv")


def test_fewer_vectors_than_words(tmp_path: Path) -> None:
    made = keyed_vectors()
    made.vectors = made.vectors[:3]
    (tmp_path / "a.kv").write_bytes(pickle.dumps(made))
    with pytest.raises(DataFormatError, match=r"expected a vector for each of 4 words.*shape \(3, 3\)"):
        read(tmp_path / "a.kv")


def test_an_array_that_does_not_fit_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.kv"
    keyed_vectors().save(str(path))
    content = path.read_bytes()
    shape = b"K\x04K\x03\x86"  # the pickled tuple (4, 3)
    assert content.count(shape) == 1
    path.write_bytes(content.replace(shape, b"K\x04K\x04\x86"))
    with pytest.raises(DataFormatError, match=r"an array of shape \(4, 4\) does not fit its 48 bytes"):
        read(path)


@pytest.mark.parametrize("sep_limit", [0, 10**6])
@pytest.mark.parametrize(("least", "most"), [(3, 6), (1, 2), (2, 4), (4, 3)])
def test_fasttext(tmp_path: Path, sep_limit: int, least: int, most: int) -> None:
    sentences = [["今天", "天气", "真", "好", "iphone12", "𠀀é"], ["花呗", "怎么", "还款"]] * 5
    model = FastText(
        sentences, vector_size=5, min_count=1, bucket=50, min_n=least, max_n=most, epochs=1, seed=1
    )
    model.wv.save(str(tmp_path / "ft.kv"), sep_limit=sep_limit)
    words, matrix = read(tmp_path / "ft.kv")
    assert words == model.wv.index_to_key
    np.testing.assert_allclose(matrix, model.wv[words], rtol=1e-6, atol=1e-7)


def test_fasttext_whose_ngrams_are_gone_or_hashed_otherwise(tmp_path: Path) -> None:
    model = FastText([["花呗", "还款"]], vector_size=3, min_count=1, bucket=5, epochs=1)
    model.wv.save(str(tmp_path / "ft.kv"), sep_limit=0)
    (tmp_path / "ft.kv.vectors_ngrams.npy").unlink()
    with pytest.raises(DataFormatError, match=r"ft.kv.vectors_ngrams.npy, which is missing"):
        read(tmp_path / "ft.kv")
    model.wv.compatible_hash = False
    model.wv.save(str(tmp_path / "old.kv"))
    with pytest.raises(
        DataFormatError, match=r"FastText vectors whose n-grams cannot be read.*word2vec_format"
    ):
        read(tmp_path / "old.kv")


@pytest.mark.parametrize("beside", [False, True])
def test_vectors_of_gensim_2(tmp_path: Path, beside: bool) -> None:
    made = keyed_vectors()
    old = KeyedVectors.__new__(KeyedVectors)
    old.__dict__.update({"index2word": WORDS, "vector_size": 3, "syn0norm": None})
    if beside:
        old.__dict__["__numpys"] = ["syn0"]
        np.save(tmp_path / "a.kv.syn0.npy", made.vectors)
    else:
        old.__dict__["syn0"] = made.vectors
    (tmp_path / "a.kv").write_bytes(pickle.dumps(old, 2))
    words, matrix = read(tmp_path / "a.kv")
    assert words == WORDS
    np.testing.assert_array_equal(matrix, MATRIX)
    if beside:
        (tmp_path / "a.kv.syn0.npy").unlink()
        with pytest.raises(DataFormatError, match=r"a.kv.syn0.npy, which is missing"):
            read(tmp_path / "a.kv")


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04]r\x00\x00\x00\x40.",  # LONG_BINPUT with the memo index 2**30
        b"\x80\x04)" + b"2\x86" * 60 + b"}\x8c\x01a0.",
        b"\x80\x04})" + b"2\x86" * 60 + b"K\x01s.",  # {deep: 1}
        b"\x80\x04}()" + b"2\x86" * 60 + b"K\x01u.",
        b"\x80\x04()" + b"2\x86" * 60 + b"\x91.",  # frozenset({deep})
        b"\x80\x04\x8f()" + b"2\x86" * 60 + b"\x90.",  # set
        b"\x80\x02cbuiltins\nfrozenset\n]" + b")" + b"2\x86" * 60 + b"a\x85R.",
        b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.",  # BINBYTES8 of nearly 2**63
        b"\x80\x04\x8b\xff\xff\xff\x7f.",  # LONG4 of 2**31 bytes
        b"\x80\x04I" + b"9" * 5000 + b"\n.",
        b"\x80\x04\x95" + b"\xff" * 8 + b".",  # a frame without end
        b"\x80\x04" + b"(" * 200_000 + b".",
    ],
)
def test_pickles_that_would_take_all_memory_or_time(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.kv").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataFormatError, match=r"a.kv: .*gensim's KeyedVectors"):
            read(tmp_path / "a.kv")
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
