"""What a file is by its first bytes."""

from __future__ import annotations

GZIP = b"\x1f\x8b"

# What a file is, in words, by its first bytes.
_KINDS = (
    (GZIP, "gzip"),
    (b"PK\x03\x04", "an Excel workbook (.xlsx) or another zip archive"),
    (b"PAR1\x15", "Parquet"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls) or another Office file"),
    (b"BZh91AY&SY", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"%PDF-", "a PDF"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
)


def kind_of(beginning: bytes) -> str | None:
    """What a file with these first bytes is, in words; None where they tell nothing, as those of text.

    >>> kind_of(b"%PDF-1.7")
    'a PDF'
    """
    return next((kind for signature, kind in _KINDS if beginning.startswith(signature)), None)
