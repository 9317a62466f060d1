"""Word vectors: read from files of many kinds, and written."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

import numpy as np

from textsim.errors import DataFormatError, InputError
from textsim.io.atomic import atomic_file
from textsim.io.hashed_reads import HashedReads
from textsim.io.signatures import kind_of
from textsim.text.keyed_vectors import read_keyed_vectors
from textsim.text.normalize import Normalizer

_BLOCK_BYTES = 1 << 20
# The beginning of a file, which tells its kind.
_HEAD_BYTES = 1 << 12
# No word vector has a row this long; a longer one is a file of another kind, which must not fill the memory.
_MAX_ROW_BYTES = 1 << 24
_MAX_WORD_BYTES = 1 << 16
_MAX_DIM = 100_000
_HEADER = re.compile(rb"\s*([0-9]{1,15})\s+([0-9]{1,15})\s*")
_NUMBER = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NUMBER_BYTES = b"0123456789+-.eE "
# What no text holds; of two hundred bytes of float32 numbers, many are such.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TELLING_BYTES = 200
# The first rows of a file without a first line `count dim` tell its width.
_TELLING_ROWS = 100
# So many of the first words tell the encoding.
_TELLING_WORDS = 1000
_SPARSE = re.compile(rb"[0-9]+:[-+0-9.eE]+")
_DECIMAL_COMMA = re.compile(rb"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")

_COMPRESSED: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", lambda raw: gzip.GzipFile(fileobj=raw)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\0", lzma.LZMAFile),
)
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError)

# Beginnings of files that are taken for word vectors, and what to do with them.
_OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive. Unpack it, and pass the file in it"),
    (b"7z\xbc\xaf'\x1c", "a 7z archive. Unpack it, and pass the file in it"),
    (b"Rar!", "a RAR archive. Unpack it, and pass the file in it"),
    ((793712314).to_bytes(4, "little"), "a model in fastText's own format. Pass the .vec file beside it"),
    (b"\xff\xfe", "text in UTF-16. Save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16. Save it as UTF-8"),
    (b"\x93NUMPY", "a NumPy array, which holds no words. Pass word2vec text, or gensim's .kv"),
    (b"\x89HDF", "an HDF5 file. Pass word2vec text, or gensim's .kv"),
    (b"version https://git-lfs", "a pointer to a file in Git LFS. Fetch that file with `git lfs pull`"),
    (b"<!DOCTYPE", "a web page. Was the download an error message?"),
    (b"<html", "a web page. Was the download an error message?"),
)


@dataclass(frozen=True)
class WordVectors:
    """Vectors of some words.

    Attributes:
        dim: numbers in each vector.
        vectors: word -> float32 array of shape (dim,).
        rows_read: rows of the file they come from, wanted or not.
        duplicates: rows whose word was wanted and had come before; the first one counts.
        normalized: how many words of `vectors` were found through their normal form only.
        sha256: of the bytes of the file that were read; None where they come from none.
    """

    dim: int
    vectors: dict[str, np.ndarray]
    rows_read: int
    duplicates: int = 0
    normalized: int = 0
    sha256: str | None = None


def read_word_vectors(
    path: str | os.PathLike[str],
    wanted: Collection[str],
    dim: int | None = None,
    *,
    normalizer: Normalizer | None = None,
    progress: Callable[[int], None] | None = None,
) -> WordVectors:
    """Reads the vectors of the wanted words.

    Takes word2vec text (a first line `count dim`), the same without the first line (GloVe), word2vec binary,
    and gensim's `.kv`, also of FastText; each as it is or compressed by gzip, bzip2 or xz. Which one is seen from
    the content. The file is read as a stream and only wanted rows are kept, so it may be much larger than memory
    (of a `.kv`, the words alone must fit). Of other kinds of files the message says what they are.

    Every row is checked for its number of columns and for characters that no finite number has (in binary
    files, for NaN and infinity); wanted rows number by number. Of a `.kv`, wanted rows alone are checked.
    Words are compared as UTF-8; a file of text whose words are in another encoding is refused. Columns of a text file
    are parted by single spaces or tabs. Its words may contain spaces ("iPhone 6"): the last numbers of a row, as many
    as the width, are the vector. Blank lines at its end are passed over.

    Args:
        path: the file.
        wanted: the words to look for.
        dim: how many numbers each vector must have; by default what the file has.
        normalizer: where given, a wanted word that is not in the file as it stands gets the first row whose
            word has it as normal form ("？" for "?", "Apple" for "apple").
        progress: called now and then with the number of bytes of the file read so far.

    Raises:
        DataFormatError: the file cannot be read, is empty or cut short, has vectors of another dimension, a
            malformed row, NaN or infinity, or another number of rows than its first line says.
    """
    reads = HashedReads()
    try:
        with open(path, "rb") as raw:
            source = _Source(path, reads.reader(raw), progress and (lambda: progress(reads.count)))
            vectors = _read(source, dim, _Found(wanted, normalizer))
            return replace(vectors, sha256=reads.sha256())
    except OSError as error:
        raise DataFormatError(f"{path}: cannot be read: {error.strerror or error}.") from error


def _read(source: _Source, dim: int | None, found: _Found) -> WordVectors:
    head = source.read()
    while len(head) < _HEAD_BYTES and (block := source.read()):
        head += block
    if not head.strip():
        raise DataFormatError(f"{source.path}: expected word vectors. The file is empty.")
    if head[0] == 0x80 and head[1:2] in (b"\2", b"\3", b"\4", b"\5"):  # a pickle's first two bytes
        return _read_keyed_vectors(source, dim, found)
    _refuse_other_kinds(source.path, head)
    return _read_word2vec(source, head.removeprefix(b"\xef\xbb\xbf"), dim, found)


class _Source:
    """A file's bytes in blocks, decompressed."""

    def __init__(
        self, path: str | os.PathLike[str], raw: BufferedReader, progress: Callable[[], None] | None
    ) -> None:
        self.path = path
        self._progress = progress
        # A pipe cannot be read again.
        beginning = raw.peek(8)
        openers = (opener for mark, opener in _COMPRESSED if beginning.startswith(mark))
        self.compressed = beginning.startswith(tuple(mark for mark, _ in _COMPRESSED))
        self.stream: IO[bytes] = next(openers, lambda raw: raw)(raw)

    def read(self) -> bytes:
        """The next block; b"" at the end."""
        try:
            block = self.stream.read(_BLOCK_BYTES)
        except (*_DAMAGED, OSError) as error:
            if not self.compressed:
                raise
            raise DataFormatError(
                f"{self.path}: the compressed file is damaged: {error}. Is it cut short?"
            ) from error
        if self._progress is not None:
            self._progress()
        return block


