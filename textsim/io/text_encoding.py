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
from typing import Any, BinaryIO

from textsim.errors import ConfigError, DataFormatError
from textsim.io.hashed_reads import HashedReads
from textsim.io.paths import STREAM, is_gzip
from textsim.io.signatures import GZIP, TELLING_BYTES, kind_of

_BLOCK_BYTES = 1 << 18
_TELLING_BYTES = 64
MAX_LINE_CHARACTERS = 1 << 24
"""Of a line. It bounds the memory that a file without line ends takes."""
_BEYOND_ASCII = re.compile(rb"[\x80-\xff\0]")
_STRAY = re.compile("[\udc80-\udcff]+")
# The line ends are told by so many characters, and beside LF only so many CR can be meant for line ends.
_TELLING_CHARACTERS = 1 << 16
_TELLING_RETURNS = 10
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
def open_bytes(path: str | os.PathLike[str], reads: HashedReads | None = None) -> Iterator[BinaryIO]:
    """Opens a file for reading, through gzip where its first bytes or its name say so; "-" is standard input.

    Args:
        path: of the file.
        reads: hashes the bytes of the file that are read.

    Yields:
        The open file, which also has `peek`; a `gzip.GzipFile` where it is compressed.

    Raises:
        DataFormatError: the file is missing, is a folder, cannot be opened, or is not compressed as its name says; or,
            while the block reads, its gzip stream is damaged.
    """
    with contextlib.ExitStack() as stack:
        file: Any = sys.stdin.buffer if os.fspath(path) == STREAM else stack.enter_context(_opened(path))
        file = (reads or HashedReads()).reader(file)
        try:
            beginning = file.peek(TELLING_BYTES)
            if is_gzip(path) and beginning and not beginning.startswith(GZIP):
                # Browsers and servers unpack what they pass on, and leave the name.
                kind = kind_of(beginning)
                raise DataFormatError(
                    f"{path}: expected gzip, as its name says. By its first bytes it is "
                    f"{kind.words if kind else 'not compressed'}: take .gz off its name."
                )
            if is_gzip(path) or beginning.startswith(GZIP):
                file = stack.enter_context(gzip.GzipFile(fileobj=file))
            yield file
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataFormatError(
                f"{path}: the gzip stream is damaged or cut short ({error}). Was it copied whole?"
            ) from error


def _opened(path: str | os.PathLike[str]) -> BinaryIO:
    if os.path.isdir(path):
        raise DataFormatError(f"{path}: expected a file. Received a folder.")
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise DataFormatError(f"{path}: no such file.") from None
    except OSError as error:
        raise DataFormatError(f"{path}: cannot be read: {error.strerror}.") from error


def detect_encoding(data: bytes, *, whole: bool) -> str | None:
    """The encoding that the beginning of a file is in.

    In this order: a byte order mark; strict UTF-8; UTF-16 without a mark; GB18030 that decodes to common
    characters; charset-normalizer's choice between the encodings of Chinese; and last UTF-8, then GB18030, broken in
    few places.

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
    if _mostly_decodes(data, "utf-8"):
        return "utf-8"
    if _mostly_decodes(data, "gb18030") and _common_share(data, "gb18030", whole, "ignore") >= _GB_SHARE:
        return "gb18030"
    return None


def _mostly_decodes(data: bytes, encoding: str) -> bool:
    """Whether nine of ten characters beyond ASCII are in the encoding: then the reader says which line is not."""
    text = data.decode(encoding, "replace")
    broken = text.count("\ufffd")
    return 0 < 10 * broken <= sum(character > "\x7f" for character in text)


def _try_decode(data: bytes, encoding: str, whole: bool, errors: str = "strict") -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)(errors).decode(data, whole)
    except UnicodeDecodeError:
        return None


def _common_share(data: bytes, encoding: str, whole: bool, errors: str = "strict") -> float:
    """Share of the characters beyond ASCII that are in GB 2312, the set of everyday simplified Chinese.

    Control characters that no text holds count as uncommon ones. 1 for plain ASCII, 0 where decoding fails.
    """
    text = _try_decode(data, encoding, whole, errors)
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


class BadLine(str):
    """A line that cannot be read as it stands; as a text what can be shown of it.

    Attributes:
        reason: what was expected and what came.
    """

    reason: str

    @classmethod
    def make(cls, shown: str, reason: str) -> BadLine:
        line = cls(shown)
        line.reason = reason
        return line


class _LineEnds:
    """Refuses, by its beginning, a text whose lines end with CR alone: it would be a single line."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._left = _TELLING_CHARACTERS
        self._ends = self._returns = 0
        self._last = ""

    def add(self, block: str) -> None:
        if self._left <= 0:
            return
        self._left -= len(block)
        self._ends += block.count("\n")
        self._returns += block.count("\r") - block.count("\r\n")
        # A CR that ends one block may belong to the LF that begins the next.
        self._returns -= self._last == "\r" and block.startswith("\n")
        self._last = block[-1:]
        if self._left <= 0:
            self.check()

    def check(self) -> None:
        """Raises DataFormatError where most lines end with CR. A few may stand within texts, and one at the end."""
        inside = self._returns - (self._last == "\r")
        if inside > self._ends and (not self._ends or inside >= _TELLING_RETURNS):
            raise DataFormatError(
                f"{self._path}: expected lines that end with LF or CR LF. Received line ends of CR alone (carriage "
                'return, as "CSV (Macintosh)" of Excel has them). Save it as CSV UTF-8, or turn each CR into LF.'
            )


