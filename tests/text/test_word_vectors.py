from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import given
from hypothesis import strategies as st

from textsim.errors import DataFormatError, InputError
from textsim.text import word_vectors
from textsim.text.normalize import Normalizer
from textsim.text.word_vectors import WordVectors, read_word_vectors, save_word_vectors

ROOT = Path(word_vectors.__file__).parents[2]
DATA = Path(os.environ.get("TEXTSIM_DATA", ROOT.parent / "shared" / "data")) / "vectors"
WORDS = ["的", "花", "iphone12", "？", "2024", "é"]
MATRIX = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)


def keyed_vectors() -> KeyedVectors:
    made = KeyedVectors(4)
    made.add_vectors(WORDS, MATRIX)
    return made


def headerless(path: str) -> None:
    keyed_vectors().save_word2vec_format(path)
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole.partition(b"\n")[2])


def with_row_ends(path: str) -> None:
    """Binary as word2vec's own program writes it: a line end after each row."""
    rows = (word.encode() + b" " + row.tobytes() + b"\n" for word, row in zip(WORDS, MATRIX, strict=True))
    Path(path).write_bytes(b"6 4\n" + b"".join(rows))


WRITERS: dict[str, Callable[[str], Any]] = {
    "text": lambda path: keyed_vectors().save_word2vec_format(path),
    "headerless": headerless,
    "binary": lambda path: keyed_vectors().save_word2vec_format(path, binary=True),
    "binary with line ends": with_row_ends,
    "kv": lambda path: keyed_vectors().save(path),
    "kv with matrix beside": lambda path: keyed_vectors().save(path, sep_limit=0),
    "own": lambda path: save_word_vectors(path, WORDS, MATRIX),
}


def assert_vectors(read: WordVectors, wanted: list[str]) -> None:
    assert set(read.vectors) == set(wanted)
    for word in wanted:
        vector = read.vectors[word]
        assert (vector.dtype, vector.shape) == (np.float32, (4,))
        np.testing.assert_array_equal(vector, MATRIX[WORDS.index(word)])


# Formats