class _Found:
    """Keeps the vectors of wanted words as rows come by."""

    def __init__(self, wanted: Collection[str], normalizer: Normalizer | None) -> None:
        # Words with a lone surrogate cannot stand in a UTF-8 file.
        self._wanted = {word.encode("utf-8", "surrogatepass"): word for word in wanted}
        self._words = set(self._wanted.values())
        self._normalizer = normalizer
        self._exact: dict[str, np.ndarray] = {}
        self._normalized: dict[str, np.ndarray] = {}
        self._duplicates = 0

    def add(self, word: bytes, vector: Callable[[], np.ndarray]) -> None:
        """Takes the row of `word`; `vector` makes its array, and is called only where it is wanted."""
        key = self._wanted.get(word)
        if key is not None:
            if key in self._exact:
                self._duplicates += 1
            else:
                self._exact[key] = vector()
        elif self._normalizer is not None:
            key = self._normalizer(word.decode("utf-8", "replace"))
            if key in self._words and key not in self._normalized:
                self._normalized[key] = vector()

    def result(self, dim: int, rows_read: int) -> WordVectors:
        """Exact matches come before normalized ones."""
        vectors = {**self._normalized, **self._exact}
        return WordVectors(dim, vectors, rows_read, self._duplicates, len(vectors) - len(self._exact))


