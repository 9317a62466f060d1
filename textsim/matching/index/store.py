"""The database of an index, in a folder or in memory: who reads, who writes, and when it is kept."""

from __future__ import annotations

import contextlib
import json
import queue
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from textsim.config.cores import available_cores
from textsim.errors import ArtifactError
from textsim.matching.index.tables import SCHEMA, STATE, Reading, Writing

DATABASE = "rows.sqlite"
"""The file of an index that holds its rows. All else in the folder can be made anew from it."""

# A vector of 1,024 numbers takes 4 KiB: three fill a page.
_PAGE_BYTES = 16384
_WAIT_SECONDS = 600


class Store:
    """Rows, their vectors and a few settings, which change together or not at all.

    A change is on the disk when `write` ends, and stays whatever happens to the process after that. What a reader
    sees is of one moment. Readers and the writer do not wait for each other; a second writer, be it of another process,
    waits for the first, ten minutes at most. In memory there is one connection, for which all of them wait.

    Args:
        folder: where the database lies; None for one in memory.
        create: whether to make it. Until `finish` is called, a killed process leaves nothing of use.

    Raises:
        ArtifactError: the database cannot be opened, or is none.
    """

    def __init__(self, folder: Path | None, *, create: bool = False) -> None:
        self.folder = folder
        self._path = ":memory:" if folder is None else str(folder / DATABASE)
        self._closed = False
        self._one_writes = threading.Lock()
        with self._errors_named():
            self._writer = self._connect()
            if create:
                self._writer.execute(f"PRAGMA page_size={_PAGE_BYTES}")
                self._writer.execute("PRAGMA journal_mode=MEMORY")
                self._writer.executescript(SCHEMA)
                values = [(name, json.dumps(value)) for name, value in STATE.items()]
                self._writer.executemany("INSERT INTO state VALUES (?, ?)", values)
            self._writer.execute("SELECT * FROM state").fetchall()
            self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
            for reader in [self._connect() for _ in range(available_cores())] if folder else [self._writer]:
                self._idle.put(reader)

    def finish(self) -> None:
        """Makes a database that was created safe, and lets others read while one writes."""
        if self.folder is not None:
            with self._errors_named():
                self._writer.execute("PRAGMA journal_mode=WAL")

    def close(self) -> None:
        """Closes the database, for a thread that is reading as soon as that ends."""
        self._closed = True
        self._writer.close()
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    @contextlib.contextmanager
    def read(self) -> Iterator[Reading]:
        """A block in which all that is read is of one moment."""
        with self._connection() as connection, self._errors_named():
            connection.execute("BEGIN")
            try:
                yield Reading(connection)
            finally:
                connection.execute("COMMIT")

    @contextlib.contextmanager
    def write(self) -> Iterator[Writing]:
        """A block whose changes are kept as a whole when it ends, and not at all after an exception."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._one_writes)
            if self.folder is None:
                stack.enter_context(self._connection())
            stack.enter_context(self._errors_named())
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                writing = Writing(self._writer)
                yield writing
                writing.set("change", writing.get("change") + 1)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def shrink(self) -> None:
        """Gives the space of removed rows back to the disk."""
        with self._one_writes, self._errors_named():
            self._writer.execute("VACUUM")
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with, which no other thread uses meanwhile."""
        connection = self._idle.get()
        try:
            yield connection
        finally:
            if self._closed:
                connection.close()
            else:
                self._idle.put(connection)

    @contextlib.contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ArtifactError(f"{self._path}: the index cannot be read or written: {error}.") from error
