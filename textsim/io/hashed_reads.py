"""The hash of a file's bytes as they are read, whatever becomes of the file meanwhile."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from typing import BinaryIO

_BLOCK_BYTES = 1 << 20


class HashedReads:
    """Hashes the bytes of a file while another reads them.

    Attributes:
        count: how many bytes were read.
    """

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._digest = hashlib.sha256()
        self._in_order = True
        self.count = 0

    def reader(self, file: BinaryIO) -> io.BufferedReader:
        """The file, open at its beginning, as one that takes note of what is read."""
        self._file = file
        return io.BufferedReader(_Raw(self, file), _BLOCK_BYTES)

    def sha256(self) -> str | None:
        """The SHA-256 of all bytes, as 64 hexadecimal digits; what was not read yet is read now. None without a file.

        Where the bytes were not read one after the other, they are read again, of the file that is open.
        """
        if self._file is None:
            return None
        digest = self._digest
        if not self._in_order:
            digest = hashlib.sha256()
            self._file.seek(0)
        while block := self._file.read(_BLOCK_BYTES):
            digest.update(block)
        return digest.hexdigest()

    def fraction(self) -> float | None:
        """How much of the file was read, in [0, 1]; None where its size is not known, as of standard input."""
        if self._file is None:
            return None
        try:
            status = os.fstat(self._file.fileno())
        except io.UnsupportedOperation:  # what stands for standard input in a notebook
            return None
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return None
        return min(1.0, self.count / status.st_size)

    def note(self, data: memoryview) -> None:
        self.count += len(data)
        if self._in_order:
            self._digest.update(data)

    def moved(self) -> None:
        self._in_order = False


class _Raw(io.RawIOBase):
    def __init__(self, hashed: HashedReads, file: BinaryIO) -> None:
        self._hashed = hashed
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        # read1 does not wait for a whole block of standard input.
        data = getattr(self._file, "read1", self._file.read)(len(buffer))
        buffer[: len(data)] = data
        self._hashed.note(memoryview(data))
        return len(data)

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int, whence: int = 0) -> int:
        self._hashed.moved()
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()
