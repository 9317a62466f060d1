"""The tables of an index's database, as they are read and written within one transaction."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from textsim.errors import ArtifactError

# Of the numbers in one SQL statement.
_MOST_KEYS = 900
_BLOCK_ROWS = 8192
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,300})(\.[0-9]{1,300})?([eE][-+]?[0-9]{1,3})?")
SCHEMA = """
CREATE TABLE rows (
    key INTEGER PRIMARY KEY, id TEXT NOT NULL, text TEXT NOT NULL, payload TEXT NOT NULL, tokens BLOB NOT NULL,
    UNIQUE (id, text)
);
CREATE TABLE vectors (key INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE removed (key INTEGER PRIMARY KEY);
CREATE TABLE projection (width INTEGER NOT NULL, numbers BLOB NOT NULL);
CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
STATE: dict[str, Any] = {
    "change": 0,  # counts the transactions that wrote
    "texts": 0,
    "next_key": 1,
    "next_number": 1,  # the id of the next row without one
    "projection": 0,  # the number of the one that is stored
    "columns": [],  # of the payloads
    "graph": None,  # see `snapshot.GraphRecord`
}
"""What `state` holds at first."""


class Row(NamedTuple):
    """A stored text.

    Attributes:
        key: its number, which no other row gets, ever.
        id: of its entry; rows that share one are phrasings of one entry.
        text: as it was given.
        payload: the further columns, as JSON.
        tokens: its token ids, as in `TokenizedTexts.keys`.
    """

    key: int
    id: str
    text: str
    payload: str
    tokens: bytes


class Vectors(NamedTuple):
    """Stored vectors: `keys` int64 (n,), rising, and `encoded` float32 (n, output_dim)."""

    keys: np.ndarray
    encoded: np.ndarray


class Reading:
    """What is stored, at one moment.

    Args:
        connection: with a transaction under way.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> Any:
        """A value of `STATE`."""
        value = self._connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        if value is None:
            raise ArtifactError(f"the index lacks its {name!r}: it was damaged. Build it anew.")
        return json.loads(value[0])

    def projection(self) -> np.ndarray:
        """What vectors are projected with: float32 (output_dim, width)."""
        width, numbers = self._connection.execute("SELECT width, numbers FROM projection").fetchone()
        return np.frombuffer(numbers, np.float32).reshape(-1, width)

    def rows(self, keys: Sequence[int]) -> dict[int, Row]:
        """The rows of some keys, by key; without those that are not stored any more."""
        return {row[0]: Row(*row) for row in self._by_key("SELECT * FROM rows", keys)}

    def vectors(self, keys: Sequence[int]) -> Vectors:
        """The vectors of some keys, without those that are not stored any more."""
        return _stacked(sorted(self._by_key("SELECT * FROM vectors", keys)))

    def keys_after(self, key: int) -> np.ndarray:
        """The keys above one, int64 (n,), rising."""
        return _numbers(self._connection.execute("SELECT key FROM rows WHERE key > ? ORDER BY key", (key,)))

    def vectors_after(self, key: int) -> Iterator[Vectors]:
        """Blocks of the vectors of the keys above one."""
        cursor = self._connection.execute("SELECT * FROM vectors WHERE key > ? ORDER BY key", (key,))
        while rows := cursor.fetchmany(_BLOCK_ROWS):
            yield _stacked(rows)

    def removed(self) -> np.ndarray:
        """Keys in the graph that are not stored any more, int64 (n,), rising."""
        return _numbers(self._connection.execute("SELECT key FROM removed ORDER BY key"))

    def has_id(self, id: str) -> bool:
        """Whether a row has this id."""
        return self._connection.execute("SELECT 1 FROM rows WHERE id = ?", (id,)).fetchone() is not None

    def keys_where(self, filter: Mapping[str, Any]) -> np.ndarray:
        """Keys of the rows whose payload has all these values, numbers compared as such, all else as text: int64 (n,),
        rising.
        """
        # JSON's true, false and null are known by their type. A number may be written in several ways.
        same = (
            "(cell.atom || '' = ? OR cell.type IN ('true', 'false', 'null') AND cell.type = ? "
            "OR cell.type IN ('integer', 'real') AND cell.atom = ?)"
        )
        condition = " AND ".join(
            [f"EXISTS (SELECT 1 FROM json_each(payload) AS cell WHERE cell.key = ? AND {same})"] * len(filter)
        )
        values = [part for column, value in filter.items() for part in (column, value, value, _number(value))]
        return _numbers(
            self._connection.execute(f"SELECT key FROM rows WHERE {condition} ORDER BY key", values)
        )

    def count_ids(self) -> int:
        """How many different ids the rows have."""
        return int(self._connection.execute("SELECT count(DISTINCT id) FROM rows").fetchone()[0])

    def _by_key(self, query: str, keys: Sequence[int]) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(keys), _MOST_KEYS):
            part = keys[start : start + _MOST_KEYS]
            marks = ",".join("?" * len(part))
            found += self._connection.execute(f"{query} WHERE key IN ({marks})", part).fetchall()
        return found


class Writing(Reading):
    """What is stored, and will be."""

    def set(self, name: str, value: Any) -> None:
        """Changes a value of `STATE`."""
        text = json.dumps(value, ensure_ascii=False)
        self._connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, text))

    def put_rows(self, rows: Sequence[Row]) -> np.ndarray:
        """Stores rows of new, rising keys. One whose id and text are there already gives them its payload only.

        Returns:
            The places, among `rows`, of those that are there under their own key: they need vectors.
        """
        self._connection.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id, text) DO UPDATE SET payload = excluded.payload",
            rows,
        )
        keys = [row.key for row in rows]
        stored = _numbers(
            self._connection.execute("SELECT key FROM rows WHERE key BETWEEN ? AND ?", (keys[0], keys[-1]))
        )
        self.set("texts", self.get("texts") + len(stored))
        return np.flatnonzero(np.isin(keys, stored))

    def put_vectors(self, keys: Sequence[int], encoded: np.ndarray) -> None:
        """Stores the vectors of rows, float32 (keys, output_dim)."""
        self._connection.executemany(
            "INSERT INTO vectors VALUES (?, ?)", zip(keys, map(np.ndarray.tobytes, encoded), strict=True)
        )

    def remove(self, id: str) -> int:
        """Removes the rows of an id, and notes those that the graph holds; returns how many there were."""
        keys = self._connection.execute("SELECT key FROM rows WHERE id = ?", (id,)).fetchall()
        self._connection.executemany("DELETE FROM rows WHERE key = ?", keys)
        self._connection.executemany("DELETE FROM vectors WHERE key = ?", keys)
        graph = self.get("graph")
        noted = [] if graph is None else [key for key in keys if key[0] <= graph["last_key"]]
        self._connection.executemany("INSERT INTO removed VALUES (?)", noted)
        self.set("texts", self.get("texts") - len(keys))
        return len(keys)

    def put_projection(self, projection: np.ndarray) -> None:
        """Stores what vectors are projected with from now on, float32 (output_dim, width)."""
        self._connection.execute("DELETE FROM projection")
        self._connection.execute(
            "INSERT INTO projection VALUES (?, ?)", (projection.shape[1], projection.tobytes())
        )
        self.set("projection", self.get("projection") + 1)

    def forget_removed(self) -> None:
        """For a graph that does not hold them."""
        self._connection.execute("DELETE FROM removed")


def _stacked(rows: Sequence[tuple[int, bytes]]) -> Vectors:
    keys = np.fromiter((key for key, _ in rows), np.int64, len(rows))
    if len({len(vector) for _, vector in rows}) > 1 or (rows and len(rows[0][1]) % 4):
        raise ArtifactError("the vectors of an index are not of one width: it was damaged. Build it anew.")
    numbers = np.frombuffer(b"".join(vector for _, vector in rows), np.float32)
    return Vectors(keys, numbers.reshape(len(rows), -1) if rows else numbers.reshape(0, 0))


def _number(text: str) -> int | float | None:
    """The number that a text is as JSON writes one; None for any other."""
    if not _NUMBER.fullmatch(text):
        return None
    number = json.loads(text)
    # Beyond these SQLite has floats alone.
    return float(number) if abs(number) >= 1 << 63 else number


def _numbers(cursor: sqlite3.Cursor) -> np.ndarray:
    return np.array([key for (key,) in cursor.fetchall()], np.int64)