def _refuse_other_kinds(path: str | os.PathLike[str], head: bytes) -> None:
    """Raises DataFormatError where the beginning of a file is that of another kind of file, and says which."""
    kind = next((kind for mark, kind in _OTHER_KINDS if head.lower().startswith(mark.lower())), None)
    if head[257:262] == b"ustar":
        kind = "a tar archive. Unpack it, and pass the file in it"
    elif head[1:8:2].strip(b"\0") == b"" or head[0:8:2].strip(b"\0") == b"":
        # In UTF-16 every second byte of digits and spaces is 0.
        kind = "text in UTF-16. Save it as UTF-8"
    elif b"\r" in head and b"\n" not in head and _CONTROL.search(head) is None:
        kind = "text whose lines end in CR alone. Save it with LF line ends"
    if kind is None and (other := kind_of(head)) is not None:
        kind = f"{other.words}. Pass word2vec text or binary, or gensim's .kv"
    if kind is not None:
        raise DataFormatError(f"{path}: expected word vectors. Received {kind}.")


def _read_keyed_vectors(source: _Source, dim: int | None, found: _Found) -> WordVectors:
    source.stream.seek(0)
    content = read_keyed_vectors(source.path, source.stream)
    if not content.words:
        raise DataFormatError(f"{source.path}: expected word vectors. The file holds no word.")
    _check_dim(source.path, dim, content.dim)

    def vector(row: int) -> np.ndarray:
        values = content.vector(row).astype(np.float32)
        if not np.isfinite(values).all():
            raise DataFormatError(
                f"{source.path}, row {row + 1}: expected finite numbers. Received NaN or infinity."
            )
        return values

    for row, word in enumerate(content.words):
        found.add(word.encode("utf-8", "surrogatepass"), lambda row=row: vector(row))  # type: ignore[misc]
    return found.result(content.dim, len(content.words))


def _read_word2vec(source: _Source, head: bytes, dim: int | None, found: _Found) -> WordVectors:
    first, _, rest = head.partition(b"\n")
    header = _HEADER.fullmatch(first)
    if header is None:
        _check_encoding(source.path, head)
        dim = dim or _guess_dim(source.path, head)
        return _read_text(source, _lines(source, head, 1), dim, None, found)
    count, file_dim = int(header[1]), int(header[2])
    if not count or not 1 <= file_dim <= _MAX_DIM:
        raise DataFormatError(
            f"{source.path}, line 1: expected the number of rows and of columns. Received {_show(first)}."
        )
    _check_dim(f"{source.path}, line 1", dim, file_dim)
    if _is_binary(rest, file_dim):
        return _read_binary(source, rest, file_dim, count, found)
    _check_encoding(source.path, rest)
    return _read_text(source, _lines(source, rest, 2), file_dim, count, found)


def _check_encoding(path: str | os.PathLike[str], rows: bytes) -> None:
    """Raises DataFormatError where most words beyond ASCII at the beginning of text are in another encoding than UTF-8.

    None of them would be found, and the few others would pass for what the file holds. Single ones are usual dirt.
    """
    words = [row.replace(b"\t", b" ").partition(b" ")[0] for row in rows.split(b"\n", _TELLING_WORDS)[:-1]]
    words = [word for word in words or [rows.partition(b" ")[0]] if not word.isascii()]
    broken = [word for word in words if not _is_utf8(word)]
    if 2 * len(broken) > len(words):
        raise DataFormatError(
            f"{path}: expected words in the encoding UTF-8. Received {broken[0][:20]!r}. Convert the file first, as in "
            "`iconv -f gb18030 -t utf-8`."
        )


def _check_dim(where: str | os.PathLike[str], dim: int | None, received: int) -> None:
    if dim is not None and dim != received:
        raise DataFormatError(f"{where}: expected vectors of {dim} numbers. Received {received}.")


def _guess_dim(path: str | os.PathLike[str], head: bytes) -> int:
    """The number of numbers at the end of most of the first rows: a word may hold spaces, or be a number."""
    rows = head.split(b"\n", _TELLING_ROWS)
    first = rows[0]
    # The last one may be cut.
    widths = Counter(_numbers_at_end(row) for row in rows[:-1] or rows)
    widths.pop(0, None)
    of_first = _numbers_at_end(first)
    if not of_first:
        raise _malformed(path, 1, first, "`count dim`, or a word and its numbers")
    return max(widths, key=lambda width: (widths[width], width == of_first))