class Lines:
    """An iterable of a file's lines, each with its number from 1, read and decoded as they are asked for.

    A line ends with "\\n" or "\\r\\n" alone, whatever other separators a text holds. A last line without an
    end counts; a byte order mark is dropped. A line that holds bytes of another encoding, or more than
    `MAX_LINE_CHARACTERS`, is a `BadLine`.

    Args:
        file: the open file, at its beginning.
        path: its name, for messages.
        encoding: skips the detection.

    Attributes:
        encoding: a name that Python's codecs know. Where it is detected, "utf-8" until bytes that are not ASCII
            tell.

    Raises:
        DataFormatError: from the iterator: no encoding fits, or the file's lines end with CR alone.
        ConfigError: Python knows no encoding of that name.
    """

    def __init__(self, file: BinaryIO, path: str | os.PathLike[str], encoding: str | None = None) -> None:
        # read1 does not wait for a whole block of standard input.
        self._read_bytes = getattr(file, "read1", file.read)
        self._path = path
        self._detects = encoding is None
        # Whether bytes of another encoding were met.
        self._strays = False
        self.encoding = "utf-8" if encoding is None else _checked(encoding)
        self._lines = self._split()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self._lines

    def _split(self) -> Iterator[tuple[int, str]]:
        number = 1
        # What was read of a line that has not ended.
        pieces: list[str] = []
        length = 0
        ends = _LineEnds(self._path)
        for block in self.blocks():
            ends.add(block)
            head, *lines = block.split("\n")
            length += len(head)
            # What is beyond the bound is passed over, so that memory has one too.
            if length - len(head) <= MAX_LINE_CHARACTERS:
                pieces.append(head)
            if not lines:
                continue
            yield number, self._line(pieces, length)
            rest = lines.pop()
            if self._strays:
                lines = [self._line([line], len(line)) for line in lines]
            for number, line in enumerate(lines, number + 1):  # noqa: B020
                yield number, line[:-1] if line.endswith("\r") else line
            number += 1
            pieces, length = [rest], len(rest)
        ends.check()
        if length:
            yield number, self._line(pieces, length)

    def _line(self, pieces: list[str], length: int) -> str:
        line = pieces[0] if len(pieces) == 1 else "".join(pieces)
        if line.endswith("\r"):
            line = line[:-1]
        if length > MAX_LINE_CHARACTERS:
            return BadLine.make(
                line[:80],
                f"expected at most {MAX_LINE_CHARACTERS:,} characters in a line. Received {length:,}.",
            )
        return self.bad(line) or line

    def bad(self, text: str) -> BadLine | None:
        """A text of `blocks` that holds bytes of another encoding, with the reason; None where it holds none."""
        if not self._strays or not (found := _STRAY.search(text)):
            return None
        received = bytes(ord(character) - 0xDC00 for character in found.group()[:4])
        return BadLine.make(
            text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"),
            f"expected {self.encoding} text. Received the bytes {received!r}. Pass another one with "
            "encoding=..., or mend the line.",
        )

    def blocks(self) -> Iterator[str]:
        """The text in blocks, as it is decoded. Bytes of another encoding are the characters U+DC80 to U+DCFF.

        Raises:
            DataFormatError: no encoding fits.
        """
        decoder = codecs.getincrementaldecoder(self.encoding)()
        lines = 1
        ended = False
        while not ended:
            block = self._read_bytes(_BLOCK_BYTES)
            ended = not block
            # ASCII tells nothing and, but for UTF-16 with its NUL bytes, reads the same in each encoding: it is
            # handed out as it comes, since the first byte beyond it may come late or never.
            if self._detects and (beyond := _BEYOND_ASCII.search(block)):
                self._detects = False
                # A few bytes do not tell, such as the one that a block happens to end in.
                while not ended and len(block) - beyond.start() < _TELLING_BYTES:
                    more = self._read_bytes(_BLOCK_BYTES)
                    block, ended = block + more, not more
                self.encoding = self._detect(block)
                decoder = codecs.getincrementaldecoder(self.encoding)()
            state = decoder.getstate()
            try:
                text = decoder.decode(block, ended)
            except UnicodeError as error:
                if not isinstance(error, UnicodeDecodeError):
                    raise DataFormatError(
                        f"{self._path}: expected a byte order mark, which {self.encoding} begins with. Received none. "
                        f"Pass {self.encoding}-le or {self.encoding}-be as encoding."
                    ) from error
                self._strays = True
                decoder.errors = "surrogateescape"
                decoder.setstate(state)
                try:
                    text = decoder.decode(block, ended)
                except UnicodeDecodeError as error:
                    # UTF-16 and UTF-32, whose bytes below 128 cannot stand for themselves.
                    before = error.object[: error.start].decode(self.encoding, errors="ignore")
                    received = error.object[error.start : error.start + 4]
                    raise DataFormatError(
                        f"{self._path}, line {lines + before.count(chr(10))}: expected {self.encoding} text. "
                        f"Received the bytes {received!r}. Pass another one with encoding=..., "
                        "or mend the line."
                    ) from error
            if text:
                yield text
            lines += text.count("\n")

    def _detect(self, block: bytes) -> str:
        encoding = detect_encoding(block, whole=False)
        if encoding is None:
            raise DataFormatError(
                f"{self._path}: cannot tell the encoding: neither UTF-8, UTF-16, GB18030 nor Big5. "
                "Pass it with encoding=...."
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
    """The lines of a raw text file that are not blank, for training word vectors.

    Raises:
        DataFormatError: a line cannot be read; names file and line.
    """
    with open_bytes(path) as file:
        for number, line in Lines(file, path, encoding):
            if isinstance(line, BadLine):
                raise DataFormatError(f"{path}, line {number}: {line.reason}")
            if line and not line.isspace():
                yield line
