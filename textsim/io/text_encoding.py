"""Text files in the encodings that Chinese text comes in: UTF-8, UTF-16, GB18030, Big5."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import os
import re
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from textsim.errors import ConfigError, DataFormatError
from textsim.io.paths import STREAM, is_gzip

_BLOCK_BYTES = 1 << 18
_TELLING_BYTES = 64
_BEYOND_ASCII = re.compile(rb"[\x80-\xff\0]")
# Codecs of domain names, which have no lines.
_OF_NAMES = ("idna", "punycode")
_BOMS = (
    # UTF-32's little-endian mark begins with UTF-16's, so it comes first.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Share of the characters beyond ASCII that must be everyday simplified ones for a guess to hold. Lower for
# UTF-16, whose wrong byte order gives next to none: traditional text passes too.
_GB_SHARE = 0.7
_WIDE_SHARE = 0.3


@contextlib.contextmanager
def open_bytes(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a file for reading, through gzip where it ends in ".gz"; "-" is standard input.

    Raises:
        DataFormatError: the file is missing, is a folder, or cannot be opened; or, while the block reads, its
            gzip stream is damaged.
    """
    if os.fspath(path) == STREAM:
        yield sys.stdin.buffer
        return
    path = Path(path)
    if path.is_dir():
        raise DataFormatError(f"{path}: expected a file. Received a folder.")
    try:
        opener: Any = gzip.open if is_gzip(path) else open
        file = cast(BinaryIO, opener(path, "rb"))
    except FileNotFoundError:
        raise DataFormatError(f"{path}: no such file.") from None
    except OSError as error:
        raise DataFormatError(f"{path}: cannot be read: {error.strerror}.") from error
    with file:
        try:
            yield file
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataFormatError(
                f"{path}: the gzip stream is damaged or cut short ({error}). Was it copied whole?"
            ) from error


def detect_encoding(data: bytes, *, whole: bool) -> str | None:
    """The encoding that the beginning of a file is in.

    In this order: a byte order mark; strict UTF-8; UTF-16 without a mark; GB18030 that decodes to common
    characters; charset-normalizer's choice between the encodings of Chinese; and last UTF-8 that is broken in few
    places.

    Args:
        data: the first bytes of the file.
        whole: whether they are all of it; otherwise the last character may be cut.

    Returns:
        A name that Python's codecs know, or None where nothing fits.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name
    nuls = data.count(0)
    if nuls <= len(data) / 5 and _try_decode(data, "utf-8", whole) is not None:
        return "utf-8"  # a few NUL bytes in it are dirt; in UTF-16 every ASCII character holds one
    if nuls:
        share, name = max((_common_share(data, name, whole), name) for name in ("utf-16-le", "utf-16-be"))
        if share >= _WIDE_SHARE:
            return name
    if _common_share(data, "gb18030", whole) >= _GB_SHARE:
        return "gb18030"
    import charset_normalizer

    guess = charset_normalizer.from_bytes(data, cp_isolation=["big5", "big5hkscs", "gb18030"]).best()
    if guess is not None and _try_decode(data, guess.encoding, whole):
        return guess.encoding
    return "utf-8" if _mostly_utf8(data) else None


def _mostly_utf8(data: bytes) -> bool:
    """Whether nine of ten characters beyond ASCII are UTF-8: then the reader says which line is broken."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return 0 < 10 * broken <= sum(character > "\x7f" for character in text)


def _try_decode(data: bytes, encoding: str, whole: bool) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data, whole)
    except UnicodeDecodeError:
        return None


def _common_share(data: bytes, encoding: str, whole: bool) -> float:
    """Share of the characters beyond ASCII that are in GB 2312, the set of everyday simplified Chinese.

    Control characters that no text holds count as uncommon ones. 1 for plain ASCII, 0 where decoding fails.
    """
    text = _try_decode(data, encoding, whole)
    if text is None:
        return 0.0
    counts = Counter(text[:100_000])
    unusual = {c: n for c, n in counts.items() if c > "\x7f" or (c < " " and c not in "\0\t\n\v\f\r")}
    common = sum(n for c, n in unusual.items() if c > "\x7f" and _in_gb2312(c))
    return common / sum(unusual.values()) if unusual else 1.0


