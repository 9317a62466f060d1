"""Rows and their vectors into an index's database, and its graph after them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from textsim.config.cores import available_cores
from textsim.errors import InputError, shown
from textsim.io.progress import Bar
from textsim.matching.index.entries import Batch, Entry, clean, payload_cells, payload_json
from textsim.matching.index.graph import Graph, principal_directions, sampled
from textsim.matching.index.listed import unit
from textsim.matching.index.snapshot import GraphRecord, open_graph
from textsim.matching.index.store import Store
from textsim.matching.index.tables import Row, Writing
from textsim.matching.text_matcher import TextMatcher

MOST_LISTED = 10_000
"""Rows whose vectors are all compared in a search; once there are more, a graph takes them over."""

# From so many rows on, vectors are compared by a part of their numbers first.
_PROJECTED = 1000

GRAPHS = ("graph-0.usearch", "graph-1.usearch")
"""The files of a graph: a new one is written beside the one that is in use."""


def write_rows(
    writing: Writing, matcher: TextMatcher, batches: Iterable[Batch], *, replace: bool = False, bar: Bar
) -> int:
    """Stores entries with their vectors; those whose id and text are there already change their payload alone.

    Args:
        writing: the transaction.
        matcher: the model.
        batches: the entries.
        replace: whether to remove all other texts of their ids.
        bar: counts the texts.

    Returns:
        How many entries there were.

    Raises:
        InputError: an id is empty or not a text, or a payload cannot be stored.
    """
    count, columns = 0, dict.fromkeys(writing.get("columns"))
    seen: set[str] = set()
    for entries, texts in batches:
        next_key = writing.get("next_key")
        ids = _ids(writing, entries)
        if replace:
            for id in dict.fromkeys(ids):
                if id not in seen:
                    writing.remove(id)
            seen.update(ids)
        rows = []
        for key, (entry, id, tokens) in enumerate(zip(entries, ids, texts.keys, strict=True), next_key):
            cells = payload_cells(entry.payload, f"id {id!r}")
            rows.append(Row(key, id, clean(entry.text), payload_json(cells, f"id {id!r}"), tokens))
            columns.update(dict.fromkeys(cells))
        new = writing.put_rows(rows) if rows else np.empty(0, np.int64)
        encoded, places = matcher.encode_keys([rows[place].tokens for place in new], None)
        writing.put_vectors([rows[place].key for place in new], encoded[places])
        writing.set("next_key", next_key + len(rows))
        count += len(rows)
        bar.update(len(rows))
    writing.set("columns", list(columns))
    return count


def _ids(writing: Writing, entries: list[Entry]) -> list[str]:
    number, ids = writing.get("next_number"), []
    given = {entry.id for entry in entries if isinstance(entry.id, str)}
    for entry in entries:
        if entry.id is None:
            while str(number) in given or writing.has_id(str(number)):
                number += 1
            ids.append(str(number))
            number += 1
        elif isinstance(entry.id, str) and entry.id:
            ids.append(clean(entry.id))
        else:
            raise InputError(f"id: expected a text. Received {shown(entry.id)}.")
    writing.set("next_number", number)
    return ids


def prepare_search(writing: Writing, store: Store, *, anew: bool = False) -> None:
    """Makes what searches of many rows need: a projection of their vectors, and in a folder a graph of them.

    Args:
        writing: the transaction.
        store: that of the transaction; in memory there is no graph.
        anew: whether to make both from all rows, without what was removed since.

    Raises:
        ReplacedError: another index took the place of this one, and its graph must not be written over.
    """
    folder = store.folder
    record: GraphRecord | None = writing.get("graph")
    last_key = 0 if record is None or anew else record["last_key"]
    listed = writing.keys_after(last_key)
    if folder is None or len(listed) <= MOST_LISTED:
        if anew:
            writing.set("graph", None)
            writing.forget_removed()
        if len(listed) >= _PROJECTED and (anew or not writing.get("projection")):
            _project(writing, listed)
        return
    if record is None or anew:
        _project(writing, listed)
        graph = Graph(writing.projection())
    else:
        graph = open_graph(writing, folder, record, writable=True)
        graph.remove(writing.removed())
    for keys, encoded in writing.vectors_after(last_key):
        graph.add(keys, unit(encoded), available_cores())
    name = GRAPHS[1] if record is not None and record["name"] == GRAPHS[0] else GRAPHS[0]
    store.check_in_place()
    graph.save(folder / name)
    size = (folder / name).stat().st_size
    writing.set("graph", GraphRecord(name=name, bytes=size, last_key=int(listed[-1])))
    writing.forget_removed()


def _project(writing: Writing, keys: np.ndarray) -> None:
    sample = writing.vectors(keys[sampled(len(keys))].tolist())
    writing.put_projection(principal_directions(unit(sample.encoded)))