def _numbers_at_end(row: bytes) -> int:
    fields = row.rstrip().replace(b"\t", b" ").split(b" ")
    numbers = 0
    while numbers < len(fields) - 1 and _NUMBER.fullmatch(fields[-1 - numbers]):
        numbers += 1
    return numbers


def _is_binary(rest: bytes, dim: int) -> bool:
    """Whether a row is word, space and 4 * dim bytes, and not text, be it well-formed or not."""
    numbers = rest.partition(b"\n")[0].replace(b"\t", b" ").rstrip().rsplit(b" ", dim)[1:]
    if len(numbers) == dim and all(map(_NUMBER.fullmatch, numbers)):
        return False
    if _CONTROL.search(rest) is not None:
        return True
    # Text in another encoding has none of these either, a few numbers need not.
    return len(rest) < _TELLING_BYTES and not _is_utf8(rest)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lines(source: _Source, head: bytes, number: int) -> Iterator[tuple[int, bytes]]:
    """The lines from `head` on, without line ends, numbered from `number`."""
    remainder = head
    while True:
        lines = remainder.split(b"\n")
        remainder = lines.pop()
        yield from enumerate(lines, number)
        number += len(lines)
        if len(remainder) > _MAX_ROW_BYTES:
            raise DataFormatError(
                f"{source.path}, line {number}: expected a word and its numbers. "
                f"Received a line of more than {_MAX_ROW_BYTES} bytes."
            )
        block = source.read()
        if not block:
            break
        remainder += block
    if remainder:
        yield number, remainder


def _read_text(
    source: _Source, lines: Iterator[tuple[int, bytes]], dim: int, count: int | None, found: _Found
) -> WordVectors:
    rows = 0
    blank = None
    doubtful: list[tuple[int, bytes]] = []
    for number, line in lines:
        line = line.rstrip(b" \t\r")
        if not line:
            blank = blank or number
            continue
        if blank is not None:
            raise _malformed(source.path, blank, b"", f"a word and {dim} numbers")
        if b"\t" in line:
            line = line.replace(b"\t", b" ")
        rows += 1
        spaces = line.count(b" ")
        end = line.find(b" ")
        if spaces != dim:
            if spaces < dim:
                raise _malformed(source.path, number, line, f"a word and {dim} numbers")
            # A word with spaces in it, such as ". . ." or, less surely, "iPhone 6".
            end = len(line.rsplit(b" ", dim)[0])
            last = line[:end].rpartition(b" ")[2]
            if not last or _NUMBER.fullmatch(last):
                doubtful.append((number, line))
                # Were many rows so, they would be wider than is thought.
                if not last or len(doubtful) > _TELLING_ROWS + rows / 2:
                    raise _malformed(source.path, *doubtful[0 if last else -1], f"a word and {dim} numbers")
        numbers = line[end:]
        if b"  " in numbers or numbers.translate(None, _NUMBER_BYTES):
            raise _not_a_number(source.path, number, line, numbers)
        if count is not None and rows > count:
            raise DataFormatError(
                f"{source.path}, line {number}: the first line promises {count} rows. Received more. "
                "If they are all meant, correct the first line, or remove it."
            )
        found.add(line[:end], lambda: _parse(source.path, number, numbers))  # noqa: B023 (called at once)
    if doubtful and 2 * len(doubtful) >= rows:
        raise _malformed(source.path, *doubtful[0], f"a word and {dim} numbers")
    if count is not None and rows < count:
        raise DataFormatError(
            f"{source.path}, line {rows + 1}: the first line promises {count} rows. Received {rows}. "
            "Is the file cut short? If all rows are there, correct the first line, or remove it."
        )
    return found.result(dim, rows)


