"""The database of an index, in a folder or in memory: who reads, who writes, and when it is kept."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sqlite3
import threading
import time
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
_STEP_SECONDS = 0.5


class ReplacedError(ArtifactError):
    """Another database has taken the place of the one that is to be written."""


class Store:
    """Rows, their vectors and a few settings, which change together or not at all.

    A change is on the disk when `write` ends, and stays whatever happens to the process after that. What a reader
    sees is of one moment. Readers and the writer do not wait for each other; a second writer, be it of another process,
    waits for the first, ten minutes at most, or until this is closed. In memory there is one connection, for which all
    of them wait.

    Args:
        folder: where the database lies; None for one in memory.
        create: whether to make it. Until `finish` is called, a killed process leaves nothing of use.

    Where the folder may not be written, it can be read all the same, if no process that may write left changes in the
    log.

    Attributes:
        folder: the folder.
        number: what tells the database from another that takes its place, see `file_number`; None in memory.

    Raises:
        ArtifactError: the database cannot be opened, or is none.
    """

    def __init__(self, folder: Path | None, *, create: bool = False) -> None:
        self.folder = folder
        self._path = ":memory:" if folder is None else str(folder / DATABASE)
        self._address = self._path if folder is None else Path(self._path).absolute().as_uri()
        self._closed = False
        self._one_writes = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        with self._errors_named():
            if create:
                self._create()
            while True:
                self.number = None if folder is None else file_number(folder)
                self._open()
                if folder is None or self.number == file_number(folder):
                    break
                # Another took its place in between: some connections may be to the one, some to the other.
                self._disconnect()
        for reader in self._connections[1:] or self._connections:
            self._idle.put(reader)

    def __del__(self) -> None:
        # When the last search ends that was under way when another database took the place of this one.
        self._disconnect()

    def finish(self) -> None:
        """Makes a database that was created safe, and lets others read while one writes."""
        if self.folder is not None:
            with self._errors_named():
                self._writer.execute("PRAGMA journal_mode=WAL")

    def close(self) -> None:
        """Closes the database, for a thread that is reading or writing as soon as that ends. Whoever comes later gets
        an ArtifactError.
        """
        self._closed = True
        with self._one_writes:
            self._writer.close()
        idle = []
        with contextlib.suppress(queue.Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for connection in idle:
            connection.close()
            # Those that wait for one are told.
            self._idle.put(connection)

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
        """A block whose changes are kept as a whole when it ends, and not at all after an exception.

        Raises:
            ReplacedError: another database has taken the place of this one, before the block or while it ran.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._one_writes)
            if self.folder is None:
                stack.enter_context(self._connection())
            stack.enter_context(self._errors_named())
            self._execute_in_turn("BEGIN IMMEDIATE")
            try:
                self.check_in_place()
                writing = Writing(self._writer)
                yield writing
                writing.set("change", writing.get("change") + 1)
                self.check_in_place()
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def check_in_place(self) -> None:
        """Raises ReplacedError where another database has taken the place of this one, which nobody will open again."""
        if self.folder is not None and file_number(self.folder) != self.number:
            raise ReplacedError(
                f"{self._path}: the index was built anew while this was written, so nothing was kept. Write it again."
            )

    def shrink(self) -> None:
        """Gives the space of removed rows back to the disk."""
        with self._one_writes, self._errors_named():
            self._execute_in_turn("VACUUM")
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def _writer(self) -> sqlite3.Connection:
        return self._connections[0]

    def _execute_in_turn(self, statement: str) -> None:
        """Runs a statement once no other process writes. Waits in steps: SQLite, while it waits, heeds neither Ctrl+C
        nor `close`.
        """
        end = time.monotonic() + _WAIT_SECONDS
        self._check_open()
        self._writer.execute(f"PRAGMA busy_timeout={int(1000 * _STEP_SECONDS)}")
        try:
            while True:
                try:
                    self._writer.execute(statement)
                    return
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error) or time.monotonic() > end:
                        raise
                self._check_open()
        finally:
            self._writer.execute(f"PRAGMA busy_timeout={1000 * _WAIT_SECONDS}")

    def _create(self) -> None:
        writer = self._connect()
        writer.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        writer.execute("PRAGMA journal_mode=MEMORY")
        writer.executescript(SCHEMA)
        values = [(name, json.dumps(value)) for name, value in STATE.items()]
        writer.executemany("INSERT INTO state VALUES (?, ?)", values)

    def _open(self) -> None:
        """Makes the connections: one that writes, and for a folder as many that read as there are cores."""
        wanted = 1 if self.folder is None else 1 + available_cores()
        try:
            self._connect_until(wanted)
        except sqlite3.OperationalError:
            log = f"{self._path}-wal"
            if os.access(self._path, os.W_OK) and os.access(str(self.folder), os.W_OK):
                raise
            if os.path.isfile(log) and os.path.getsize(log):
                raise
            # Nobody writes here: SQLite needs no files of its own to read.
            self._disconnect()
            self._address += "?immutable=1"
            self._connect_until(wanted)

    def _connect_until(self, wanted: int) -> None:
        while len(self._connections) < wanted:
            connection = self._connect()
            # Opens the log too, whose name may be another's later.
            connection.execute("SELECT * FROM state").fetchall()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._address,
            timeout=_WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            uri=self.folder is not None,
        )
        self._connections.append(connection)
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def _disconnect(self) -> None:
        while self._connections:
            self._connections.pop().close()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with, which no other thread uses meanwhile."""
        connection = self._idle.get()
        try:
            self._check_open()
            yield connection
        finally:
            if self._closed:
                connection.close()
            self._idle.put(connection)

    def _check_open(self) -> None:
        if self._closed:
            raise ArtifactError(f"{self._path}: the index is closed. Open it again.")

    @contextlib.contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ArtifactError(f"{self._path}: the index cannot be read or written: {error}.") from error


def file_number(folder: Path) -> tuple[int, int] | None:
    """What tells the database in a folder from another that takes its place; None where there is none."""
    try:
        found = os.stat(folder / DATABASE)
    except OSError:
        return None
    return found.st_dev, found.st_ino
