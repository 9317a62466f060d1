from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from textsim.io.signatures import TELLING_BYTES, kind_of


def _archive(kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as zipped:
            zipped.writestr("a", "b")
    elif kind == "tar":
        with tarfile.open(fileobj=file, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("a"), io.BytesIO())
    else:
        np.save(file, np.ones(3))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(b"a", mtime=0), "gzip"),
        (bz2.compress(b"a"), "a bzip2 archive"),
        (lzma.compress(b"a"), "an xz archive"),
        (_archive("zip"), "an Excel workbook"),
        (_archive("tar"), "a tar archive"),
        (_archive("npy"), "a NumPy array"),
        (pickle.dumps({"a": 1}), "a Python pickle"),
        (b"\xef\xbb\xbf\n <!DOCTYPE HTML><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer to a file in Git LFS"),
    ],
    ids=["gzip", "bzip2", "xz", "xlsx", "tar", "npy", "pickle", "html", "lfs"],
)
def test_files_are_known_by_what_others_write(data: bytes, words: str) -> None:
    kind = kind_of(data[:TELLING_BYTES])
    assert kind is not None and kind.words.startswith(words) and kind.remedy.endswith((".", "?"))


@pytest.mark.parametrize("text", ["", "text_a\ttext_b\n", "html 是什么", "PK\t1", "版本\t1"])
def test_texts_are_of_no_kind(text: str) -> None:
    assert kind_of(text.encode()) is None


def test_texts_of_other_encodings_are_of_no_kind() -> None:
    for encoding in ("utf-16", "gb18030", "big5"):
        assert kind_of("怎麼還款".encode(encoding)) is None