@pytest.mark.parametrize("block_bytes", [7, 1 << 20])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("writer", WRITERS)
def test_every_format(
    tmp_path: Path, writer: str, compressed: bool, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "向量"
    WRITERS[writer](str(path))
    if compressed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    monkeypatch.setattr(word_vectors, "_BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(word_vectors, "_HEAD_BYTES", 60 if block_bytes == 7 else 4096)
    read = read_word_vectors(path, WORDS)
    assert (read.dim, read.rows_read, read.duplicates, read.normalized) == (4, 6, 0, 0)
    assert_vectors(read, WORDS)
    assert_vectors(read_word_vectors(path, ["花", "没有", "2024"], dim=4), ["花", "2024"])


@pytest.mark.parametrize("name", ["tencent_char_200d.vec", "wiki_char_500x300.vec"])
def test_real_files_as_gensim_reads_them(name: str) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is absent; TEXTSIM_DATA may point to the data")
    expected = KeyedVectors.load_word2vec_format(str(DATA / name))
    read = read_word_vectors(DATA / name, expected.index_to_key[::3])
    assert (read.dim, read.rows_read) == (expected.vector_size, len(expected))
    assert len(read.vectors) == len(expected.index_to_key[::3])
    for word, vector in read.vectors.items():
        np.testing.assert_array_equal(vector, expected[word])


@pytest.mark.parametrize("name", ["dim1", "dim2"])
def test_few_columns(tmp_path: Path, name: str) -> None:
    dim = int(name[-1])
    made = KeyedVectors(dim)
    made.add_vectors(WORDS, MATRIX[:, :dim])
    for binary in (False, True):
        made.save_word2vec_format(str(tmp_path / "v"), binary=binary)
        read = read_word_vectors(tmp_path / "v", WORDS)
        np.testing.assert_array_equal([read.vectors[word] for word in WORDS], MATRIX[:, :dim])


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "v.vec"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_line_ends_trailing_spaces_and_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff2 2\r\n的 0.5 -1e-1 \r\n花 1 2 \r\n")
    read = read_word_vectors(path, ["的", "花"])
    assert {word: vector.tolist() for word, vector in read.vectors.items()} == {
        "的": [0.5, np.float32(-0.1)],
        "花": [1.0, 2.0],
    }


def test_no_line_end_after_the_last_row(tmp_path: Path) -> None:
    assert read_word_vectors(write(tmp_path, "的 1 2\n花 3 4"), ["花"]).vectors["花"].tolist() == [3, 4]


def test_words_with_spaces_and_words_that_are_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, ". . . 1 2\nat a.b@c.d 3 4\n7 5 6\n\u3000 7 8\n")
    read = read_word_vectors(path, [". . .", "at a.b@c.d", "7", "\u3000"])
    assert read.dim == 2
    assert {word: vector.tolist() for word, vector in read.vectors.items()} == {
        ". . .": [1, 2],
        "at a.b@c.d": [3, 4],
        "7": [5, 6],
        "\u3000": [7, 8],
    }


def test_words_in_another_encoding_match_nothing(tmp_path: Path) -> None:
    read = read_word_vectors(write(tmp_path, "花 1 2\n".encode("gb18030") + "花 3 4\n".encode()), ["花"])
    assert (read.rows_read, read.vectors["花"].tolist()) == (2, [3, 4])


def test_the_first_of_two_rows_counts(tmp_path: Path) -> None:
    read = read_word_vectors(write(tmp_path, "花 1 2\n的 0 0\n花 3 4\n的 5 6\n"), ["花"])
    assert (read.vectors["花"].tolist(), read.duplicates, read.rows_read) == ([1, 2], 1, 4)


def test_normal_forms_come_after_exact_matches(tmp_path: Path) -> None:
    path = write(tmp_path, "？ 1 1\nＡpple 2 2\nAPPLE 3 3\nＯＫ 4 4\nok 5 5\n")
    wanted = ["?", "apple", "ok"]
    assert set(read_word_vectors(path, wanted).vectors) == {"ok"}
    read = read_word_vectors(path, wanted, normalizer=Normalizer())
    assert {word: vector.tolist() for word, vector in read.vectors.items()} == {
        "?": [1, 1],
        "apple": [2, 2],
        "ok": [5, 5],
    }
    assert (read.normalized, read.rows_read) == (2, 5)


@pytest.mark.parametrize("compressed", [False, True])
def test_progress_counts_the_bytes_of_the_file(tmp_path: Path, compressed: bool) -> None:
    content = b"".join(b"word%d 1 2\n" % i for i in range(200_000))
    path = write(tmp_path, gzip.compress(content) if compressed else content)
    seen: list[int] = []
    assert read_word_vectors(path, ["word3"], progress=seen.append).rows_read == 200_000
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[-1] == path.stat().st_size


def test_memory_is_that_of_the_wanted_rows(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    path = tmp_path / "v.vec"
    row = " ".join(["0.123456"] * 100)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"word{i} {row}\n" for i in range(60_000))
    assert path.stat().st_size > 50_000_000
    code = (
        "import resource, sys\n"
        "from textsim.text.word_vectors import read_word_vectors\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert len(read_word_vectors(sys.argv[1], ['word7', 'word59999']).vectors) == 2\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 20_000_000


# Other separators, compressions, words


@pytest.mark.parametrize("first", ["3\t2\n", "3 2\n", ""])
def test_tabs(tmp_path: Path, first: str) -> None:
    path = write(tmp_path, first + "的\t1\t2\n花呗 卡\t3 4\t\n呗 5\t6\n")
    read = read_word_vectors(path, ["的", "花呗 卡", "呗"])
    assert {word: vector.tolist() for word, vector in read.vectors.items()} == {
        "的": [1, 2],
        "花呗 卡": [3, 4],
        "呗": [5, 6],
    }


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    save_word_vectors(tmp_path / "v", WORDS, MATRIX)
    content = compress((tmp_path / "v").read_bytes())
    assert_vectors(read_word_vectors(write(tmp_path, content), WORDS), WORDS)
    with pytest.raises(DataFormatError, match=r"v.vec: the compressed file is damaged.*Is it cut short"):
        read_word_vectors(write(tmp_path, content[:-4]), WORDS)


def test_the_last_numbers_of_a_row_are_its_vector(tmp_path: Path) -> None:
    rows = "的 1 2\n花 3 4\niPhone 6 5 6\n呗 7 8\n7 9 10\n"
    for first in ("5 2\n", ""):
        read = read_word_vectors(write(tmp_path, first + rows), ["iPhone 6", "6", "7", "呗"])
        assert {word: vector.tolist() for word, vector in read.vectors.items()} == {
            "iPhone 6": [5, 6],
            "呗": [7, 8],
            "7": [9, 10],
        }
    # The first of them may be the odd one.
    assert read_word_vectors(write(tmp_path, "iPhone 6 1 2\n" + rows), ["呗"]).dim == 2


def test_blank_lines_at_the_end(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", " \n\n", "\n\n"):
        for first in ("1 2\n", ""):
            read = read_word_vectors(write(tmp_path, f"{first}的 1 2\n{end}"), ["的"])
            assert (read.rows_read, read.vectors["的"].tolist()) == (1, [1, 2])


@given(
    words=st.lists(
        st.text(st.sampled_from("的花呗a1.-"), min_size=1, max_size=4), min_size=1, max_size=9, unique=True
    ),
    dim=st.integers(1, 6),
    seed=st.integers(0, 999),
)
def test_text_and_binary_are_told_apart(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], dim: int, seed: int
) -> None:
    path = tmp_path_factory.mktemp("v") / "v.vec"
    matrix = np.random.default_rng(seed).standard_normal((len(words), dim)).astype(np.float32)
    rows = [word.encode() + b" " + row.tobytes() for word, row in zip(words, matrix, strict=True)]
    path.write_bytes(f"{len(words)} {dim}\n".encode() + b"".join(rows))
    read = read_word_vectors(path, words)
    np.testing.assert_array_equal([read.vectors[word] for word in words], matrix)
    # The same as text with decimal commas is neither binary nor text.
    lines = [
        f"{word} {' '.join(f'{x:.3f}'.replace('.', ',') for x in row)}"
        for word, row in zip(words, matrix, strict=True)
    ]
    path.write_text(f"{len(words)} {dim}\n" + "\n".join(lines), encoding="utf-8")
    with pytest.raises(
        DataFormatError, match=r"line 2: expected finite numbers.*,[0-9]+'. Are its commas decimal"
    ):
        read_word_vectors(path, words)


# Errors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + bytes(99), "Received a ZIP archive. Unpack it"),
        (b"7z\xbc\xaf'\x1c" + bytes(99), "Received a 7z archive"),
        (b"Rar!\x1a\x07" + bytes(99), "Received a RAR archive"),
        (
            (793712314).to_bytes(4, "little") + bytes(99),
            "fastText's own format. Pass the .vec file beside it",
        ),
        ("1 2\n的 1 2\n".encode("utf-16"), "text in UTF-16. Save it as UTF-8"),
        ("1 2\n的 1 2\n".encode("utf-16-le"), "text in UTF-16. Save it as UTF-8"),
        ("100 200\n的 1 2\n".encode("utf-16-be"), "text in UTF-16. Save it as UTF-8"),
        (b"\x93NUMPY\x01\x00" + bytes(99), "a NumPy array, which holds no words"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer to a file in Git LFS"),
        (b"<!doctype html>\n<html>", "a web page. Was the download an error message"),
        ("1 2\r的 1 2\r".encode(), "text whose lines end in CR alone"),
        ("2 1000\n的 6:0.05 7:0.2\n花 1:1\n".encode(), "line 2: .*pairs index:value, a sparse format"),
        ("2 2\n的 6:0.05 7:0.2\n花 1:1 2:2\n".encode(), "line 2: .*pairs index:value, a sparse format"),
        ("的 6:0.05 7:0.2\n花 1:1 2:2\n".encode(), "line 1: .*pairs index:value, a sparse format"),
        ("的 0,5 0,2\n花 1,5 2\n".encode(), "line 1: expected finite numbers.*'0,5'. Are its commas decimal"),
        (b"5 " + b"9" * 14 + b"\n", "line 1: expected the number of rows and of columns"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_other_kinds_are_named(tmp_path: Path, content: bytes, message: str, compressed: bool) -> None:
    path = write(tmp_path, gzip.compress(content) if compressed else content)
    with pytest.raises(DataFormatError, match=f"v.vec.*{message}"):
        read_word_vectors(path, ["的", "花"])


def test_a_tar_archive_is_named(tmp_path: Path) -> None:
    save_word_vectors(tmp_path / "v", WORDS, MATRIX)
    for mode in ("w", "w:gz", "w:bz2"):
        with tarfile.open(tmp_path / "v.vec", mode) as archive:
            archive.add(tmp_path / "v", "v")
        with pytest.raises(DataFormatError, match=r"v.vec: .*Received a tar archive. Unpack it"):
            read_word_vectors(tmp_path / "v.vec", WORDS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected word vectors. The file is empty"),
        ("\n \n", "expected word vectors. The file is empty"),
        ("0 100\n", "line 1: expected the number of rows and of columns. Received '0 100'"),
        (
            "3 2\n的 1 2\n花 3 4\n",
            "line 3: the first line promises 3 rows. Received 2. Is the file cut short.*remove it",
        ),
        ("3 2\n", "line 1: the first line promises 3 rows. Received 0. Is the file cut short"),
        ("1 2\n的 1 2\n花 3 4\n", "line 3: the first line promises 1 rows. Received more"),
        ("2 2\n的 1 2\n花 3\n", "line 3: expected a word and 2 numbers.*Received 2 columns: '花 3'"),
        ("2 3\n的 1 2\n花 3\n", "line 2: expected a word and 3 numbers.*Received 3 columns: '的 1 2'"),
        ("2 2\n的 1 2\n花 3 4 5\n", "line 3: expected a word and 2 numbers.*Received 4 columns"),
        ("的 1 2\n花 3 4 5\n", "line 2: expected a word and 2 numbers.*Received 4 columns"),
        ("的 1 2\n\n花 3 4\n", "line 2: expected a word and 2 numbers.*Received 1 columns: ''"),
        ("2 2\n的 1 2\n花 3 x\n", "line 3: expected finite numbers.*Received 'x'"),
        ("2 2\n的 1 2\n花 3 nan\n", "line 3: expected finite numbers.*Received 'nan'"),
        ("2 2\n的 1 2\n花 inf 3\n", "line 3: expected finite numbers.*Received 'inf'"),
        ("2 2\n的 1 2\n花 1.2.3 3\n", "line 3: expected finite numbers.*Received '1.2.3'"),
        ("2 2\n的 1 2\n花 1e60 3\n", "line 3: expected numbers that fit float32"),
        ("2 2\n的 1 2\n花  3\n", "line 3: expected finite numbers between single spaces"),
        ("2 2\n的 1 2\n没有 3 x\n", "line 3: expected finite numbers.*Received 'x'"),
        ("2 2\n的 1 2\n没有  3\n", "line 3: expected finite numbers between single spaces"),
        (
            "word vectors\n",
            "line 1: expected `count dim`, or a word and its numbers.*Received 2 columns: 'word vectors'",
        ),
        ("的\n", "line 1: expected `count dim`, or a word and its numbers"),
        ("的 1 2\n" + "x" * 100 + " 1\n", "line 2: expected a word and 2 numbers.*xxx\\.\\.\\.'"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_malformed_text(tmp_path: Path, content: str, message: str, compressed: bool) -> None:
    path = write(tmp_path, gzip.compress(content.encode()) if compressed else content)
    with pytest.raises(DataFormatError, match=f"v.vec.*{message}"):
        read_word_vectors(path, ["的", "花"])


def test_other_dimension(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"line 1: expected vectors of 3 numbers. Received 2"):
        read_word_vectors(write(tmp_path, "1 2\n的 1 2\n"), ["的"], dim=3)
    with pytest.raises(DataFormatError, match=r"line 1: expected a word and 3 numbers.*Received 3 columns"):
        read_word_vectors(write(tmp_path, "的 1 2\n"), ["的"], dim=3)
    keyed_vectors().save(str(tmp_path / "a.kv"))
    with pytest.raises(DataFormatError, match=r"a.kv: expected vectors of 3 numbers. Received 4"):
        read_word_vectors(tmp_path / "a.kv", ["的"], dim=3)


def binary(tmp_path: Path, matrix: np.ndarray = MATRIX) -> Path:
    made = KeyedVectors(4)
    made.add_vectors(WORDS, matrix)
    made.save_word2vec_format(str(tmp_path / "v.bin"), binary=True)
    return tmp_path / "v.bin"


def test_cut_short_binary(tmp_path: Path) -> None:
    path = binary(tmp_path)
    whole = path.read_bytes()
    for size in range(whole.index(b"\n") + 40, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(
            DataFormatError, match=r"v.bin, row \d: the first line promises 6 rows.*cut short"
        ):
            read_word_vectors(path, WORDS)


def test_more_binary_rows_than_promised(tmp_path: Path) -> None:
    path = binary(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"6 4\n", b"5 4\n"))
    with pytest.raises(DataFormatError, match=r"v.bin: the first line promises 5 rows. Received more"):
        read_word_vectors(path, WORDS)


@pytest.mark.parametrize("wanted", [["花"], ["的"]])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_binary_row_that_is_not_finite(tmp_path: Path, wanted: list[str], value: float) -> None:
    matrix = MATRIX.copy()
    matrix[1, 2] = value
    with pytest.raises(
        DataFormatError, match=r"v.bin, row 2: expected finite numbers. Received NaN or infinity"
    ):
        read_word_vectors(binary(tmp_path, matrix), wanted)


def test_kv_row_that_is_not_finite(tmp_path: Path) -> None:
    made = keyed_vectors()
    made.vectors[1, 2] = np.inf
    made.save(str(tmp_path / "a.kv"))
    with pytest.raises(
        DataFormatError, match=r"a.kv, row 2: expected finite numbers. Received NaN or infinity"
    ):
        read_word_vectors(tmp_path / "a.kv", WORDS)


def test_kv_without_words(tmp_path: Path) -> None:
    KeyedVectors(4).save(str(tmp_path / "a.kv"))
    with pytest.raises(DataFormatError, match=r"a.kv: expected word vectors. The file holds no word"):
        read_word_vectors(tmp_path / "a.kv", WORDS)


def test_endless_word_and_endless_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "_BLOCK_BYTES", 64)
    monkeypatch.setattr(word_vectors, "_MAX_WORD_BYTES", 100)
    monkeypatch.setattr(word_vectors, "_MAX_ROW_BYTES", 100)
    with pytest.raises(
        DataFormatError, match=r"row 2: expected a word, a space and 8 bytes. Received 100 bytes"
    ):
        read_word_vectors(write(tmp_path, b"2 2\na " + b"\xff\xfe\0\0" * 2 + b"\xff" * 500), ["的"])
    with pytest.raises(DataFormatError, match=r"line 3: expected a word.*a line of more than 100 bytes"):
        read_word_vectors(write(tmp_path, "3 2\n的 1 2\n" + "1" * 500), ["的"])


def test_damaged_gzip(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b"word%d 1 2\n" % i for i in range(1000)))
    with pytest.raises(DataFormatError, match=r"v.vec: the compressed file is damaged.*Is it cut short"):
        read_word_vectors(write(tmp_path, whole[:-20]), ["的"])
    damaged = whole[:100] + bytes(byte ^ 255 for byte in whole[100:120]) + whole[120:]
    with pytest.raises(DataFormatError, match=r"v.vec: the compressed file is damaged"):
        read_word_vectors(write(tmp_path, damaged), ["的"])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"none.vec: cannot be read: No such file"):
        read_word_vectors(tmp_path / "none.vec", ["的"])
    with pytest.raises(DataFormatError, match=r"cannot be read: Is a directory"):
        read_word_vectors(tmp_path, ["的"])


# Writing


FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(rows=st.lists(st.lists(FLOATS, min_size=3, max_size=3), min_size=1, max_size=5))
def test_written_vectors_come_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[float]]
) -> None:
    path = tmp_path_factory.mktemp("v") / "v.vec"
    matrix = np.array(rows, dtype=np.float32)
    words = [f"词{i}" for i in range(len(rows))]
    save_word_vectors(path, words, matrix)
    read = read_word_vectors(path, words)
    again = np.stack([read.vectors[word] for word in words])
    assert again.tobytes() == matrix.tobytes()
    assert KeyedVectors.load_word2vec_format(str(path)).vectors.tobytes() == matrix.tobytes()


def test_refused_writing(tmp_path: Path) -> None:
    path = tmp_path / "v.vec"
    with pytest.raises(InputError, match=r"a row for each of 5 words. Received an array of shape \(6, 4\)"):
        save_word_vectors(path, WORDS[:5], MATRIX)
    for word in ("a b", "", "a\n", "\u3000"):
        with pytest.raises(InputError, match="expected words without whitespace"):
            save_word_vectors(path, [word], MATRIX[:1])
    assert not path.exists()


@pytest.mark.parametrize("head", ["", "4 3\n"])
@pytest.mark.parametrize("encoding", ["gb18030", "big5"])
def test_words_in_another_encoding_are_named(tmp_path: Path, head: str, encoding: str) -> None:
    rows = "".join(f"{word} 0.1 0.2 0.3\n" for word in ("的", "花", "2024", "款"))
    (tmp_path / "v.vec").write_text(head + rows, encoding=encoding)
    with pytest.raises(DataFormatError, match=r"expected words in the encoding UTF-8\. Received b'.*iconv"):
        read_word_vectors(tmp_path / "v.vec", WORDS)


def test_a_few_broken_words_are_no_other_encoding(tmp_path: Path) -> None:
    rows = ["的 0.1 0.2 0.3\n", "花 0.1 0.2 0.3\n", "é 0.1 0.2 0.3\n"]
    (tmp_path / "v.vec").write_bytes("".join(rows).encode() + b"\xff\xfe 0.1 0.2 0.3\n")
    assert set(read_word_vectors(tmp_path / "v.vec", WORDS).vectors) == {"的", "花", "é"}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x28\xb5\x2f\xfd" + bytes(range(256)), "a Zstandard archive"),
        (b"SQLite format 3\x00" + bytes(300), "an SQLite database"),
        (b"PAR1\x15" + bytes(range(200)), "Parquet"),
    ],
)
def test_files_of_other_kinds_are_named(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "v.vec").write_bytes(content)
    with pytest.raises(DataFormatError, match=f"expected word vectors. Received {kind}"):
        read_word_vectors(tmp_path / "v.vec", WORDS)


@pytest.mark.parametrize("kind", ["text", "binary", "kv"])
@pytest.mark.parametrize("compressed", [False, True])
def test_the_hash_is_that_of_the_file(tmp_path: Path, kind: str, compressed: bool) -> None:
    path = tmp_path / "v"
    WRITERS[kind](str(path))
    if compressed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert read_word_vectors(path, WORDS).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    WRITERS["text"](str(tmp_path / "v"))
    content = (tmp_path / "v").read_bytes()
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(content))
    writer.start()
    done: list[int] = []
    read = read_word_vectors(tmp_path / "pipe", WORDS, progress=done.append)
    writer.join()
    assert_vectors(read, WORDS)
    assert done[-1] == len(content)
    assert read.sha256 == hashlib.sha256(content).hexdigest()
