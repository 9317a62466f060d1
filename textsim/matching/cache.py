"""Encoded texts that are kept to be used again, within bounds."""

from __future__ import annotations

import sqlite3
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import numpy as np


class VectorCache:
    """Encoded texts by their token ids, bounded in bytes: the least recently used go first.

    Safe to use from several threads at once.

    Args:
        max_bytes: memory to use, the entries' own overhead included.
        observe: told of each look-up how many keys were there, and how many not.
    """

    # Roughly what an entry takes beside its key's and its vector's bytes: two objects and a place in a dict.
    _ENTRY_BYTES = 300
    _EVICTED_AT_ONCE = 512

    def __init__(
        self, max_bytes: int, observe: Callable[[int, int], Any] = lambda hits, misses: None
    ) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._observe = observe
        self._entries: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, keys: Sequence[bytes], into: np.ndarray) -> list[int]:
        """Copies what it holds into the rows of `into`, float32 (keys, dim).

        Returns:
            The places of the keys that it does not hold.
        """
        missing = []
        with self._lock:
            for place, key in enumerate(keys):
                vector = self._entries.get(key)
                if vector is None:
                    missing.append(place)
                else:
                    self._entries.move_to_end(key)
                    into[place] = vector
        self._observe(len(keys) - len(missing), len(missing))
        return missing

    def write(self, keys: Sequence[bytes], vectors: np.ndarray) -> None:
        """Keeps vectors, float32 (keys, dim), as far as they fit."""
        with self._lock:
            evicted: list[tuple[bytes, np.ndarray]] = []
            for key, vector in zip(keys, vectors, strict=True):
                if key not in self._entries:
                    self._entries[key] = vector.copy()
                    self.bytes += self._size(key, vector)
                while self.bytes > self.max_bytes:
                    evicted.append(self._entries.popitem(last=False))
                    self.bytes -= self._size(*evicted[-1])
                if len(evicted) >= self._EVICTED_AT_ONCE:
                    self._evict(evicted)
                    evicted.clear()
            self._evict(evicted)

    def _evict(self, entries: Sequence[tuple[bytes, np.ndarray]]) -> None:
        """Called with what no longer fits, the lock held."""

    def _size(self, key: bytes, vector: np.ndarray) -> int:
        return len(key) + vector.nbytes + self._ENTRY_BYTES


class SpillingCache(VectorCache):
    """A `VectorCache` that forgets nothing: what no longer fits goes to a temporary file and is found there again.

    The file lies in the system's folder for temporary files, takes up to about twice the bytes of what was evicted,
    and is gone when the cache is closed or its process ends. Where it cannot be written, as on a full disk, a warning
    says so, and the cache goes on as a `VectorCache`. Use it in a `with` statement.
    """

    # What SQLite may hold of the file in memory, in KiB.
    _PAGES_KIB = 8192

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        # A database without a name is a file of SQLite's own that no one else sees; the lock guards it.
        self._file: sqlite3.Connection | None = sqlite3.connect(
            "", isolation_level=None, check_same_thread=False
        )
        self._spilled = False
        # Nothing needs to survive: no journal, no waiting for the disk.
        for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{self._PAGES_KIB}"):
            self._file.execute(f"PRAGMA {setting}")
        self._file.execute("CREATE TABLE vectors (key BLOB PRIMARY KEY, vector BLOB)")

    def read(self, keys: Sequence[bytes], into: np.ndarray) -> list[int]:
        missing = super().read(keys, into)
        if not self._spilled:
            return missing
        left = []
        with self._lock:
            for place in missing:
                vector = self._find(keys[place])
                if vector is None:
                    left.append(place)
                else:
                    into[place] = vector
        return left

    def _find(self, key: bytes) -> np.ndarray | None:
        """The vector of a key in the file."""
        if self._file is None:
            return None
        try:
            found = self._file.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        return None if found is None else np.frombuffer(found[0], np.float32)

    def _evict(self, entries: Sequence[tuple[bytes, np.ndarray]]) -> None:
        if not entries or self._file is None:
            return
        self._spilled = True
        rows = ((key, vector.data) for key, vector in entries)
        try:
            self._file.execute("BEGIN")
            self._file.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: sqlite3.Error) -> None:
        """Goes on without the file, which after an error is not to be trusted."""
        self.close()
        warnings.warn(
            f"encoded texts cannot be kept in the folder for temporary files ({error}): texts that occur again far "
            "apart are encoded again. Nothing else changes.",
            RuntimeWarning,
            stacklevel=2,
        )

    def close(self) -> None:
        """Removes the file."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def __enter__(self) -> SpillingCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