def _malformed(path: str | os.PathLike[str], number: int, line: bytes, expected: str) -> DataFormatError:
    """The error for a row that has not the columns it should have."""
    fields = line.split(b" ")
    if any(map(_SPARSE.fullmatch, fields[1:])):
        return DataFormatError(
            f"{path}, line {number}: expected {expected}. Received {_show(line)}: these are pairs index:value, a "
            "sparse format. Pass dense vectors, such as the SGNS ones where there are PPMI ones."
        )
    if any(map(_DECIMAL_COMMA.fullmatch, fields[1:])):
        return _not_a_number(path, number, line, line.partition(b" ")[2])
    return DataFormatError(
        f"{path}, line {number}: expected {expected}, separated by single spaces or tabs. "
        f"Received {len(fields)} columns: {_show(line)}."
    )


def _not_a_number(path: str | os.PathLike[str], number: int, line: bytes, numbers: bytes) -> DataFormatError:
    wrong = next((field for field in numbers.split() if not _NUMBER.fullmatch(field)), numbers)
    if _SPARSE.fullmatch(wrong):
        return _malformed(path, number, line, "numbers")
    hint = " Are its commas decimal points? Write points." if _DECIMAL_COMMA.fullmatch(wrong) else ""
    return DataFormatError(
        f"{path}, line {number}: expected finite numbers between single spaces or tabs. "
        f"Received {_show(wrong)}.{hint}"
    )


def _parse(path: str | os.PathLike[str], number: int, numbers: bytes) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            values = np.array([float(field) for field in numbers[1:].split(b" ")], dtype=np.float32)
    except ValueError as error:
        raise _not_a_number(path, number, numbers, numbers) from error
    if not np.isfinite(values).all():
        raise DataFormatError(f"{path}, line {number}: expected numbers that fit float32: {_show(numbers)}.")
    return values


def _read_binary(source: _Source, rest: bytes, dim: int, count: int, found: _Found) -> WordVectors:
    size = 4 * dim
    buffer, position = rest, 0
    for row in range(1, count + 1):
        while True:
            end = buffer.find(b" ", position)
            if end >= 0 and len(buffer) - end > size:
                break
            if end < 0 and len(buffer) - position > _MAX_WORD_BYTES:
                raise DataFormatError(
                    f"{source.path}, row {row}: expected a word, a space and {size} bytes. "
                    f"Received {_MAX_WORD_BYTES} bytes without a space."
                )
            block = source.read()
            if not block:
                raise DataFormatError(
                    f"{source.path}, row {row}: the first line promises {count} rows. The file ends in this one. "
                    "Is it cut short? If all rows are there, correct the number in the first line."
                )
            buffer, position = buffer[position:] + block, 0
        word = buffer[position:end].lstrip(b"\n")  # some writers end a row with a line end
        position = end + 1 + size
        values = np.frombuffer(buffer, dtype="<f4", count=dim, offset=end + 1)
        if not np.isfinite(values).all():
            raise DataFormatError(
                f"{source.path}, row {row}: expected finite numbers. Received NaN or infinity."
            )
        found.add(word, lambda: values.astype(np.float32))  # noqa: B023 (called at once)
    if (buffer[position:] + source.read()).strip():
        raise DataFormatError(
            f"{source.path}: the first line promises {count} rows. Received more. Correct the number in it."
        )
    return found.result(dim, count)


def _show(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    return repr(text if len(text) <= 60 else text[:60] + "...")


def save_word_vectors(path: str | os.PathLike[str], words: Sequence[str], matrix: np.ndarray) -> None:
    """Writes word2vec text, which `read_word_vectors` and gensim read back to the same float32 bits.

    Args:
        path: the file; it appears whole or not at all.
        words: n words without whitespace.
        matrix: float array of shape (n, dim).

    Raises:
        InputError: the number of words is not that of rows, or a word is empty or holds whitespace.
    """
    if matrix.ndim != 2 or len(words) != len(matrix):
        raise InputError(
            f"expected a row for each of {len(words)} words. Received an array of shape {matrix.shape}."
        )
    for word in words:
        if word.split() != [word]:
            raise InputError(f"expected words without whitespace. Received {word!r}.")
    row_format = " ".join(["%.9g"] * matrix.shape[1])  # nine digits tell any two float32 apart
    with atomic_file(Path(path)) as file:
        file.write(f"{len(words)} {matrix.shape[1]}\n")
        for word, row in zip(words, matrix.astype(np.float32).tolist(), strict=True):
            file.write(f"{word} {row_format % tuple(row)}\n")
