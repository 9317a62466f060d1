"""Files of rows: opened for reading and writing in the format that their name, or their first bytes, tell."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast

from textsim.data.formats.format import FORMATS, Batch, Format, TableWriter
from textsim.data.formats.table import Table
from textsim.errors import ConfigError, DataFormatError, InputError
from textsim.io.atomic import atomic_file
from textsim.io.hashed_reads import HashedReads
from textsim.io.paths import STREAM, is_gzip, is_stream
from textsim.io.signatures import TELLING_BYTES, kind_of
from textsim.io.text_encoding import open_bytes

_SPOOLED_BYTES = 1 << 20
# Formats that are no text are compressed by themselves. It bounds what a small file takes of the disk.
_MAX_SPOOLED = 1 << 30
_MAX_UNPACKED = 100

AnyPath = str | os.PathLike[str]


def format_of(path: AnyPath) -> str | None:
    """The registered name of the format that a file's name tells; TSV for standard input, None where it tells none."""
    if os.fspath(path) == STREAM:
        return "tsv"
    ending = _ending(path)
    return next((name for name in FORMATS.names() if ending in FORMATS.get(name).endings), None)


def plain_text_lines(path: AnyPath) -> str | None:
    """The format of a file whose rows are single texts, where its name does not tell one with columns: "lines"."""
    return "lines" if os.fspath(path) == STREAM or _ending(path) == ".txt" else None


def _ending(path: AnyPath) -> str:
    """The last ending of a file's name in lower case, before a final ".gz"."""
    name = os.path.basename(os.fspath(path)).lower()
    return os.path.splitext(name.removesuffix(".gz"))[1]


def endings() -> tuple[str, ...]:
    """The endings of file names that tell a format, sorted."""
    return tuple(sorted(ending for name in FORMATS.names() for ending in FORMATS.get(name).endings))


@contextlib.contextmanager
def open_table(
    path: AnyPath, *, format: str | None = None, encoding: str | None = None, delimiter: str | None = None
) -> Iterator[Table]:
    """Opens a file of rows.

    Args:
        path: the file, which may be compressed with gzip; "-" is standard input.
        format: the name of a registered format; by default the one that the file's name tells, or where that tells
            none, its first bytes. "lines" makes each line one cell.
        encoding: of a text file; detected by default.
        delimiter: between columns, one character; by default a tab in TSV and a comma in CSV.

    Raises:
        DataFormatError: the file is missing, cannot be read, or is not in its format.
        ConfigError: an argument has a value that it cannot have.
        MissingDependencyError: the library for a format is not installed.
    """
    chosen = None if format is None else FORMATS.get(format)()
    with contextlib.ExitStack() as stack:
        read = HashedReads()
        file = stack.enter_context(open_bytes(path, read))
        if chosen is None:
            chosen = _chosen(path, file)
        if encoding is not None and not chosen.is_text:
            raise ConfigError(
                f"encoding {encoding!r}: it is of files of text. The format here is {chosen.registered_name}: leave "
                "the encoding out."
            )
        if chosen.is_text:
            _check_text(path, file, chosen, named=format is None)
        elif is_stream(path) or isinstance(file, gzip.GzipFile):
            # Such formats are read from their end, or mapped into memory.
            file = stack.enter_context(_spooled(path, file, read))
        table = stack.enter_context(chosen.open(file, os.fspath(path), encoding, delimiter))
        table.sha256, table.fraction = read.sha256, read.fraction
        yield table


@contextlib.contextmanager
def _spooled(path: AnyPath, file: BinaryIO, read: HashedReads) -> Iterator[BinaryIO]:
    """What is in a file, as a file on the disk.

    Raises:
        DataFormatError: it unpacks to more than such a file does.
    """
    with tempfile.TemporaryFile() as spool:
        while block := file.read(_SPOOLED_BYTES):
            spool.write(block)
            if spool.tell() > max(_MAX_SPOOLED, _MAX_UNPACKED * read.count):
                raise DataFormatError(
                    f"{path}: it unpacks to more than {_MAX_UNPACKED} times its size. Look at what it is."
                )
        spool.seek(0)
        yield cast(BinaryIO, spool)