def _in_gb2312(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


class Lines:
    """An iterable of a file's lines, each with its number from 1, read and decoded as they are asked for.

    A line ends with "\\n" or "\\r\\n" alone, whatever other separators a text holds. A last line without an
    end counts; a byte order mark is dropped.

    Args:
        file: the open file, at its beginning.
        path: its name, for messages.
        encoding: skips the detection.

    Attributes:
        encoding: a name that Python's codecs know. Where it is detected, "utf-8" until bytes that are not ASCII
            tell.

    Raises:
        DataFormatError: from the iterator: no encoding fits, or a line is not in the encoding.
        ConfigError: Python knows no encoding of that name.
    """

    def __init__(self, file: BinaryIO, path: str | os.PathLike[str], encoding: str | None = None) -> None:
        # read1 does not wait for a whole block of standard input.
        self._read_bytes = getattr(file, "read1", file.read)
        self._path = path
        self.encoding = "utf-8" if encoding is None else _checked(encoding)
        self._lines = self._read(detect=encoding is None)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self._lines

    def _read(self, detect: bool) -> Iterator[tuple[int, str]]:
        decoder = codecs.getincrementaldecoder(self.encoding)()
        number = 0
        rest = ""
        ended = False
        while not ended:
            block = self._read_bytes(_BLOCK_BYTES)
            ended = not block
            # ASCII tells nothing and, but for UTF-16 with its NUL bytes, reads the same in each encoding: it is
            # handed out as it comes, since the first byte beyond it may come late or never.
            if detect and (beyond := _BEYOND_ASCII.search(block)):
                detect = False
                # A few bytes do not tell, such as the one that a block happens to end in.
                while not ended and len(block) - beyond.start() < _TELLING_BYTES:
                    more = self._read_bytes(_BLOCK_BYTES)
                    block, ended = block + more, not more
                self.encoding = self._detect(block)
                decoder = codecs.getincrementaldecoder(self.encoding)()
            try:
                text = decoder.decode(block, ended)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(self.encoding, errors="ignore")
                received = error.object[error.start : error.start + 4]
                raise DataFormatError(
                    f"{self._path}, line {number + (rest + before).count(chr(10)) + 1}: expected {self.encoding} "
                    f"text. Received the bytes {received!r}. Pass another encoding with --encoding "
                    "(encoding=...), or mend the line."
                ) from error
            lines = text.split("\n")
            lines[0] = rest + lines[0]
            rest = lines.pop()
            for line in lines:
                number += 1
                yield number, line[:-1] if line.endswith("\r") else line
        if rest:
            yield number + 1, rest[:-1] if rest.endswith("\r") else rest

    def _detect(self, block: bytes) -> str:
        encoding = detect_encoding(block, whole=False)
        if encoding is None:
            raise DataFormatError(
                f"{self._path}: cannot tell the encoding: neither UTF-8, UTF-16, GB18030 nor Big5. "
                "Pass it with --encoding (encoding=...)."
            )
        return encoding


def _checked(encoding: str) -> str:
    """The name of an encoding that is asked for, as Python's codecs have it."""
    try:
        name = codecs.lookup(encoding).name
        # Python has codecs that are none of text, such as base64: to them this is a LookupError too.
        "\n".encode(name)
    except (LookupError, UnicodeError):
        name = ""
    if name in ("", *_OF_NAMES):
        raise ConfigError(f"unknown encoding {encoding!r}. Expected one such as utf-8, gb18030 or big5.")
    return "utf-8-sig" if name == "utf-8" else name  # reads both with and without the mark


def raw_lines(path: str | os.PathLike[str], encoding: str | None = None) -> Iterator[str]:
    """The lines of a raw text file that are not blank, for training word vectors."""
    with open_bytes(path) as file:
        for _, line in Lines(file, path, encoding):
            if line and not line.isspace():
                yield line
