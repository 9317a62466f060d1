"""What a file is by its first bytes."""

from __future__ import annotations

import codecs
from typing import NamedTuple

GZIP = b"\x1f\x8b"


class FileKind(NamedTuple):
    """What a file is that is no text of rows.

    Attributes:
        words: what it is.
        remedy: what to do with it, a sentence.
    """

    words: str
    remedy: str


_UNPACK = "Unpack it, and pass the file in it."
_SAVE = "Save it as CSV (UTF-8)."
_DOWNLOAD = "Was the download an error message?"

_KINDS = (
    (GZIP, FileKind("gzip", _UNPACK)),
    (b"PK\x03\x04", FileKind("an Excel workbook (.xlsx) or another zip archive", _SAVE)),
    (b"PAR1\x15", FileKind("Parquet", _SAVE)),
    (b"\x93NUMPY", FileKind("a NumPy array (.npy)", _SAVE)),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        FileKind("an old Excel workbook (.xls) or another Office file", _SAVE),
    ),
    (b"BZh91AY&SY", FileKind("a bzip2 archive", _UNPACK)),
    (b"\xfd7zXZ\x00", FileKind("an xz archive", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", FileKind("a Zstandard archive", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7-Zip archive", _UNPACK)),
    (b"Rar!\x1a\x07", FileKind("a RAR archive", _UNPACK)),
    (b"%PDF-", FileKind("a PDF", _SAVE)),
    (b"SQLite format 3\x00", FileKind("an SQLite database", _SAVE)),
    *((b"\x80" + bytes([protocol]), FileKind("a Python pickle", _SAVE)) for protocol in (2, 3, 4, 5)),
    (
        b"version https://git-lfs",
        FileKind("a pointer to a file in Git LFS", "Fetch that file with `git lfs pull`."),
    ),
)
# In lower case. Blanks and a byte order mark may stand before them.
_PAGES = (b"<!doctype html", b"<html")
_TAR = slice(257, 262)

TELLING_BYTES = 512
"""So many of the first bytes tell."""


def kind_of(beginning: bytes) -> FileKind | None:
    """What a file with these first bytes is; None where they tell nothing, as those of text.

    >>> kind_of(b"%PDF-1.7").words
    'a PDF'
    """
    if beginning[_TAR] == b"ustar":
        return FileKind("a tar archive", _UNPACK)
    if beginning.removeprefix(codecs.BOM_UTF8).lstrip()[:16].lower().startswith(_PAGES):
        return FileKind("a web page", _DOWNLOAD)
    return next((kind for signature, kind in _KINDS if beginning.startswith(signature)), None)