def _chosen(path: AnyPath, file: Any) -> Format:
    name = format_of(path)
    if name is None:
        beginning = file.peek(TELLING_BYTES)
        name = next((n for n in FORMATS.names() if FORMATS.get(n).recognizes(beginning)), None)
    if name is None:
        kind = kind_of(beginning)
        told = "Or say which it is: format=...."
        if kind is not None:
            told = f"By its first bytes it is {kind.words}. {kind.remedy}"
        raise DataFormatError(
            f"{path}: cannot tell the format from the name. Expected one that ends in {', '.join(endings())}, those of "
            f"text also with .gz. {told}"
        )
    if isinstance(file, gzip.GzipFile) and not is_gzip(path) and not is_stream(path) and format_of(path):
        raise DataFormatError(
            f"{path}: expected {name}, as its name says. Received gzip: name it "
            f"{os.path.basename(os.fspath(path))}.gz, or pass format={name!r}."
        )
    return cast(Format, FORMATS.get(name)())


def _check_text(path: AnyPath, file: Any, format: Format, named: bool) -> None:
    """Refuses what is no text, before an encoding is sought for it."""
    beginning = file.peek(TELLING_BYTES)
    kind = kind_of(beginning)
    if kind is None:
        return
    by = ", as its name says" if named else ""
    known = [name for name in FORMATS.names() if FORMATS.get(name).recognizes(beginning)]
    remedies = [f"format={name!r}" for name in known]
    remedy = kind.remedy
    if known:
        remedy = f"Give it the name of what it is, or pass {' or '.join(remedies)}."
    raise DataFormatError(
        f"{path}: expected {format.registered_name}{by}. By its first bytes it is {kind.words}. {remedy}"
    )


@contextlib.contextmanager
def open_writer(target: AnyPath, columns: Sequence[str], *, default: str = "tsv") -> Iterator[TableWriter]:
    """Opens a file for rows, in the format that its name tells.

    The file appears when it is complete.

    Args:
        target: the file to make; text formats are compressed where its name ends in ".gz". "-" is standard output,
            and TSV.
        columns: their names. Each batch has all of them, in this order.
        default: the name of the format where the file's name tells none.

    Yields:
        A writer, whose `write` takes batches: {name: cells}.

    Raises:
        InputError: the format is not written, or cannot hold what it is given.
        ArtifactError: no file can be made there.
        MissingDependencyError: the library for the format is not installed.

    Example:
        >>> with open_writer("scores.jsonl", ["text", "score"]) as writer:  # doctest: +SKIP
        ...     writer.write({"text": ["怎么退货"], "score": np.array([0.5])})
    """
    name = os.fspath(target)
    format = FORMATS.get(format_of(target) or default)()
    if _ending(target) in (".xls", ".ods"):
        raise InputError(f"{name}: such a workbook is not written. Choose a name in .xlsx.")
    if is_gzip(target) and not format.is_text:
        raise InputError(
            f"{name}: {format.registered_name} is compressed by itself. Choose a name without .gz."
        )
    with contextlib.ExitStack() as stack:
        if name == STREAM:
            file: Any = sys.stdout.buffer
        else:
            file = stack.enter_context(atomic_file(target, "wb"))
        if is_gzip(target):
            # No name and no time, which would differ from run to run.
            file = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0))
        writer = _Checked(format.writer(file, name, columns), columns)
        try:
            yield writer
        except BaseException:
            # What libraries hold must not come to its end after the file, which is thrown away.
            with contextlib.suppress(Exception):
                if name != STREAM:
                    writer.close()
            raise
        writer.close()
        file.flush()


class _Checked:
    """Holds a writer's batches to its columns."""

    def __init__(self, writer: TableWriter, columns: Sequence[str]) -> None:
        if len(set(columns)) < len(columns):
            raise InputError(f"expected columns of different names. Received {', '.join(columns)}.")
        self._writer = writer
        self._columns = list(columns)

    def write(self, batch: Batch) -> None:
        if list(batch) != self._columns:
            raise InputError(
                f"expected the columns {', '.join(self._columns)}. Received {', '.join(batch) or 'none'}."
            )
        self._writer.write(batch)

    def close(self) -> None:
        self._writer.close()
